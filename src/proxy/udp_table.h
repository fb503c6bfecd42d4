#pragma once

// The sessions of a UDP listener, found by who sent a datagram and to which of our addresses.

#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "net/datagram.h"

namespace lintel::proxy {

/// A client's address and port and the address of ours that it spoke to, packed so that equal keys are equal
/// bytes.
class UdpKey {
 public:
  UdpKey() noexcept = default;
  UdpKey(const sockaddr_in6& from, const net::LocalAddress& to) noexcept;
  /// `seed` must be secret, or clients could choose addresses that fall together.
  [[nodiscard]] std::uint64_t hash(std::uint64_t seed) const noexcept;
  friend bool operator==(const UdpKey&, const UdpKey&) = default;

 private:
  std::array<std::uint64_t, 6> words_{};
};

/// A hash table of nodes that others own. Finding allocates nothing; putting in only when the table grows.
class UdpTable {
 public:
  /// What a session inherits. Must be removed before it goes.
  class Node {
   public:
    explicit Node(const UdpKey& key) noexcept : key_(key) {}
    [[nodiscard]] const UdpKey& key() const noexcept { return key_; }

   private:
    friend class UdpTable;
    UdpKey key_;
    std::uint64_t hash_ = 0;
    Node* next_ = nullptr;
  };

  explicit UdpTable(std::uint64_t seed) : seed_(seed), slots_(kFewest) {}

  /// The node with that key, or null.
  [[nodiscard]] Node* find(const UdpKey& key) const noexcept;
  /// `node`'s key must not be in the table.
  void insert(Node& node);
  /// `node` must be in the table.
  void remove(Node& node) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Calls `visit(node)` for each; it may remove that node and no other.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (Node* node : slots_) {
      while (node != nullptr) {
        Node* next = node->next_;
        visit(*node);
        node = next;
      }
    }
  }

 private:
  static constexpr std::size_t kFewest = 64;  // A power of two, as all sizes.

  [[nodiscard]] Node** slot(std::uint64_t hash) noexcept { return &slots_[hash & (slots_.size() - 1)]; }
  void grow();

  std::uint64_t seed_;
  std::vector<Node*> slots_;
  std::size_t size_ = 0;
};

}  // namespace lintel::proxy
