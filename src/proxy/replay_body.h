#pragma once

#include <cstddef>

#include "base/buffer_pool.h"
#include "http/transaction.h"

namespace lintel::proxy {

/// A request's body on its way to servers, perhaps to several in turn: what was read of it is kept, as far as
/// there is room, so that the next attempt begins with it again.
class ReplayBody final : public http::BodySource {
 public:
  /// As much is kept of one body.
  static constexpr std::size_t kMost = 64 * 1024;

  /// Takes what has come of `from`'s body; nothing else may read it from now on.
  ReplayBody(http::ServerTransaction& from, BufferPool& buffers)
      : from_(from), buffers_(buffers), first_(from.buffered_body()) {}
  ReplayBody(const ReplayBody&) = delete;
  ReplayBody& operator=(const ReplayBody&) = delete;
  ~ReplayBody() { buffers_.give(std::move(kept_)); }

  /// From now on what is read is kept. To be called before anything is.
  void keep() noexcept { keeps_ = true; }
  /// What an attempt begins with: all that is there. Valid until the first read_body.
  [[nodiscard]] http::BodyChunk begin() const noexcept {
    return read_ ? http::BodyChunk(kept_.view(), complete_) : first_;
  }
  /// Whether an attempt that begins now sends the whole body.
  [[nodiscard]] bool can_begin() const noexcept { return !read_ || keeps_; }
  /// The same, and nothing is still to come.
  [[nodiscard]] bool is_whole() const noexcept { return can_begin() && begin().last; }

  net::Task<Result<http::BodyChunk>> read_body() override;
  [[nodiscard]] http::DirectBody direct_source() noexcept override {
    return keeps_ ? http::DirectBody{} : from_.direct_source();
  }
  void took(std::uint64_t bytes) noexcept override {
    read_ = true;
    from_.took(bytes);
  }
  [[nodiscard]] const http::Fields* trailers() const noexcept override { return from_.trailers(); }
  void set_body_timeout(Nanos timeout) noexcept override { from_.set_body_timeout(timeout); }
  void cancel_read() noexcept override { from_.cancel_read(); }

 private:
  net::Task<Result<http::BodyChunk>> read_and_keep();
  void keep_piece(http::BodyChunk piece);

  http::ServerTransaction& from_;
  BufferPool& buffers_;
  http::BodyChunk first_;
  Buffer kept_;
  bool keeps_ = false;
  bool read_ = false;  ///< `first_` is gone.
  bool complete_ = false;
};

}  // namespace lintel::proxy
