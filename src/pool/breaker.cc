#include "pool/breaker.h"

namespace lintel::pool {
namespace {

constexpr Nanos kMilli = 1'000'000;

}  // namespace

/// The state in parts. `until` is in milliseconds: of the open state, or of the turn of probes.
struct Breaker::Word {
  static constexpr unsigned kCountBits = 10;
  static constexpr std::uint64_t kMost = (1U << kCountBits) - 1;

  Word() noexcept = default;
  explicit Word(std::uint64_t word) noexcept
      : state(static_cast<State>(word & 3)),
        left(word >> 2 & kMost),
        good(word >> (2 + kCountBits) & kMost),
        until(word >> (2 + 2 * kCountBits)) {}
  [[nodiscard]] std::uint64_t word() const noexcept {
    return until << (2 + 2 * kCountBits) | good << (2 + kCountBits) | left << 2 |
           static_cast<std::uint64_t>(state);
  }
  [[nodiscard]] Nanos until_nanos() const noexcept { return static_cast<Nanos>(until) * kMilli; }
  void set_until(Nanos moment) noexcept {
    until = static_cast<std::uint64_t>((moment + kMilli - 1) / kMilli);
  }

  State state = State::closed;
  std::uint64_t left = 0;  ///< Probes that may still pass.
  std::uint64_t good = 0;  ///< Probes that succeeded.
  std::uint64_t until = 0;
};

Breaker::State Breaker::state(Nanos now) const noexcept {
  const Word word(word_.load(std::memory_order_relaxed));
  return word.state == State::open && now >= word.until_nanos() ? State::half_open : word.state;
}

bool Breaker::is_passable(Nanos now) const noexcept {
  return passable_at(now) == kNever;
}

Nanos Breaker::passable_at(Nanos now) const noexcept {
  const Word word(word_.load(std::memory_order_relaxed));
  const bool waits = word.state == State::open || (word.state == State::half_open && word.left == 0);
  return waits && now < word.until_nanos() ? word.until_nanos() : kNever;
}

Breaker::Admission Breaker::admit(const config::Breaker& rules, Nanos now) noexcept {
  std::uint64_t before = word_.load(std::memory_order_relaxed);
  for (;;) {
    Word word(before);
    if (word.state == State::closed) return Admission::passed;
    const bool was_open = word.state == State::open;
    if (was_open || word.left == 0) {
      if (now < word.until_nanos()) return Admission::refused;
      word.state = State::half_open;
      word.left = rules.probes;
      word.set_until(now + to_nanos(rules.open_for));
      if (was_open) word.good = 0;
    }
    --word.left;
    if (word_.compare_exchange_weak(before, word.word(), std::memory_order_relaxed))
      return was_open ? Admission::probing : Admission::passed;
  }
}

Breaker::Change Breaker::note(const config::Breaker& rules, bool good, Nanos begun, Nanos now) noexcept {
  if (!rules.failure_ratio || begun < opened_at_.load(std::memory_order_relaxed)) return Change::none;
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  switch (Word(word).state) {
    case State::closed:
      return note_closed(rules, good, now, word);
    case State::half_open:
      return note_probe(rules, good, now, word);
    case State::open:
      break;
  }
  return Change::none;
}

Breaker::Change Breaker::note_closed(const config::Breaker& rules, bool good, Nanos now,
                                     std::uint64_t word) noexcept {
  window_.add(now, to_nanos(rules.window), !good, false);
  if (good) return Change::none;
  const Window::Sums seen = sums(rules, now);
  if (seen.total < rules.min_requests || seen.bad * 100ULL < seen.total * 1ULL * *rules.failure_ratio)
    return Change::none;
  return open(rules, now, word) ? Change::opened : Change::none;
}

Breaker::Change Breaker::note_probe(const config::Breaker& rules, bool good, Nanos now,
                                    std::uint64_t word) noexcept {
  if (!good) return open(rules, now, word) ? Change::reopened : Change::none;
  for (;;) {
    Word next(word);
    if (next.state != State::half_open) return Change::none;
    const bool closes = ++next.good >= rules.probes;
    if (closes) next = Word();
    if (!word_.compare_exchange_weak(word, next.word(), std::memory_order_relaxed)) continue;
    if (!closes) return Change::none;
    window_.clear();
    return Change::closed;
  }
}

/// Opens it unless somebody else has changed the state from `word`.
bool Breaker::open(const config::Breaker& rules, Nanos now, std::uint64_t& word) noexcept {
  Word next;
  next.state = State::open;
  next.set_until(now + to_nanos(rules.open_for));
  const State from = Word(word).state;
  while (!word_.compare_exchange_weak(word, next.word(), std::memory_order_relaxed)) {
    if (Word(word).state != from) return false;
  }
  opened_at_.store(now, std::memory_order_relaxed);
  opened_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace lintel::pool
