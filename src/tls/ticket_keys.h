#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <span>

#include "base/clock.h"

namespace lintel::tls {

/// The keys that session tickets are encrypted with (RFC 5077, 4): one set for the process, so that a client
/// may resume on any worker, on any listener that accepts its session, and after a reload. They live in
/// memory only and are replaced every 12 hours; tickets of the key before are still taken. Any thread.
class TicketKeys {
 public:
  static constexpr Nanos kLifetime = Nanos{12} * 3600 * 1'000'000'000;

  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  struct Found {
    Key key;
    bool is_current;
  };

  explicit TicketKeys(const Clock& clock = system_clock());
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  ~TicketKeys();

  /// The key for new tickets.
  [[nodiscard]] Key current();
  /// The key of that name, if it is still known.
  [[nodiscard]] std::optional<Found> find(std::span<const unsigned char, 16> name);

 private:
  void rotate();

  const Clock& clock_;
  std::mutex mutex_;
  Key current_{};
  Key previous_{};
  bool has_previous_ = false;
  Nanos born_ = 0;  ///< Of the current key.
};

}  // namespace lintel::tls
