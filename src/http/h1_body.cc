#include "http/h1_body.h"

#include <algorithm>

#include "http/h1_connection_options.h"
#include "http/h1_serializer.h"

namespace lintel::http {
namespace {

constexpr std::uint64_t kToTheEnd = ~std::uint64_t{0};

/// The error of a read, as one of the side that was read from.
tl::unexpected<Error> fail(Error error, ErrorSource source) {
  error.source = source;
  return tl::unexpected<Error>(error);
}

}  // namespace

void ReadAhead::keep(std::span<const char> more) {
  if (empty()) {
    bytes_.clear();
    begin_ = 0;
    if (more.empty()) return;
    if (bytes_.capacity() == 0) bytes_ = pool_.take();
  }
  bytes_.append({more.data(), more.size()});
}

void ReadAhead::release() noexcept {
  if (!empty() || bytes_.capacity() == 0) return;
  pool_.give(std::move(bytes_));
  begin_ = 0;
}

void BodyDecoder::start(const Framing& framing, const HeadLimits& limits,
                        UnderscoreNames underscore_names) noexcept {
  framing_ = framing;
  left_ = framing.length;
  bytes_ = 0;
  limit_ = 0;
  broken_ = nullptr;
  reached_limit_ = Limit::none;
  nominating_ = nullptr;
  done_ = framing.kind == Framing::Kind::none || (framing.kind == Framing::Kind::length && left_ == 0);
  if (framing.kind == Framing::Kind::chunked) chunks_.start(trailers_, limits, underscore_names);
}

BodyDecoder::Piece BodyDecoder::decode(std::span<char> in) {
  if (broken_) return {Status::error, 0, {}, broken_};
  const Piece piece = decode_framed(in);
  bytes_ += piece.data.size();
  if (piece.status == Status::error) {
    broken_ = piece.reason;
    reached_limit_ = piece.limit;
  }
  return piece;
}

BodyDecoder::Piece BodyDecoder::decode_framed(std::span<char> in) {
  if (done_) return {Status::done, 0, {}, ""};
  if (framing_.kind == Framing::Kind::length) {
    const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
    left_ -= n;
    done_ = left_ == 0;
    return {done_ ? Status::done : Status::need_more, n, in.first(n), ""};
  }
  if (framing_.kind == Framing::Kind::chunked) {
    const ChunkDecoder::Progress got = chunks_.feed(in);
    if (got.status == ChunkDecoder::Status::error)
      return {Status::error, got.consumed, got.data, got.reason, got.limit};
    done_ = got.status == ChunkDecoder::Status::done;
    if (done_ && nominating_) remove_nominated(trailers_, *nominating_);
    return {done_ ? Status::done : Status::need_more, got.consumed, got.data, ""};
  }
  return {Status::need_more, in.size(), in, ""};
}

std::uint64_t BodyDecoder::verbatim() const noexcept {
  if (done_ || broken_ || limit_ != 0) return 0;
  if (framing_.kind == Framing::Kind::length) return left_;
  return framing_.kind == Framing::Kind::until_close ? kToTheEnd : 0;
}

void BodyDecoder::skip(std::uint64_t bytes) noexcept {
  bytes_ += bytes;
  if (framing_.kind != Framing::Kind::length) return;
  left_ -= bytes;
  done_ = left_ == 0;
}

BodyDecoder::Status BodyDecoder::at_end_of_stream() const noexcept {
  if (done_ || framing_.kind == Framing::Kind::until_close) return Status::done;
  return Status::error;
}

const Fields* BodyDecoder::trailers() const noexcept {
  if (framing_.kind != Framing::Kind::chunked || !done_ || trailers_.lines().empty()) return nullptr;
  return &trailers_;
}

void BodyEncoder::start(const Framing& framing) noexcept {
  framing_ = framing;
  left_ = framing.length;
  done_ = framing.kind == Framing::Kind::none;
}

std::uint64_t BodyEncoder::verbatim() const noexcept {
  if (framing_.kind == Framing::Kind::length) return left_;
  return framing_.kind == Framing::Kind::until_close ? kToTheEnd : 0;
}

void BodyEncoder::skip(std::uint64_t bytes) noexcept {
  if (framing_.kind == Framing::Kind::length) left_ -= bytes;
}

net::WriteSpans BodyEncoder::frame(Buffer& out, BodyChunk chunk, const Fields* trailers) {
  const bool chunked = framing_.kind == Framing::Kind::chunked;
  if (framing_.kind == Framing::Kind::none) return net::WriteSpans(out.view());
  if (framing_.kind == Framing::Kind::length) {
    chunk.bytes =
        chunk.bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, chunk.bytes.size())));
    left_ -= chunk.bytes.size();
  }
  done_ = chunk.last && (framing_.kind != Framing::Kind::length || left_ == 0);
  const bool copied = chunk.bytes.size() <= kCopy && (chunked || !out.empty());
  if (chunked && !chunk.bytes.empty()) write_chunk_begin(out, chunk.bytes.size());
  if (copied) out.append(chunk.bytes);
  const std::size_t before = out.size();
  if (chunked && !chunk.bytes.empty()) write_chunk_end(out);
  if (chunked && chunk.last) write_last_chunk(out, trailers);
  if (copied) return net::WriteSpans(out.view());
  return net::WriteSpans(out.view(0, before), chunk.bytes, out.view(before, out.size() - before));
}

Task<Result<BodyChunk>> pull_body(net::Stream& stream, ReadAhead& ahead, BodyDecoder& decoder,
                                  net::Allowance& allowance, ErrorSource source) {
  for (;;) {
    const bool buffered = !ahead.empty();
    std::span<char> in = ahead.bytes();
    if (!buffered && decoder.needs_input()) {
      ahead.release();
      allowance.begin_wait(stream.loop().now());
      stream.set_read_deadline(allowance.deadline());
      const std::span<char> scratch = stream.loop().scratch();
      const Result<std::size_t> got = co_await stream.read(scratch);
      allowance.end_wait(stream.loop().now());
      if (!got) co_return fail(allowance.explain(got.error()), source);
      if (*got == 0) {
        if (decoder.at_end_of_stream() == BodyDecoder::Status::done) co_return BodyChunk({}, true);
        co_return fail({ErrorCode::closed, source, false, 0, "the body was cut off"}, source);
      }
      in = scratch.first(*got);
    }
    const BodyDecoder::Piece piece = decoder.decode(in);
    allowance.earn(piece.consumed);
    if (buffered) {
      ahead.consume(piece.consumed);
    } else {
      ahead.keep(in.subspan(piece.consumed));
    }
    if (decoder.over_limit())
      co_return fail({ErrorCode::too_large, source, false, 0, "the body is too large"}, source);
    // What came before a fault is a piece like any other, so that it does not matter where reads were cut.
    if (piece.status == BodyDecoder::Status::error && piece.data.empty())
      co_return fail({ErrorCode::protocol, source, false, 0, piece.reason}, source);
    const bool last = piece.status == BodyDecoder::Status::done;
    if (last || !piece.data.empty()) co_return BodyChunk({piece.data.data(), piece.data.size()}, last);
  }
}

BodyChunk take_buffered_body(ReadAhead& ahead, BodyDecoder& decoder, net::Allowance& allowance) {
  if (decoder.done()) return BodyChunk({}, true);
  if (ahead.empty()) return {};
  const BodyDecoder::Piece piece = decoder.decode(ahead.bytes());
  ahead.consume(piece.consumed);
  allowance.earn(piece.consumed);
  if (decoder.over_limit()) return {};
  return BodyChunk({piece.data.data(), piece.data.size()}, piece.status == BodyDecoder::Status::done);
}

}  // namespace lintel::http
