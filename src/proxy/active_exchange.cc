#include "proxy/active_exchange.h"

#include <utility>

#include "pool/queue.h"

namespace lintel::proxy {

void ActiveExchange::end(EndReason why) noexcept {
  if (std::exchange(cut, true)) return;
  reason = why;
  if (waiting) waiting->leave();
  if (pause) pause->end();
  for (ActiveAttempt* one = first_; one; one = one->next_) one->end(why);
}

void ActiveAttempt::end(EndReason why) noexcept {
  if (std::exchange(cut, true)) return;
  reason = why;
  opening.cancel();
  if (!upstream) return;
  upstream->cancel_read();
  upstream->cancel_write();
}

}  // namespace lintel::proxy
