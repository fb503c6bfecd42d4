#include "proxy/address_counts.h"

#include <netinet/in.h>

#include <cstring>

#include "base/random.h"

namespace lintel::proxy {
namespace {

constexpr std::size_t kFirstSlots = 16;
/// Above every /64 that a client can have: these are multicast addresses (RFC 4291, 2.7).
constexpr std::uint64_t kIpv4 = std::uint64_t{0xffffffff} << 32U;

}  // namespace

std::optional<AddressKey> AddressKey::of(const SocketAddress& address) noexcept {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.get());
    return AddressKey(kIpv4 | v4->sin_addr.s_addr);
  }
  if (address.family() != AF_INET6) return std::nullopt;
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    std::uint32_t v4 = 0;
    std::memcpy(&v4, &v6.s6_addr[12], sizeof v4);
    return AddressKey(kIpv4 | v4);
  }
  std::uint64_t network = 0;
  std::memcpy(&network, &v6.s6_addr[0], sizeof network);
  return AddressKey(network);
}

AddressCounts::AddressCounts() : seed_(random_seed()) {}

std::uint64_t AddressCounts::hash(std::uint64_t key) const noexcept {
  std::uint64_t x = key ^ seed_;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

std::size_t AddressCounts::home(const Part& part, std::uint64_t key) const noexcept {
  return hash(key) / kParts & (part.slots.size() - 1);
}

std::size_t AddressCounts::find(const Part& part, std::uint64_t key) const noexcept {
  std::size_t at = home(part, key);
  while (part.slots[at].count != 0 && part.slots[at].key != key) at = (at + 1) & (part.slots.size() - 1);
  return at;
}

void AddressCounts::grow(Part& part) {
  std::vector<Slot> old(part.slots.empty() ? kFirstSlots : part.slots.size() * 2);
  old.swap(part.slots);
  for (const Slot& slot : old) {
    if (slot.count != 0) part.slots[find(part, slot.key)] = slot;
  }
}

/// Frees a slot and moves those up that stand behind their place because of it.
void AddressCounts::erase(Part& part, std::size_t at) noexcept {
  const std::size_t mask = part.slots.size() - 1;
  for (std::size_t next = (at + 1) & mask; part.slots[next].count != 0; next = (next + 1) & mask) {
    const std::size_t behind = (next - home(part, part.slots[next].key)) & mask;
    if (behind < ((next - at) & mask)) continue;
    part.slots[at] = part.slots[next];
    at = next;
  }
  part.slots[at] = Slot{};
  --part.used;
}

std::optional<AddressCounts::Place> AddressCounts::take(AddressKey key, std::uint64_t limit) {
  Part& part = part_of(hash(key.bits_));
  const std::lock_guard lock(part.mutex);
  if ((part.used + 1) * 4 > part.slots.size() * 3) grow(part);
  Slot& slot = part.slots[find(part, key.bits_)];
  if (slot.count >= limit) return std::nullopt;
  if (slot.count++ == 0) {
    slot.key = key.bits_;
    ++part.used;
  }
  return Place(*this, key);
}

void AddressCounts::give(AddressKey key) noexcept {
  Part& part = part_of(hash(key.bits_));
  const std::lock_guard lock(part.mutex);
  const std::size_t at = find(part, key.bits_);
  if (--part.slots[at].count == 0) erase(part, at);
}

std::size_t AddressCounts::size() {
  std::size_t sum = 0;
  for (Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    sum += part.used;
  }
  return sum;
}

}  // namespace lintel::proxy
