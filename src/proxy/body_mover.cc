#include "proxy/body_mover.h"

#include <algorithm>

namespace lintel::proxy {
namespace {

using net::Task;

/// With less to come the pipe is not worth its two calls.
constexpr std::uint64_t kLeastSplice = 128 * 1024;

MovedPiece failure(MovedPiece::Failed what, const Error& error) noexcept {
  MovedPiece piece;
  piece.failed = what;
  piece.error = error;
  return piece;
}

bool can_splice(const http::DirectBody& body) noexcept {
  return body.stream && body.bytes >= kLeastSplice && body.stream->can_splice();
}

}  // namespace

Task<MovedPiece> BodyMover::move() {
  if (flow_.is_bulk()) {
    const http::DirectBody from = source_.direct_source();
    const http::DirectBody to = sink_.direct_sink();
    if (can_splice(from) && can_splice(to)) return splice(from, to);
  }
  return copy();
}

Task<MovedPiece> BodyMover::splice(http::DirectBody from, http::DirectBody to) {
  const std::uint64_t most = std::min({from.bytes, to.bytes, std::uint64_t{net::kSpliceMost}});
  from.allowance->begin_wait(loop_.now());
  from.stream->set_read_deadline(from.allowance->deadline());
  const Result<std::size_t> got =
      co_await net::splice_in(*from.stream, pipe_, static_cast<std::size_t>(most));
  from.allowance->end_wait(loop_.now());
  const bool no_pipe = !got && got.error().code == ErrorCode::resource;
  if (no_pipe) flow_.stop();
  if (no_pipe || (got && *got == 0)) co_return co_await copy();  // Which knows what an end means.
  if (!got) co_return failure(MovedPiece::Failed::read, from.allowance->explain(got.error()));
  from.allowance->earn(*got);
  flow_.spliced(*got);
  source_.took(*got);
  const Result<void> sent = co_await net::splice_out(pipe_, *to.stream);
  if (!sent) co_return failure(MovedPiece::Failed::write, sent.error());
  sink_.gave(*got);
  MovedPiece piece;
  piece.bytes = *got;
  co_return piece;
}

Task<MovedPiece> BodyMover::copy() {
  const Result<http::BodyChunk> chunk = co_await source_.read_body();
  if (!chunk) co_return failure(MovedPiece::Failed::read, chunk.error());
  flow_.read(chunk->bytes.size());
  const Result<void> written = co_await sink_.write_body(*chunk, source_.trailers());
  if (!written) co_return failure(MovedPiece::Failed::write, written.error());
  MovedPiece piece;
  piece.bytes = chunk->bytes.size();
  piece.last = chunk->last;
  co_return piece;
}

}  // namespace lintel::proxy
