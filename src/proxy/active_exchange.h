#pragma once

#include "http/transaction.h"
#include "net/cancel.h"
#include "net/loop.h"
#include "net/pause.h"
#include "proxy/end_reason.h"

namespace lintel::pool {
class Waiter;
}

namespace lintel::proxy {

class ActiveAttempt;

/// What a session has under way with servers for one request, so that it can be cut off from outside.
class ActiveExchange final : public http::ClientWatcher {
 public:
  net::Pause* pause = nullptr;                   ///< While the request is held back on purpose.
  bool abort_on_close = true;                    ///< The client's leaving cuts it; the pool's setting.
  bool cut = false;                              ///< Set once; what goes on ends, and no attempt follows.
  EndReason reason = EndReason::local_shutdown;  ///< Why, once it is cut.
  pool::Waiter* waiting = nullptr;               ///< For a place with a server.
  net::Deadline* total = nullptr;                ///< When all of it must be over; null: whenever.

  /// Cuts it off: each attempt ends, and the wait for a place, and a pause.
  void end(EndReason why) noexcept;
  void on_client_left() noexcept override { end(EndReason::client_abort_response); }

 private:
  friend class ActiveAttempt;
  ActiveAttempt* first_ = nullptr;
};

/// One attempt of an exchange. The exchange knows of it while it lives, and outlives it.
class ActiveAttempt {
 public:
  explicit ActiveAttempt(ActiveExchange& of) noexcept : exchange(of), next_(of.first_), link_(&of.first_) {
    if (next_) next_->link_ = &next_;
    of.first_ = this;
  }
  ActiveAttempt(const ActiveAttempt&) = delete;
  ActiveAttempt& operator=(const ActiveAttempt&) = delete;
  ~ActiveAttempt() {
    *link_ = next_;
    if (next_) next_->link_ = link_;
  }

  ActiveExchange& exchange;
  net::CancelToken opening;                      ///< Of the connection that is being opened.
  http::ClientTransaction* upstream = nullptr;   ///< Null while there is none.
  bool cut = false;                              ///< Set once, also when the whole exchange is cut.
  EndReason reason = EndReason::local_shutdown;  ///< Why, once it is cut.

  /// Ends this attempt: what waits for the server returns `canceled` in the next turn.
  void end(EndReason why) noexcept;
  /// Ends it as timed out unless head_came() is called before the moment `at`.
  void end_at(net::Loop& loop, Nanos at) noexcept { loop.set_deadline(deadline_, at); }
  void head_came() noexcept { deadline_.clear(); }

 private:
  friend class ActiveExchange;
  ActiveAttempt* next_;
  ActiveAttempt** link_;  ///< The pointer that points here.
  net::Deadline deadline_{[](net::Deadline& timer) {
                            static_cast<ActiveAttempt*>(timer.owner())->end(EndReason::upstream_timeout_try);
                          },
                          this};
};

}  // namespace lintel::proxy
