#pragma once

#include <cassert>

#include "net/stream.h"

namespace lintel::net {

/// Ends from outside a task that goes from wait to wait, such as one that connects: the task names the stream
/// that it waits on, and who holds the token cancels it, once and for all.
class CancelToken {
 public:
  CancelToken() noexcept = default;
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;

  [[nodiscard]] bool canceled() const noexcept { return canceled_; }
  /// What is waited for returns `canceled` in the next turn of the loop. Nothing further is to be begun.
  void cancel() noexcept {
    canceled_ = true;
    if (!waiting_) return;
    waiting_->cancel_read();
    waiting_->cancel_write();
  }

  /// While it lives, `stream` is what is waited on.
  class Wait {
   public:
    Wait(CancelToken& token, Stream& stream) noexcept : token_(token) {
      assert(!token.waiting_);
      token.waiting_ = &stream;
    }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait() { token_.waiting_ = nullptr; }

   private:
    CancelToken& token_;
  };

 private:
  Stream* waiting_ = nullptr;
  bool canceled_ = false;
};

}  // namespace lintel::net
