#include "health/probe.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "config/diagnostic.h"
#include "config/units.h"
#include "net/proxy_header.h"

namespace lintel::health {
namespace {

using net::Task;

}  // namespace

bool Subject::is_same_check(const Subject& other) const {
  const std::string_view identity = tls ? std::string_view(tls->identity()) : std::string_view();
  const std::string_view others = other.tls ? std::string_view(other.tls->identity()) : std::string_view();
  return address == other.address && check == other.check && proxy_protocol == other.proxy_protocol &&
         host == other.host && identity == others;
}

Task<Outcome> Probe::run() {
  const Nanos timeout = to_nanos(subject_.check.timeout);
  tools_.loop.set_deadline(deadline_, tools_.loop.now() + timeout);
  Outcome outcome;
  if (subject_.check.type == config::HealthCheckType::exec) {
    outcome = co_await execute();
  } else {
    outcome = co_await over_connection();
  }
  deadline_.clear();
  if (timed_out_ && !outcome.passed) outcome = late();
  co_return outcome;
}

void Probe::cancel() noexcept {
  token_.cancel();
  if (child_) child_->kill();
}

void Probe::on_deadline(net::Deadline& deadline) {
  auto* probe = static_cast<Probe*>(deadline.owner());
  probe->timed_out_ = true;
  probe->cancel();
}

Outcome Probe::late() const {
  return {false,
          std::string(doing_) + " took longer than " + config::format_duration(subject_.check.timeout)};
}

Outcome Probe::failure(const Error& error) const {
  std::string reason(doing_);
  switch (error.code) {
    case ErrorCode::refused:
      return {false, "the connection is refused"};
    case ErrorCode::closed:
      return {false, reason + ": the server closed the connection"};
    case ErrorCode::reset:
      return {false, reason + ": the server reset the connection"};
    case ErrorCode::untrusted:
      return {false, std::string("its certificate is not accepted: ") + error.context};
    case ErrorCode::protocol:
    case ErrorCode::too_large:
      return {false, reason + ": " + error.context};
    default:
      break;
  }
  reason.append(": ").append(error.sys != 0 ? std::strerror(error.sys) : error_name(error.code));
  return {false, std::move(reason)};
}

/// Connects, sends the PROXY header that the pool's servers wait for, and agrees on TLS.
Task<Result<net::StreamPtr>> Probe::open() {
  Result<net::StreamPtr> stream = co_await tools_.connector.connect(subject_.address, kNever, token_);
  if (!stream) co_return stream;
  if (token_.canceled()) co_return tl::unexpected(Error{.code = ErrorCode::canceled});
  const net::CancelToken::Wait wait(token_, **stream);  // Also beneath TLS, until that is agreed on.
  if (subject_.proxy_protocol != config::SendProxy::none) {
    Buffer& out = tools_.loop.staging();
    net::ProxyHeader header;
    header.is_local = true;
    append_proxy_header(out, header, subject_.proxy_protocol == config::SendProxy::v1 ? 1 : 2);
    const net::WriteSpans spans(out.view());
    const Result<void> written = co_await (*stream)->write(spans);
    if (!written) co_return tl::unexpected(written.error());
  }
  if (!subject_.tls) co_return stream;
  doing_ = "the TLS handshake";
  tls::TlsStreamPtr secured = subject_.tls->connect(std::move(*stream), subject_.host, nullptr);
  const Result<void> done = co_await secured->handshake(kNever);
  if (!done) co_return tl::unexpected(done.error());
  co_return net::StreamPtr(std::move(secured));
}

Task<Outcome> Probe::over_connection() {
  Result<net::StreamPtr> stream = co_await open();
  if (!stream) co_return failure(stream.error());
  if (token_.canceled()) co_return late();
  doing_ = "the answer";
  if (subject_.check.type == config::HealthCheckType::http) co_return co_await ask(std::move(*stream));
  const net::CancelToken::Wait wait(token_, **stream);
  co_return co_await converse(**stream);
}

/// Carries out a recipe.
Task<Outcome> Probe::converse(net::Stream& stream) {
  const std::unique_ptr<Recipe> recipe = make_recipe(subject_.check);
  std::string in;
  std::size_t received = 0;
  Step step = recipe->begin();
  for (;;) {
    if (!step.send.empty()) {
      const net::WriteSpans spans(step.send);
      const Result<void> written = co_await stream.write(spans);
      if (!written && step.verdict == Step::Verdict::more) co_return failure(written.error());
    }
    if (step.verdict != Step::Verdict::more) {
      co_return Outcome{step.verdict == Step::Verdict::passed, std::move(step.reason)};
    }
    in.erase(0, step.consumed);
    if (in.empty() || step.consumed == 0) {
      const std::span<char> scratch = tools_.loop.scratch();
      const Result<std::size_t> got = co_await stream.read(scratch);
      if (!got) co_return failure(got.error());
      received += *got;
      if (*got == 0) co_return Outcome{false, recipe->unfinished()};
      in.append(scratch.data(), *got);
    }
    step = recipe->received(in);
    const bool goes_on = step.verdict == Step::Verdict::more;
    if (goes_on && received > Recipe::kMostAnswer) co_return Outcome{false, recipe->unfinished()};
  }
}

/// Runs the pool's program.
Task<Outcome> Probe::execute() {
  doing_ = "the command";
  std::array<char, 64> ip{};
  const char* path = std::getenv("PATH");
  const std::vector<std::string> environment = {
      std::string("PATH=") + (path ? path : "/usr/local/bin:/usr/bin:/bin"),
      "LINTEL_POOL=" + subject_.pool,
      "LINTEL_SERVER=" + subject_.address.to_string(),
      std::string("LINTEL_HOST=").append(subject_.address.ip_to(ip)),
      "LINTEL_PORT=" + std::to_string(subject_.address.port()),
  };
  net::ChildProcess child(tools_.loop);
  const Result<void> started = child.start(subject_.check.command, environment);
  if (!started) {
    co_return Outcome{false, "cannot run " + config::quote(subject_.check.command.front()) + ": " +
                                 std::strerror(started.error().sys)};
  }
  child_ = &child;
  if (token_.canceled()) child.kill();
  co_await child.wait();
  child_ = nullptr;
  std::string_view said = child.output();
  said = said.substr(0, said.find('\n'));
  const std::string words = said.empty() ? "" : ": " + config::quote(said);
  if (child.signal() != 0) {
    co_return Outcome{false, "the command was ended by signal " + std::to_string(child.signal()) + words};
  }
  co_return Outcome{child.exit_status() == 0,
                    "the command ended with status " + std::to_string(child.exit_status()) + words};
}

}  // namespace lintel::health
