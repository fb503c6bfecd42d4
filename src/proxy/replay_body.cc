#include "proxy/replay_body.h"

namespace lintel::proxy {

net::Task<Result<http::BodyChunk>> ReplayBody::read_body() {
  if (keeps_) return read_and_keep();
  read_ = true;
  return from_.read_body();
}

net::Task<Result<http::BodyChunk>> ReplayBody::read_and_keep() {
  if (!read_) {
    kept_ = buffers_.take();
    keep_piece(first_);
    read_ = true;
  }
  Result<http::BodyChunk> piece = co_await from_.read_body();
  if (piece && keeps_) keep_piece(*piece);
  co_return piece;
}

void ReplayBody::keep_piece(http::BodyChunk piece) {
  if (kept_.size() + piece.bytes.size() > kMost) {
    keeps_ = false;
    buffers_.give(std::move(kept_));
    return;
  }
  kept_.append(piece.bytes);
  complete_ = piece.last;
}

}  // namespace lintel::proxy
