#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lintel/balancer.h"

namespace lintel::pool {

/// Candidates in the order of their keys, the least first and of equal ones the one that comes first: a
/// tournament, so that a change of one key costs O(log n). Those without weight take no part; those found
/// full are left out until they have room again. `Key` has an operator <.
template <typename Key>
class Ranking {
 public:
  /// Allocates. `key(i)` is the key of candidate i; asked for those with weight.
  template <typename MakeKey>
  void build(std::span<const Candidate> candidates, MakeKey&& key) {
    candidates_ = candidates;
    players_.assign(candidates.size(), Player());
    for (std::uint32_t i = 0; i < candidates.size(); ++i) {
      players_[i].out = candidates[i].weight == 0;
      if (!players_[i].out) players_[i].key = key(i);
    }
    full_.clear();
    full_.reserve(candidates.size());
    leaves_ = std::bit_ceil(std::max<std::size_t>(candidates.size(), 1));
    winners_.assign(2 * leaves_, kNobody);
    for (std::uint32_t i = 0; i < candidates.size(); ++i) winners_[leaves_ + i] = i;
    for (std::size_t node = leaves_ - 1; node > 0; --node) play(node);
  }
  [[nodiscard]] std::size_t size() const noexcept { return players_.size(); }
  [[nodiscard]] const Key& key(std::uint32_t index) const noexcept { return players_[index].key; }
  void set_key(std::uint32_t index, const Key& key) noexcept {
    players_[index].key = key;
    replay(index);
  }

  /// The first that `context` accepts. `rejoin(i)` gives the key of one that takes part again after it was
  /// full. Allocates nothing.
  template <typename Rejoin>
  [[nodiscard]] std::optional<std::uint32_t> first(const PickContext& context, Rejoin&& rejoin) noexcept {
    look_again(kLooks, rejoin);
    std::optional<std::uint32_t> found = search(context);
    if (found || full_.empty()) return found;
    look_again(full_.size(), rejoin);
    return search(context);
  }

 private:
  static constexpr std::uint32_t kNobody = 0xffffffff;
  /// How many of those that were found full are looked at again each time.
  static constexpr std::size_t kLooks = 4;
  static constexpr std::size_t kMostTried = 16;

  struct Player {
    Key key{};
    bool out = true;
  };

  [[nodiscard]] std::optional<std::uint32_t> search(const PickContext& context) noexcept {
    std::array<std::uint32_t, kMostTried> tried{};
    std::size_t tried_count = 0;
    std::optional<std::uint32_t> found;
    for (;;) {
      const std::uint32_t first = winners_[1];
      if (first == kNobody || players_[first].out) break;
      if (candidates_[first].is_full()) {
        full_.push_back(first);
      } else if (tried_count < kMostTried && context.excludes(candidates_[first])) {
        tried[tried_count++] = first;
      } else {
        found = first;
        break;
      }
      set_out(first, true);
    }
    while (tried_count > 0) set_out(tried[--tried_count], false);
    return found;
  }

  template <typename Rejoin>
  void look_again(std::size_t most, Rejoin&& rejoin) noexcept {
    for (std::size_t looks = std::min(most, full_.size()); looks > 0; --looks) {
      if (next_full_ >= full_.size()) next_full_ = 0;
      const std::uint32_t index = full_[next_full_];
      if (candidates_[index].is_full()) {
        ++next_full_;
        continue;
      }
      full_[next_full_] = full_.back();
      full_.pop_back();
      players_[index].key = rejoin(index);
      set_out(index, false);
    }
  }

  void set_out(std::uint32_t index, bool out) noexcept {
    players_[index].out = out;
    replay(index);
  }
  void replay(std::uint32_t index) noexcept {
    for (std::size_t node = (leaves_ + index) / 2; node > 0; node /= 2) play(node);
  }
  void play(std::size_t node) noexcept {
    const std::uint32_t left = winners_[2 * node];
    const std::uint32_t right = winners_[2 * node + 1];
    winners_[node] = right == kNobody || !before(right, left) ? left : right;
  }
  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b) const noexcept {
    const Player& one = players_[a];
    const Player& other = players_[b];
    if (one.out != other.out) return other.out;
    return one.key < other.key;
  }

  std::span<const Candidate> candidates_;
  std::vector<Player> players_;
  std::size_t leaves_ = 1;
  /// By node: node i has the sons 2i and 2i + 1, the last `leaves_` are the candidates.
  std::vector<std::uint32_t> winners_ = {kNobody, kNobody};
  std::vector<std::uint32_t> full_;
  std::size_t next_full_ = 0;
};

}  // namespace lintel::pool
