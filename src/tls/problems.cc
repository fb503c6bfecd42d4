#include "tls/problems.h"

#include <openssl/err.h>

namespace lintel::tls {

const char* take_openssl_reason() noexcept {
  const unsigned long first = ERR_peek_error();
  ERR_clear_error();
  const char* reason = first == 0 ? nullptr : ERR_reason_error_string(first);
  return reason ? reason : "";
}

std::string take_openssl_error() {
  return take_openssl_reason();
}

}  // namespace lintel::tls
