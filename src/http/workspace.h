#pragma once

#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "base/buffer_pool.h"
#include "base/random.h"
#include "http/date.h"
#include "http/h1_parser.h"
#include "http/message.h"
#include "net/allowance.h"
#include "net/loop.h"

namespace lintel::http {

class H1ServerTransaction;

/// Limits and times of a server connection.
struct ServerSettings {
  HeadLimits head;
  RequestRules rules;
  Nanos header_timeout = 10'000'000'000;
  net::Allowance::Terms request_body{.most = 30'000'000'000, .grace = 10'000'000'000, .rate = 240};
  net::Allowance::Terms response{.most = 60'000'000'000, .grace = 10'000'000'000, .rate = 240};
  Nanos idle_timeout = 75'000'000'000;
  std::uint64_t max_requests = 10000;  ///< Per connection; 0: no limit.
  /// In a row that are there already when the one before ends; 0: no limit.
  std::uint64_t max_pipelined = 1000;
  Nanos max_age = kNever;  ///< Of a connection; ±10%.
};

/// What the connections of one loop share, so that a request needs no memory of its own. Outlives them.
class Workspace {
 public:
  Workspace(net::Loop& loop, std::uint64_t seed);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  net::Loop& loop;
  BufferPool buffers;
  Random random;

  /// The value of Date for a response that has none yet. Valid until the next call.
  [[nodiscard]] std::string_view http_date() noexcept {
    return date_.at(static_cast<std::time_t>(loop.wall() / 1'000'000'000));
  }

  /// A cleared response head that goes back to the workspace when this handle ends.
  class PooledResponse {
   public:
    explicit PooledResponse(Workspace& workspace) : workspace_(workspace), head_(workspace.take_response()) {}
    PooledResponse(const PooledResponse&) = delete;
    PooledResponse& operator=(const PooledResponse&) = delete;
    ~PooledResponse() { workspace_.give_response(std::move(head_)); }
    [[nodiscard]] ResponseHead& operator*() const noexcept { return *head_; }
    [[nodiscard]] ResponseHead* operator->() const noexcept { return head_.get(); }

   private:
    Workspace& workspace_;
    std::unique_ptr<ResponseHead> head_;
  };

 private:
  friend class H1ServerConnection;
  [[nodiscard]] std::unique_ptr<ResponseHead> take_response();
  void give_response(std::unique_ptr<ResponseHead> head) noexcept;

  static constexpr std::size_t kMostTransactions = 1024;
  DateCache date_;
  std::vector<std::unique_ptr<H1ServerTransaction>> free_transactions_;
  std::vector<std::unique_ptr<ResponseHead>> free_responses_;
};

}  // namespace lintel::http
