#pragma once

// What both ends of HTTP/1.1 connections share: bytes read ahead, and bodies by their framing.

#include <cstdint>
#include <span>

#include "base/buffer_pool.h"
#include "http/h1_chunked.h"
#include "http/h1_framing.h"
#include "http/transaction.h"
#include "net/allowance.h"
#include "net/stream.h"

namespace lintel::http {

/// Bytes that were read from a connection before their turn. Holds memory only while it holds bytes.
class ReadAhead {
 public:
  explicit ReadAhead(BufferPool& pool) noexcept : pool_(pool) {}
  ~ReadAhead() { release(); }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  /// What is there, in order. Valid until keep() or consume().
  [[nodiscard]] std::span<char> bytes() noexcept { return {bytes_.data() + begin_, bytes_.size() - begin_}; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == bytes_.size(); }
  /// Takes `n` bytes away. The memory stays until the next keep() or release().
  void consume(std::size_t n) noexcept { begin_ += n; }
  /// Appends a copy.
  void keep(std::span<const char> more);
  /// Gives the memory back if nothing is left.
  void release() noexcept;

 private:
  BufferPool& pool_;
  Buffer bytes_;
  std::size_t begin_ = 0;
};

/// Cuts one body out of the bytes that carry it.
class BodyDecoder {
 public:
  enum class Status : std::uint8_t { need_more, done, error };
  struct Piece {
    Status status = Status::need_more;
    std::size_t consumed = 0;  ///< Bytes of the input that belong to the body.
    std::span<char> data;      ///< Decoded bytes, in the input's memory.
    const char* reason = "";
    Limit limit = Limit::none;  ///< That was reached, where that is the error.
  };

  void start(const Framing& framing, const HeadLimits& limits, UnderscoreNames underscore_names) noexcept;
  /// More decoded bytes than this are an error. 0: no limit. Stays until start().
  void set_limit(std::uint64_t bytes) noexcept { limit_ = bytes; }
  /// Trailers that a Connection field of `head` names are dropped (RFC 9110, 7.6.1). Null: none are named.
  /// Outlives the decoding; stays until start().
  void set_nominating(const Fields* head) noexcept { nominating_ = head; }
  /// Decodes in place. With Framing::none, or a length of 0, it is done at once.
  [[nodiscard]] Piece decode(std::span<char> in);
  /// How many of the next bytes of the connection are body as they stand; 0 where they must be decoded.
  [[nodiscard]] std::uint64_t verbatim() const noexcept;
  /// So many went without being decoded.
  void skip(std::uint64_t bytes) noexcept;
  /// Bytes decoded since start().
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool over_limit() const noexcept { return limit_ != 0 && bytes_ > limit_; }
  /// False when decode() says how the body ends without any further input.
  [[nodiscard]] bool needs_input() const noexcept { return !done_ && !broken_ && !over_limit(); }
  /// What the end of the stream means: done for bodies that end with the connection, else error.
  [[nodiscard]] Status at_end_of_stream() const noexcept;
  [[nodiscard]] bool done() const noexcept { return done_; }
  /// The limit that broke the body: one of those on heads, which hold for trailers too; else none.
  [[nodiscard]] Limit reached_limit() const noexcept { return reached_limit_; }
  [[nodiscard]] const Framing& framing() const noexcept { return framing_; }
  /// Trailers, once done; null where there are none.
  [[nodiscard]] const Fields* trailers() const noexcept;
  /// Trailers dropped because their name contains "_".
  [[nodiscard]] std::uint32_t dropped_underscore() const noexcept {
    return framing_.kind == Framing::Kind::chunked ? chunks_.dropped_underscore() : 0;
  }

 private:
  Framing framing_;
  [[nodiscard]] Piece decode_framed(std::span<char> in);

  std::uint64_t left_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t limit_ = 0;
  const char* broken_ = nullptr;  ///< Why nothing more can be decoded.
  Limit reached_limit_ = Limit::none;
  bool done_ = true;
  const Fields* nominating_ = nullptr;
  ChunkDecoder chunks_;
  Fields trailers_;
};

/// Puts one body into the form that its framing asks for.
class BodyEncoder {
 public:
  void start(const Framing& framing) noexcept;
  /// Appends to `out`, which may hold the head already, what goes before and after `chunk`, and small chunks
  /// themselves. Returns what to write, in order; valid while `out` and the chunk are.
  [[nodiscard]] net::WriteSpans frame(Buffer& out, BodyChunk chunk, const Fields* trailers);
  /// How many further bytes may be written as they stand; 0 where they need framing.
  [[nodiscard]] std::uint64_t verbatim() const noexcept;
  /// So many were written without being framed.
  void skip(std::uint64_t bytes) noexcept;
  /// The last piece was framed and all bytes that were promised have gone out.
  [[nodiscard]] bool done() const noexcept { return done_; }
  /// The end of the connection is the end of the body.
  [[nodiscard]] bool until_close() const noexcept { return framing_.kind == Framing::Kind::until_close; }

 private:
  /// Up to here a copy into one buffer costs less than another iovec.
  static constexpr std::size_t kCopy = 8 * 1024;
  Framing framing_;
  std::uint64_t left_ = 0;
  bool done_ = true;
};

/// The next piece of a body: from `ahead` if there is something, else from the stream, through the loop's
/// scratch, for as long as `allowance` has it. Everything passed must outlive the task. Errors as
/// BodySource::read_body, from `source`.
Task<Result<BodyChunk>> pull_body(net::Stream& stream, ReadAhead& ahead, BodyDecoder& decoder,
                                  net::Allowance& allowance, ErrorSource source);

/// `bytes` of the connection, none: then no part of the body. `allowance`: of a source.
[[nodiscard]] inline DirectBody direct_body(net::Stream& stream, std::uint64_t bytes,
                                            net::Allowance* allowance = nullptr) noexcept {
  return {bytes != 0 ? &stream : nullptr, bytes, allowance};
}

/// What of the body is in `ahead`, without suspending; `allowance` is credited with it. A broken body shows
/// as an empty chunk; the next pull_body tells the error.
[[nodiscard]] BodyChunk take_buffered_body(ReadAhead& ahead, BodyDecoder& decoder, net::Allowance& allowance);

}  // namespace lintel::http
