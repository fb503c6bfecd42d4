#pragma once

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

namespace lintel {

/// What went wrong, in the terms a caller decides by. `error_name` gives the spelling used in logs.
enum class ErrorCode : std::uint8_t {
  canceled,     ///< Somebody called cancel; not a fault of the peer.
  timeout,      ///< A deadline passed.
  too_slow,     ///< The peer kept below a minimum rate.
  closed,       ///< The peer ended the stream where more was needed.
  reset,        ///< ECONNRESET, EPIPE and their kin.
  refused,      ///< ECONNREFUSED, or no such Unix socket.
  unreachable,  ///< No route to the peer.
  protocol,     ///< The peer sent bytes that its protocol forbids.
  untrusted,    ///< The peer is not who it should be: its certificate is not accepted.
  too_large,    ///< A configured limit on size or count was passed.
  resource,     ///< This process ran out of descriptors, ports or memory.
  resolve,      ///< A name has no address.
  system,       ///< Any other errno; see Error::sys.
};

/// Which side of the proxy the error came from.
enum class ErrorSource : std::uint8_t { local, downstream, upstream };

/// One failure on the data path: small and trivially copyable, so that `Result` costs nothing.
struct Error {
  ErrorCode code = ErrorCode::system;
  ErrorSource source = ErrorSource::local;
  bool retryable = false;    ///< True while it is certain that the peer processed nothing.
  int sys = 0;               ///< errno where there is one, else 0.
  const char* context = "";  ///< What was being done; a string literal.
};

template <typename T>
using Result = tl::expected<T, Error>;
using tl::unexpected;

/// Short token for `code`, for example "timeout". Static storage.
[[nodiscard]] std::string_view error_name(ErrorCode code) noexcept;

/// The ErrorCode for an errno of a socket call.
[[nodiscard]] ErrorCode error_from_errno(int err) noexcept;

/// An Error from errno `err`; `context` must be a string literal.
[[nodiscard]] Error make_system_error(int err, const char* context) noexcept;

}  // namespace lintel
