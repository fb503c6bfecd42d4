#include "pool/queue.h"

#include <cassert>

#include "pool/pool.h"

namespace lintel::pool {

Waiter::Waiter(Pool& pool, const PickContext& context, std::optional<std::uint32_t> own) noexcept
    : pool_(pool), context_(context), own_(own) {}

Waiter::~Waiter() {
  assert(!frame_);
}

bool Waiter::Awaiter::await_suspend(std::coroutine_handle<> frame) {
  waiter_.frame_ = frame;
  if (waiter_.pool_.queue().join(waiter_, until_)) return true;
  waiter_.frame_ = nullptr;
  waiter_.end_ = WaitEnd::full;
  return false;
}

void Waiter::leave() noexcept {
  if (!frame_) return;
  Queue& queue = pool_.queue();
  queue.remove(*this, WaitEnd::left);
  queue.loop_.resume_soon(std::exchange(frame_, nullptr));
}

void Waiter::expire(net::Deadline& deadline) {
  auto& waiter = *static_cast<Waiter*>(deadline.owner());
  waiter.pool_.queue().remove(waiter, WaitEnd::late);
  std::exchange(waiter.frame_, nullptr).resume();
}

Queue::~Queue() {
  assert(!first_);
}

/// False: too many wait already.
bool Queue::join(Waiter& waiter, Nanos until) {
  if (!shared_.begin_wait(most_)) return false;
  waiter.prev_ = last_;
  (last_ ? last_->next_ : first_) = &waiter;
  last_ = &waiter;
  if (first_ == &waiter) shared_.listen(*this);
  loop_.set_deadline(waiter.deadline_, until);
  // A place that came free before this one was counted was told to nobody.
  notify();
  return true;
}

void Queue::remove(Waiter& waiter, WaitEnd end) noexcept {
  (waiter.prev_ ? waiter.prev_->next_ : first_) = waiter.next_;
  (waiter.next_ ? waiter.next_->prev_ : last_) = waiter.prev_;
  waiter.end_ = end;
  waiter.deadline_.clear();
  if (!first_) shared_.unlisten(*this);
  shared_.end_wait();
}

void Queue::notify() {
  // An earlier notice that serve() has not taken up yet will do.
  if (notified_.exchange(true)) return;
  loop_.post([self = shared_from_this()] { self->serve(); });
}

void Queue::serve() {
  notified_.exchange(false);
  bool none_left = false;  // For whoever takes any server.
  for (Waiter* waiter = first_; waiter != nullptr;) {
    Waiter& one = *waiter;
    waiter = one.next_;
    if (none_left && !one.own_) continue;
    one.context_.now = loop_.now();
    one.lease_ = one.pool_.take_now(one.context_, one.own_);
    WaitEnd end = WaitEnd::placed;
    if (!one.lease_) {
      if (one.pool_.can_wait(one.context_, one.own_)) {
        // Who has tried none and finds none leaves none to those behind it.
        none_left = none_left || (!one.own_ && one.context_.tried.empty());
        continue;
      }
      end = WaitEnd::unavailable;
    }
    remove(one, end);
    loop_.resume_soon(std::exchange(one.frame_, nullptr));
  }
}

}  // namespace lintel::pool
