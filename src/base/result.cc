#include "base/result.h"

#include <cerrno>

namespace lintel {

std::string_view error_name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::canceled:
      return "canceled";
    case ErrorCode::timeout:
      return "timeout";
    case ErrorCode::too_slow:
      return "too_slow";
    case ErrorCode::closed:
      return "closed";
    case ErrorCode::reset:
      return "reset";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::unreachable:
      return "unreachable";
    case ErrorCode::protocol:
      return "protocol";
    case ErrorCode::untrusted:
      return "untrusted";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::resource:
      return "resource";
    case ErrorCode::resolve:
      return "resolve";
    case ErrorCode::system:
      return "system";
  }
  return "unknown";
}

ErrorCode error_from_errno(int err) noexcept {
  switch (err) {
    case ECANCELED:
      return ErrorCode::canceled;
    case ETIMEDOUT:
      return ErrorCode::timeout;
    case ETIME:
      return ErrorCode::too_slow;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
      return ErrorCode::reset;
    case EPROTO:
      return ErrorCode::protocol;
    case ECONNREFUSED:
    case ENOENT:
      return ErrorCode::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
      return ErrorCode::unreachable;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL:
      return ErrorCode::resource;
    default:
      return ErrorCode::system;
  }
}

Error make_system_error(int err, const char* context) noexcept {
  return Error{error_from_errno(err), ErrorSource::local, false, err, context};
}

}  // namespace lintel
