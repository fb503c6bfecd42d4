#include "proxy/udp_table.h"

#include <cassert>
#include <cstring>

namespace lintel::proxy {
namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  const auto product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

}  // namespace

UdpKey::UdpKey(const sockaddr_in6& from, const net::LocalAddress& to) noexcept {
  if (from.sin6_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    words_[0] = v4.sin_addr.s_addr;
    words_[2] = v4.sin_port;
  } else {
    std::memcpy(words_.data(), &from.sin6_addr, sizeof from.sin6_addr);
    words_[2] = from.sin6_port | std::uint64_t{from.sin6_scope_id} << 16U;
  }
  words_[2] |= std::uint64_t{from.sin6_family} << 48U;
  words_[3] = static_cast<std::uint64_t>(to.kind) | std::uint64_t{to.interface} << 8U;
  std::memcpy(&words_[4], to.bytes.data(), to.bytes.size());
}

std::uint64_t UdpKey::hash(std::uint64_t seed) const noexcept {
  // Two words a step, as wyhash does it; the constants are odd numbers with no pattern.
  std::uint64_t h = seed ^ 0x9e3779b97f4a7c15U;
  for (std::size_t i = 0; i < words_.size(); i += 2) {
    h = mix(words_[i] ^ h, words_[i + 1] ^ seed ^ 0xd6e8feb86659fd93U);
  }
  return mix(h, 0xa0761d6478bd642fU);
}

UdpTable::Node* UdpTable::find(const UdpKey& key) const noexcept {
  const std::uint64_t hash = key.hash(seed_);
  for (Node* node = slots_[hash & (slots_.size() - 1)]; node != nullptr; node = node->next_) {
    if (node->hash_ == hash && node->key_ == key) return node;
  }
  return nullptr;
}

void UdpTable::insert(Node& node) {
  assert(find(node.key_) == nullptr);
  if (size_ == slots_.size()) grow();
  node.hash_ = node.key_.hash(seed_);
  Node** at = slot(node.hash_);
  node.next_ = *at;
  *at = &node;
  ++size_;
}

void UdpTable::remove(Node& node) noexcept {
  Node** at = slot(node.hash_);
  while (*at != &node) at = &(*at)->next_;
  *at = node.next_;
  --size_;
}

void UdpTable::grow() {
  std::vector<Node*> old(slots_.size() * 2);
  old.swap(slots_);
  for (Node* node : old) {
    while (node != nullptr) {
      Node* next = node->next_;
      Node** at = slot(node->hash_);
      node->next_ = *at;
      *at = node;
      node = next;
    }
  }
}

}  // namespace lintel::proxy
