#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/address.h"

namespace lintel::proxy {

/// By what connections are counted: an IPv4 address, or the /64 of an IPv6 address, in which a single client
/// may choose freely. IPv4-mapped addresses are IPv4.
class AddressKey {
 public:
  /// Nothing for Unix sockets, whose clients have no address.
  [[nodiscard]] static std::optional<AddressKey> of(const SocketAddress& address) noexcept;
  friend bool operator==(AddressKey, AddressKey) = default;

 private:
  friend class AddressCounts;
  explicit AddressKey(std::uint64_t bits) noexcept : bits_(bits) {}
  std::uint64_t bits_;
};

/// How many connections each address has, over all workers. Takes a short lock when a connection comes and
/// when it goes, of one part of the table. Exact, because a refusal must not hit a neighbour; an address
/// without connections takes no room, so the table is bounded by the connections that there can be.
class AddressCounts {
 public:
  AddressCounts();

  /// One connection for as long as it lives; or none.
  class Place {
   public:
    Place() noexcept : key_(0) {}
    Place(Place&& other) noexcept : counts_(std::exchange(other.counts_, nullptr)), key_(other.key_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(counts_, other.counts_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Place() {
      if (counts_) counts_->give(key_);
    }

   private:
    friend class AddressCounts;
    Place(AddressCounts& counts, AddressKey key) noexcept : counts_(&counts), key_(key) {}
    AddressCounts* counts_ = nullptr;
    AddressKey key_;
  };

  /// Counts one more connection, unless `limit` are there. Any thread; the counts must outlive the place.
  [[nodiscard]] std::optional<Place> take(AddressKey key, std::uint64_t limit);
  /// Addresses that have connections now.
  [[nodiscard]] std::size_t size();

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t count = 0;  ///< 0: the slot is free.
  };
  /// An open-addressing table with linear probing.
  struct alignas(64) Part {
    std::mutex mutex;
    std::vector<Slot> slots;  ///< As many as a power of two.
    std::size_t used = 0;
  };
  static constexpr std::size_t kParts = 16;

  void give(AddressKey key) noexcept;
  [[nodiscard]] std::uint64_t hash(std::uint64_t key) const noexcept;
  [[nodiscard]] Part& part_of(std::uint64_t hash) noexcept { return parts_[hash % kParts]; }
  /// The slot of `key`, or the free one where it belongs. The table must not be full.
  [[nodiscard]] std::size_t find(const Part& part, std::uint64_t key) const noexcept;
  [[nodiscard]] std::size_t home(const Part& part, std::uint64_t key) const noexcept;
  void grow(Part& part);
  void erase(Part& part, std::size_t at) noexcept;

  std::uint64_t seed_;  ///< Clients choose their addresses: they must not choose where these are kept.
  std::array<Part, kParts> parts_;
};

}  // namespace lintel::proxy
