#include "http/h1_server.h"

#include <netinet/in.h>

#include <array>
#include <coroutine>
#include <string>
#include <utility>

#include "http/h1_serializer.h"

namespace lintel::http {
namespace {

Rejection rejection_for(const HeadProgress& progress) noexcept {
  switch (progress.status) {
    case HeadStatus::target_too_long:
      return {414, ErrorCode::too_large, progress.reason, progress.limit};
    case HeadStatus::expectation_failed:
      return {417, ErrorCode::protocol, progress.reason};
    case HeadStatus::fields_too_large:
      return {431, ErrorCode::too_large, progress.reason, progress.limit};
    case HeadStatus::version_unsupported:
      return {505, ErrorCode::protocol, progress.reason};
    case HeadStatus::bad_request:
    case HeadStatus::need_more:
    case HeadStatus::done:
      break;
  }
  return {400, ErrorCode::protocol, progress.reason};
}

/// The authority of a request that names none, as HTTP/1.0 allows: the address that it came to, which is all
/// that its sender can have known (RFC 9112, 3.3). Many servers refuse an empty Host.
void set_own_authority(RequestHead& request, const SocketAddress& local, std::uint16_t default_port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  std::string authority(local.empty() || local.family() == AF_UNIX ? "localhost" : local.ip_to(text));
  if (authority.find(':') != std::string::npos) authority.insert(0, "[").append("]");
  if (local.port() != 0 && local.port() != default_port)
    authority.append(":").append(std::to_string(local.port()));
  request.authority = request.store(authority);
}

constexpr unsigned kPipelinedPerTurn = 16;

/// 0 and no reason: the request may be served.
constexpr Rejection kAccepted{0, ErrorCode::canceled, ""};

}  // namespace

// --- Workspace

Workspace::Workspace(net::Loop& l, std::uint64_t seed) : loop(l), random(seed) {}
Workspace::~Workspace() = default;

std::unique_ptr<ResponseHead> Workspace::take_response() {
  if (free_responses_.empty()) return std::make_unique<ResponseHead>();
  std::unique_ptr<ResponseHead> head = std::move(free_responses_.back());
  free_responses_.pop_back();
  head->clear();
  return head;
}

void Workspace::give_response(std::unique_ptr<ResponseHead> head) noexcept {
  if (free_responses_.size() < kMostTransactions) free_responses_.push_back(std::move(head));
}

// --- H1ServerConnection

H1ServerConnection::H1ServerConnection(net::Stream& stream, Workspace& workspace, Handler& handler) noexcept
    : stream_(stream), workspace_(workspace), handler_(handler), ahead_(workspace.buffers) {}

/// What an idle connection waits with, and begun_by of what comes: neither outcome nor error is kept in the
/// frame of run(), of which there are as many as connections.
class H1ServerConnection::FirstRead {
 public:
  explicit FirstRead(H1ServerConnection& connection) noexcept
      : connection_(connection), reading_(connection.stream_.read(connection.workspace_.loop.scratch())) {}
  [[nodiscard]] bool await_ready() noexcept { return reading_.await_ready(); }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> frame) noexcept {
    return reading_.await_suspend(frame);
  }
  [[nodiscard]] std::span<char> await_resume() const noexcept {
    return connection_.begun_by(reading_.await_resume(), reading_.waited());
  }

 private:
  H1ServerConnection& connection_;
  net::ReadAwaiter reading_;
};

Task<void> H1ServerConnection::run() {
  {
    const ServerSettings& settings = handler_.settings();
    const Nanos age = settings.max_age;
    if (age != kNever) {
      const auto spread = static_cast<std::uint64_t>(age / 5 + 1);
      expires_ = stream_.loop().now() + age - age / 10 + static_cast<Nanos>(workspace_.random.below(spread));
    }
    stream_.set_read_deadline(stream_.loop().now() + settings.header_timeout);
  }
  for (bool alive = true; alive;) {
    std::span<char> first;
    ahead_.consume(skip_empty_lines(ahead_.bytes()));
    if (ahead_.empty()) {
      if (draining_ && blank_ != 0) co_return;
      ahead_.release();
      idle_ = true;
      first = co_await FirstRead(*this);
      if (idle_) continue;  // Still: no clock starts, none starts anew.
      if (first.empty()) co_return;
    }
    alive = co_await serve_one(first);
    if (alive) stream_.set_read_deadline(stream_.loop().now() + handler_.settings().idle_timeout);
  }
}

/// What an idle connection has read of a request; nothing if it has ended, or, with idle_ still set, if those
/// were empty lines.
std::span<char> H1ServerConnection::begun_by(const Result<std::size_t>& got, bool waited) noexcept {
  idle_ = false;
  if (!got && got.error().code == ErrorCode::timeout)
    ended_by_ = requests_ == 0 ? Limit::header_timeout : Limit::idle_timeout;
  if (!got || *got == 0) return {};
  pipelined_ = waited ? 0 : pipelined_ + 1;
  const std::span<char> first = workspace_.loop.scratch().first(*got);
  const std::span<char> rest = first.subspan(skip_empty_lines(first));
  idle_ = rest.empty();
  return rest;
}

/// How many bytes of empty lines `in` begins with. A client may send some before a request (RFC 9112, 2.2);
/// after a few they are left to the parser.
std::size_t H1ServerConnection::skip_empty_lines(std::span<const char> in) noexcept {
  constexpr std::uint8_t kMostBlank = 8;
  std::size_t used = 0;
  while (used < in.size() && blank_ < kMostBlank && in[used] == (blank_ % 2 == 0 ? '\r' : '\n')) {
    ++used;
    ++blank_;
  }
  return used;
}

std::unique_ptr<H1ServerTransaction> H1ServerConnection::take_transaction() {
  auto& free = workspace_.free_transactions_;
  if (free.empty()) return std::make_unique<H1ServerTransaction>();
  auto transaction = std::move(free.back());
  free.pop_back();
  return transaction;
}

Task<bool> H1ServerConnection::serve_one(std::span<char> first) {
  if (first.empty()) {
    // Requests that are already here must not keep the loop from its other connections.
    if (++pipelined_ % kPipelinedPerTurn == 0) co_await stream_.loop().yield();
    if (cut_) co_return false;
  }
  std::unique_ptr<H1ServerTransaction> transaction = take_transaction();
  transaction->start(*this, handler_.settings());
  ++requests_;
  const Rejection rejection = co_await read_request(*transaction, first);
  transaction->head_received = stream_.loop().now();
  if (rejection.reason[0] == '\0') {
    co_await handler_.serve(*transaction);
  } else {
    transaction->close_ = transaction->rejected_ = true;
    transaction->parser_.salvage();
    co_await handler_.reject(*transaction, rejection);
  }
  const bool alive = co_await finish(*transaction);
  stream_.set_write_pace(nullptr);
  if (workspace_.free_transactions_.size() < Workspace::kMostTransactions) {
    workspace_.free_transactions_.push_back(std::move(transaction));
  }
  co_return alive;
}

Task<Rejection> H1ServerConnection::read_request(H1ServerTransaction& transaction, std::span<char> first) {
  const ServerSettings& settings = handler_.settings();
  const Nanos deadline = stream_.loop().now() + settings.header_timeout;
  std::span<char> in = first;
  // Of the empty lines before, an LF may still be due.
  if (std::exchange(blank_, 0) % 2 == 1) static_cast<void>(transaction.parser_.feed(std::string_view("\r")));
  for (;;) {
    const bool buffered = in.empty();
    if (buffered) in = ahead_.bytes();
    const HeadProgress progress = transaction.parser_.feed(in);
    if (buffered) {
      ahead_.consume(progress.consumed);
    } else {
      ahead_.keep(in.subspan(progress.consumed));
    }
    if (progress.status == HeadStatus::done) break;
    if (progress.status != HeadStatus::need_more) co_return rejection_for(progress);
    ahead_.release();
    stream_.set_read_deadline(deadline);
    const std::span<char> scratch = workspace_.loop.scratch();
    const Result<std::size_t> got = co_await stream_.read(scratch);
    if (!got && got.error().code == ErrorCode::timeout) {
      co_return Rejection{408, ErrorCode::timeout, "the request head did not come in time",
                          Limit::header_timeout};
    }
    if (!got || *got == 0) {
      transaction.broken_ = true;
      const ErrorCode code = got ? ErrorCode::closed : got.error().code;
      co_return Rejection{0, code, "the connection ended within a request head"};
    }
    in = scratch.first(*got);
  }
  transaction.decoder_.start(transaction.parser_.framing(), settings.head, settings.rules.underscore_names);
  if (transaction.parser_.nominates()) transaction.decoder_.set_nominating(&transaction.request.fields);
  transaction.expect_body(settings);
  if (transaction.request.authority.size == 0)
    set_own_authority(transaction.request, stream_.local(), settings.rules.default_port);
  co_return kAccepted;
}

Limit H1ServerConnection::reached_limit(const ServerSettings& settings) const noexcept {
  if (settings.max_requests != 0 && requests_ >= settings.max_requests) return Limit::requests_per_connection;
  if (settings.max_pipelined != 0 && pipelined_ >= settings.max_pipelined) return Limit::pipelined_requests;
  return stream_.loop().now() < expires_ ? Limit::none : Limit::connection_age;
}

Task<bool> H1ServerConnection::finish(H1ServerTransaction& transaction) {
  transaction.stop_watching();
  const bool truncated = transaction.head_sent_ && !transaction.encoder_.done();
  if (transaction.aborted_ || truncated) {
    // A length or a missing last chunk shows the cut; a body that ends with the connection needs a reset for
    // that. Nor shall the kernel keep what a client did not take in time.
    if (transaction.encoder_.until_close() || transaction.pace_.given_up()) stream_.set_abortive();
    co_return false;
  }
  if (transaction.broken_ || transaction.upgraded_) co_return false;
  if (!transaction.close_ && transaction.head_sent_) {
    // The answer came before the end of the request; what is left of it is read away.
    Result<BodyChunk> chunk = BodyChunk({}, transaction.decoder_.done());
    while (chunk && !chunk->last && transaction.decoder_.bytes() <= H1ServerTransaction::kDiscard) {
      chunk = co_await transaction.read_body();
    }
    if (!chunk) co_return false;
    if (chunk->last && !draining_) co_return true;
  }
  if (cut_) co_return false;
  if (transaction.rejected_ || !transaction.decoder_.done() || !ahead_.empty()) co_await linger();
  co_return false;
}

Task<void> H1ServerConnection::linger() {
  // Closing with unread bytes would reset the connection, and the client might never see the answer (RFC
  // 9112, 9.6).
  constexpr Nanos kLinger = 2'000'000'000;
  stream_.shutdown_write();
  constexpr unsigned kReadsPerTurn = 16;
  const Nanos until = stream_.loop().now() + kLinger;
  stream_.set_read_deadline(until);
  // The deadline ends a read that waits; a client that never lets it wait is ended by the clock.
  for (unsigned reads = 1; !cut_ && stream_.loop().now() < until; ++reads) {
    const Result<std::size_t> got = co_await stream_.read(workspace_.loop.scratch());
    if (!got || *got == 0) co_return;
    if (reads % kReadsPerTurn == 0) co_await stream_.loop().yield();
  }
}

void H1ServerConnection::drain() noexcept {
  draining_ = true;
  // A request whose bytes are here already is still served.
  if (idle_ && !stream_.probe_readable()) stream_.cancel_read();
}

void H1ServerConnection::cut() noexcept {
  draining_ = cut_ = true;
  stream_.cancel_read();
  stream_.cancel_write();
}

// --- H1ServerTransaction

void H1ServerTransaction::start(H1ServerConnection& connection, const ServerSettings& settings) noexcept {
  connection_ = &connection;
  started = connection.stream_.loop().now();
  head_received = started;
  parser_.start(request, settings.head, settings.rules);
  decoder_.start(Framing::none(), settings.head, settings.rules.underscore_names);
  encoder_.start(Framing::none());
  pace_.start(settings.response, started);
  closing_limit_ = Limit::none;
  connection.stream_.set_write_pace(&pace_);
  body_begun_ = continued_ = head_sent_ = upgraded_ = close_ = rejected_ = broken_ = aborted_ = false;
}

BodyChunk H1ServerTransaction::buffered_body() {
  return take_buffered_body(connection_->ahead_, decoder_, body_allowance_);
}

/// The head is complete. A client that asked whether to go on may wait for the answer. `settings`: those that
/// the head was read by, not those of a configuration that has come since.
void H1ServerTransaction::expect_body(const ServerSettings& settings) noexcept {
  net::Allowance::Terms terms = settings.request_body;
  if (request.expects_continue) terms.grace = terms.most;
  body_allowance_.start(terms, connection_->stream_.loop().now());
}

/// 100 goes out: from here on the client is waited for, perhaps by a read that has begun before.
void H1ServerTransaction::ask_for_body() noexcept {
  if (std::exchange(continued_, true)) return;
  body_begun_ = true;
  body_allowance_.start(connection_->handler_.settings().request_body, connection_->stream_.loop().now());
  if (!decoder_.done()) connection_->stream_.set_read_deadline(body_allowance_.deadline());
}

Task<Result<BodyChunk>> H1ServerTransaction::read_body() {
  stop_watching();
  body_begun_ = true;
  return pull_body(connection_->stream_, connection_->ahead_, decoder_, body_allowance_,
                   ErrorSource::downstream);
}

void H1ServerTransaction::cancel_read() noexcept {
  connection_->stream_.cancel_read();
}
void H1ServerTransaction::cancel_write() noexcept {
  connection_->stream_.cancel_write();
}

DirectBody H1ServerTransaction::direct_source() noexcept {
  stop_watching();
  const std::uint64_t bytes = connection_->ahead_.empty() ? decoder_.verbatim() : 0;
  return direct_body(connection_->stream_, bytes, &body_allowance_);
}

DirectBody H1ServerTransaction::direct_sink() noexcept {
  return direct_body(connection_->stream_, encoder_.verbatim());
}

// While nobody reads, the transaction itself stands in the reader's place.

void H1ServerTransaction::watch_client(ClientWatcher* watcher, Nanos from) noexcept {
  stop_watching();
  if (!watcher) return;
  watcher_ = watcher;
  watching_ = false;
  connection_->stream_.set_read_deadline(from);
  connection_->stream_.set_deadline_waiter(this);
}

void H1ServerTransaction::stop_watching() noexcept {
  if (std::exchange(watcher_, nullptr)) connection_->stream_.set_deadline_waiter(nullptr);
}

void H1ServerTransaction::on_ready(net::Ready why) {
  if (why == net::Ready::canceled) {
    watcher_ = nullptr;
  } else if (why == net::Ready::timeout || watching_) {
    look_for_client();
  } else {
    connection_->stream_.set_deadline_waiter(this);  // Too early.
  }
}

void H1ServerTransaction::look_for_client() noexcept {
  net::Stream& stream = connection_->stream_;
  const net::PeerState peer = stream.peer_state();
  // What it has sent behind its request says that it waits for more than one answer.
  const bool ended = peer == net::PeerState::ended && connection_->ahead_.empty();
  if (peer == net::PeerState::broken || (ended && !stream.is_writing())) {
    std::exchange(watcher_, nullptr)->on_client_left();
    return;
  }
  constexpr Nanos kAgain = 1'000'000'000;  // One that is still taking something may be alive.
  watching_ = true;
  stream.set_read_deadline(ended ? stream.loop().now() + kAgain : kNever);
  stream.set_idle_waiter(this);
}

Upgraded H1ServerTransaction::upgraded() noexcept {
  stop_watching();
  const std::span<char> ahead = connection_->ahead_.bytes();
  return {connection_->stream_, {ahead.data(), ahead.size()}};
}

void H1ServerTransaction::abort() noexcept {
  aborted_ = true;
}

Task<Result<void>> H1ServerTransaction::write_interim(const ResponseHead& head) {
  if (request.version == Version::http10) co_return Result<void>{};
  if (head.status == 100) ask_for_body();
  Buffer& out = connection_->workspace_.loop.staging();
  write_response_head(out, head, Framing::none(), ResponseWriteOptions{});
  const net::WriteSpans spans(out.view());
  co_return note_write(co_await connection_->stream_.write(spans));
}

Result<void> H1ServerTransaction::note_write(Result<void> written) noexcept {
  if (!written) broken_ = true;
  return written;
}

Framing H1ServerTransaction::response_framing(const ResponseHead& head, const BodyChunk& first,
                                              const Fields* trailers) const noexcept {
  if (!head.has_body || request.method == Method::head) return Framing::none();
  if (head.content_length) return Framing::of_length(*head.content_length);
  if (first.last && !trailers) return Framing::of_length(first.bytes.size());
  return request.version == Version::http10 ? Framing::until_close() : Framing::chunked();
}

bool H1ServerTransaction::must_close(const ResponseHead& head) noexcept {
  if (close_ || !parser_.keep_alive() || connection_->draining_) return true;
  closing_limit_ = connection_->reached_limit(connection_->handler_.settings());
  if (closing_limit_ != Limit::none) return true;
  // No tunnel was opened, but its first bytes may be here already: they must not be taken for a request.
  if (request.method == Method::connect) return true;
  if (decoder_.done()) return false;
  // The client may still send its body, or not (Expect); past a small one the connection is not worth the
  // wait.
  if (request.expects_continue && !continued_ && decoder_.bytes() == 0) return true;
  if (head.status == 408) return true;  // The rest of the body did not come in time, nor will it now.
  if (body_begun_ && head.status < 400) return false;
  return !request.content_length || *request.content_length > kDiscard;
}

Task<Result<void>> H1ServerTransaction::write_head(const ResponseHead& head, BodyChunk first,
                                                   const Fields* trailers) {
  // Where an interim response broke off, the head would be read as the rest of it.
  if (broken_) co_return tl::unexpected<Error>(Error{ErrorCode::canceled, ErrorSource::downstream});
  const Framing framing = response_framing(head, first, trailers);
  ResponseWriteOptions options;
  options.client_version = request.version;
  options.keep_content_length_for_head = true;
  close_ = framing.kind == Framing::Kind::until_close || must_close(head);
  const bool switches = head.status == 101;
  options.close = close_ && !switches;
  head_sent_ = true;
  Buffer& out = connection_->workspace_.loop.staging();
  write_response_head(out, head, framing, options);
  encoder_.start(framing);
  upgraded_ = switches;
  const net::WriteSpans spans = encoder_.frame(out, first, trailers);
  announce_end();
  co_return note_write(co_await connection_->stream_.write(spans));
}

/// Where the connection ends with the response and nothing of the request is to be waited for, both go out
/// together.
void H1ServerTransaction::announce_end() noexcept {
  if (close_ && !upgraded_ && encoder_.done() && decoder_.done()) connection_->stream_.end_after_write();
}

Task<Result<void>> H1ServerTransaction::write_body(BodyChunk chunk, const Fields* trailers) {
  Buffer& out = connection_->workspace_.loop.staging();
  const net::WriteSpans spans = encoder_.frame(out, chunk, trailers);
  announce_end();
  Result<void> written;
  if (!spans.empty()) written = note_write(co_await connection_->stream_.write(spans));
  co_return written;
}

}  // namespace lintel::http
