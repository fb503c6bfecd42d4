#include "proxy/sessions.h"

#include <cassert>

namespace lintel::proxy {

Session::Session(Sessions& sessions) noexcept : sessions_(sessions), next_(sessions.first_) {
  if (next_) next_->prev_ = this;
  sessions_.first_ = this;
  ++sessions_.count_;
}

Session::~Session() {
  (prev_ ? prev_->next_ : sessions_.first_) = next_;
  if (next_) next_->prev_ = prev_;
  --sessions_.count_;
}

Sessions::~Sessions() {
  assert(!first_);
}

// None of these ends a session at once: what is canceled is resumed in the next turn of the loop.

void Sessions::forget_generation() noexcept {
  for (Session* session = first_; session; session = session->next_) session->forget_generation();
}

void Sessions::drain() noexcept {
  for (Session* session = first_; session; session = session->next_) session->drain();
}

void Sessions::retire() noexcept {
  for (Session* session = first_; session; session = session->next_) session->retire();
}

void Sessions::cut() noexcept {
  for (Session* session = first_; session; session = session->next_) session->cut();
}

}  // namespace lintel::proxy
