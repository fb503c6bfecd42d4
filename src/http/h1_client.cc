#include "http/h1_client.h"

#include <utility>

#include "http/h1_serializer.h"

namespace lintel::http {
namespace {

tl::unexpected<Error> fail(Error error, bool retryable) {
  error.source = ErrorSource::upstream;
  error.retryable = retryable;
  return tl::unexpected<Error>(error);
}

Framing request_framing(const RequestHead& head) noexcept {
  if (!head.has_body) return Framing::none();
  if (head.content_length) return Framing::of_length(*head.content_length);
  return Framing::chunked();
}

}  // namespace

H1ClientConnection::H1ClientConnection(net::StreamPtr stream, Workspace& workspace) noexcept
    : stream_(std::move(stream)), workspace_(workspace), ahead_(workspace.buffers) {}

void H1ClientConnection::start(const Settings& settings) noexcept {
  settings_ = settings;
  const Nanos now = stream_->loop().now();
  body_allowance_.start({.most = settings.body_timeout}, now);
  pace_.start({.most = settings.write_timeout}, now);
  stream_->set_write_pace(&pace_);
  decoder_.start(Framing::none(), settings.head, UnderscoreNames::keep);
  encoder_.start(Framing::none());
  response_deadline_ = kNever;
  announced_idle_ = 0;
  ++exchanges_;
  upgraded_ = sent_ = received_ = answered_ = failed_ = false;
}

bool H1ClientConnection::reusable() const noexcept {
  return answered_ && sent_ && !early_ && !failed_ && parser_.keep_alive() && decoder_.done() && !upgraded_ &&
         ahead_.empty();
}

void H1ClientConnection::set_response_deadline(Nanos at) noexcept {
  response_deadline_ = at;
  if (!answered_) stream_->set_read_deadline(at);
}

Task<Result<void>> H1ClientConnection::write_head(const RequestHead& head, BodyChunk first,
                                                  const Fields* trailers) {
  const Framing framing = request_framing(head);
  method_ = head.method;
  upgrade_ = head.text(head.upgrade);
  Buffer& out = workspace_.loop.staging();
  write_request_head(out, head, framing, !upgrade_.empty());
  encoder_.start(framing);
  Result<void> written = co_await stream_->write(encoder_.frame(out, first, trailers));
  if (!written) {
    failed_ = true;
    co_return fail(written.error(), written.error().retryable);
  }
  sent_ = encoder_.done();
  co_return written;
}

Task<Result<void>> H1ClientConnection::write_body(BodyChunk chunk, const Fields* trailers) {
  Buffer& out = workspace_.loop.staging();
  const net::WriteSpans spans = encoder_.frame(out, chunk, trailers);
  Result<void> written;
  if (!spans.empty()) written = co_await stream_->write(spans);
  if (!written) {
    failed_ = true;
    co_return fail(written.error(), false);
  }
  sent_ = encoder_.done();
  co_return written;
}

Task<Result<BodyChunk>> H1ClientConnection::read_head(ResponseHead& head) {
  parser_.start(head, settings_.head, method_);
  for (;;) {
    const bool buffered = !ahead_.empty();
    std::span<char> in = ahead_.bytes();
    if (!buffered) {
      ahead_.release();
      // A server that always has more to say, interim responses without end, never lets a read wait.
      if (received_ && stream_->loop().now() >= response_deadline_) {
        failed_ = true;
        co_return fail({ErrorCode::timeout, ErrorSource::upstream, false, 0, "the final head did not come"},
                       false);
      }
      stream_->set_read_deadline(response_deadline_);
      const std::span<char> scratch = workspace_.loop.scratch();
      const Result<std::size_t> got = co_await stream_->read(scratch);
      if (!got || *got == 0) {
        failed_ = true;
        const Error closed{ErrorCode::closed, ErrorSource::upstream, false, 0,
                           "the server closed the connection"};
        co_return fail(got ? closed : got.error(), !received_);
      }
      received_ = true;
      in = scratch.first(*got);
    }
    const HeadProgress progress = parser_.feed(in);
    const std::span<char> rest = in.subspan(progress.consumed);
    if (buffered) ahead_.consume(progress.consumed);
    if (progress.status == HeadStatus::need_more) continue;
    if (progress.status == HeadStatus::done && !head.is_interim()) co_return begin_body(head, rest, buffered);
    if (!buffered) ahead_.keep(rest);
    if (progress.status == HeadStatus::done) co_return BodyChunk({}, false);
    failed_ = true;
    const bool large = progress.status == HeadStatus::fields_too_large;
    const ErrorCode code = large ? ErrorCode::too_large : ErrorCode::protocol;
    co_return fail({code, ErrorSource::upstream, false, 0, progress.reason}, false);
  }
}

Result<BodyChunk> H1ClientConnection::begin_body(const ResponseHead& head, std::span<char> rest,
                                                 bool buffered) {
  answered_ = true;
  early_ = !sent_;
  announced_idle_ = head.keep_alive_seconds;
  if (head.status == 101) {
    // RFC 9110, 7.8: a server must not switch to a protocol that it was not asked for.
    if (upgrade_.empty() || !equals_ignoring_case(head.text(head.upgrade), upgrade_)) {
      failed_ = true;
      return fail({ErrorCode::protocol, ErrorSource::upstream, false, 0, "101 to a protocol not asked for"},
                  false);
    }
    upgraded_ = true;
    if (!buffered) ahead_.keep(rest);
    return BodyChunk({}, false);
  }
  decoder_.start(parser_.framing(), settings_.head, UnderscoreNames::keep);
  if (parser_.nominates()) decoder_.set_nominating(&head.fields);
  // The body goes on straight from the scratch; only what follows it is kept (and then spoils the
  // connection).
  const BodyDecoder::Piece piece = decoder_.decode(rest);
  if (buffered) {
    ahead_.consume(piece.consumed);
  } else {
    ahead_.keep(rest.subspan(piece.consumed));
  }
  if (piece.status == BodyDecoder::Status::error) failed_ = true;  // read_body tells why.
  return BodyChunk({piece.data.data(), piece.data.size()}, piece.status == BodyDecoder::Status::done);
}

DirectBody H1ClientConnection::direct_source() noexcept {
  return direct_body(*stream_, ahead_.empty() ? decoder_.verbatim() : 0, &body_allowance_);
}

DirectBody H1ClientConnection::direct_sink() noexcept {
  return direct_body(*stream_, encoder_.verbatim());
}

Upgraded H1ClientConnection::upgraded() noexcept {
  const std::span<char> ahead = ahead_.bytes();
  return {*stream_, {ahead.data(), ahead.size()}};
}

Task<Result<BodyChunk>> H1ClientConnection::read_body() {
  return pull_body(*stream_, ahead_, decoder_, body_allowance_, ErrorSource::upstream);
}

}  // namespace lintel::http
