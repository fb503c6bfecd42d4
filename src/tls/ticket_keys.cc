#include "tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

namespace lintel::tls {
namespace {

TicketKeys::Key random_key() {
  TicketKeys::Key key;
  for (const std::span<unsigned char> part :
       {std::span<unsigned char>(key.name), std::span<unsigned char>(key.cipher),
        std::span<unsigned char>(key.mac)}) {
    if (RAND_bytes(part.data(), static_cast<int>(part.size())) != 1) {
      throw std::runtime_error("the system has no random numbers for TLS");
    }
  }
  return key;
}

}  // namespace

TicketKeys::TicketKeys(const Clock& clock) : clock_(clock), current_(random_key()), born_(clock.now()) {}

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(&current_, sizeof current_);
  OPENSSL_cleanse(&previous_, sizeof previous_);
}

void TicketKeys::rotate() {
  const Nanos age = clock_.now() - born_;
  if (age < kLifetime) return;
  previous_ = current_;
  has_previous_ = age < 2 * kLifetime;
  current_ = random_key();
  born_ = clock_.now();
}

TicketKeys::Key TicketKeys::current() {
  const std::lock_guard lock(mutex_);
  rotate();
  return current_;
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const unsigned char, 16> name) {
  const std::lock_guard lock(mutex_);
  rotate();
  if (std::equal(name.begin(), name.end(), current_.name.begin())) return Found{current_, true};
  if (has_previous_ && std::equal(name.begin(), name.end(), previous_.name.begin())) {
    return Found{previous_, false};
  }
  return std::nullopt;
}

}  // namespace lintel::tls
