#include "net/allowance.h"

#include <algorithm>

namespace lintel::net {

void Allowance::start(const Terms& terms, Nanos now) noexcept {
  terms_ = terms;
  left_ = terms.rate == 0 ? terms.most : std::min(terms.grace, terms.most);
  since_ = now;
  was_full_ = left_ == terms.most;
}

void Allowance::end_wait(Nanos now) noexcept {
  if (left_ != kNever) left_ = std::max<Nanos>(left_ - (now - since_), 0);
}

void Allowance::earn(std::uint64_t bytes) noexcept {
  if (bytes == 0) return;
  const double earned =
      terms_.rate == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(terms_.rate) * 1e9;
  was_full_ = terms_.rate == 0 || earned >= static_cast<double>(terms_.most - left_);
  left_ = was_full_ ? terms_.most : left_ + static_cast<Nanos>(earned);
}

}  // namespace lintel::net
