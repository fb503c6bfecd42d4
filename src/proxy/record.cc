#include "proxy/record.h"

namespace lintel::proxy {

std::string_view version_name(http::Version version) noexcept {
  switch (version) {
    case http::Version::http10:
      return "HTTP/1.0";
    case http::Version::http11:
      return "HTTP/1.1";
    case http::Version::http2:
      return "HTTP/2";
  }
  return "HTTP/1.1";
}

void Record::add_attempt(const Attempt& attempt) noexcept {
  if (attempt_count < kMaxAttempts) attempts[attempt_count] = attempt;
  ++attempt_count;
}

}  // namespace lintel::proxy
