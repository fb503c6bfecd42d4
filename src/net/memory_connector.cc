#include "net/memory_connector.h"

#include <cerrno>
#include <coroutine>
#include <utility>

namespace lintel::net {
namespace {

/// Suspends until `at` by the loop's clock.
class SleepAwaiter {
 public:
  SleepAwaiter(Loop& loop, Nanos at) noexcept : loop_(loop), at_(at), deadline_(&fire, this) {}
  [[nodiscard]] bool await_ready() const noexcept { return at_ <= loop_.now(); }
  void await_suspend(std::coroutine_handle<> frame) noexcept {
    frame_ = frame;
    loop_.set_deadline(deadline_, at_);
  }
  void await_resume() const noexcept {}

 private:
  static void fire(Deadline& deadline) { static_cast<SleepAwaiter*>(deadline.owner())->frame_.resume(); }

  Loop& loop_;
  Nanos at_;
  Deadline deadline_;
  std::coroutine_handle<> frame_;
};

Error connect_error(int err) noexcept {
  Error error = make_system_error(err, "connect");
  error.retryable = true;
  return error;
}

}  // namespace

Task<Result<StreamPtr>> MemoryConnector::connect(const SocketAddress& address, Nanos deadline) {
  ++attempts_;
  Plan plan;
  if (!plans_.empty()) {
    plan = plans_.front();
    plans_.pop_front();
  }
  Nanos at = plan.delay == kNever ? kNever : loop_.now() + plan.delay;
  if (deadline < at) {
    at = deadline;
    plan.error = ETIMEDOUT;
  }
  MemoryOptions options = options_;
  options.second = address;
  co_await SleepAwaiter(loop_, at);
  if (plan.error != 0) co_return unexpected(connect_error(plan.error));
  auto [client, server] = make_memory_pair(loop_, options);
  if (serve_) {
    serve_(std::move(server), options.second);
  } else {
    waiting_.push_back(std::move(server));
  }
  co_return StreamPtr(std::move(client));
}

StreamPtr MemoryConnector::take() noexcept {
  if (waiting_.empty()) return nullptr;
  StreamPtr end = std::move(waiting_.front());
  waiting_.pop_front();
  return end;
}

}  // namespace lintel::net
