#include "net/memory_connector.h"

#include <cerrno>
#include <utility>

namespace lintel::net {
namespace {

Error connect_error(int err) noexcept {
  Error error = make_system_error(err, "connect");
  error.retryable = true;
  return error;
}

}  // namespace

Task<Result<StreamPtr>> MemoryConnector::connect(const SocketAddress& address, Nanos deadline,
                                                 CancelToken& cancel) {
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
  auto [client, server] = make_memory_pair(loop_, options);
  if (at > loop_.now()) {
    const CancelToken::Wait wait(cancel, *client);
    client->set_read_deadline(at);
    const Result<void> over = co_await client->readable();  // Nothing comes: its deadline ends it.
    if (over.error().code == ErrorCode::canceled) co_return unexpected(connect_error(ECANCELED));
    client->set_read_deadline(kNever);
  }
  if (plan.error != 0) co_return unexpected(connect_error(plan.error));
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
