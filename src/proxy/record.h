#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/model.h"
#include "http/limit.h"
#include "http/message.h"
#include "net/proxy_header.h"
#include "proxy/end_reason.h"

namespace lintel::proxy {

struct RequestFacts;

/// One server tried for a request.
struct Attempt {
  std::string_view server;
  int status = 0;  ///< Of its answer; 0: it gave none.
  EndReason reason = EndReason::ok;
  std::int64_t duration_ns = 0;
};

/// How long it took to open a connection to a server. Nanoseconds; negative: it was not opened, or is plain.
struct ConnectTimes {
  std::int64_t connect = -1;
  std::int64_t tls = -1;  ///< Of the handshake.
};

/// All that the access log and the statistics say about one transaction, or one TCP session. Views point into
/// the session, the request head and the generation, which outlive the record's use. Clock readings are
/// monotonic nanoseconds of the loop, durations nanoseconds; what did not happen is negative.
struct Record : ConnectTimes {
  static constexpr std::size_t kMaxAttempts = 8;

  std::string_view request_id;  ///< 32 hexadecimal digits, or what a trusted peer sent.
  std::string_view client_ip;  ///< The client as far as it is known: the peer, or what a trusted proxy named.
  std::uint16_t client_port = 0;
  std::string_view peer_ip;                 ///< The other end of the connection.
  const net::ProxyHeader* proxy = nullptr;  ///< What the peer said of the client; null: nothing.
  std::string_view listener;
  std::string_view route;   ///< Empty: none matched.
  std::string_view pool;    ///< Empty: answered here.
  std::string_view server;  ///< The last one tried.
  /// That a client is to have from it, as Set-Cookie says it; empty: none.
  std::string_view set_cookie;

  config::Protocol protocol = config::Protocol::http;
  // Of HTTP alone:
  http::Version version = http::Version::http11;
  http::Method method = http::Method::other;
  std::string_view method_text;  ///< As received.
  std::string_view tls_version;  ///< "TLSv1.3"; empty: plain.
  std::string_view tls_cipher;
  std::string_view sni;  ///< The name that the client asked for.
  std::string_view scheme = "http";
  std::string_view host;
  std::string_view target;  ///< As received; for the combined format.
  std::string_view path;
  std::string_view query;  ///< As received; shown redacted.
  std::string_view user_agent;
  std::string_view referer;

  const RequestFacts* facts = nullptr;  ///< Null where the head could not be read.

  std::uint64_t answers = 0;  ///< UDP: datagrams from the server.

  int status = 0;               ///< Sent to the client; 0: nothing was sent.
  int upstream_status = 0;      ///< Of the last server's answer; 0: none.
  std::uint64_t bytes_in = 0;   ///< Body bytes read from the client.
  std::uint64_t bytes_out = 0;  ///< Body bytes written to the client.

  std::int64_t started = 0;         ///< Clock at the first byte of the request.
  std::int64_t head_received = -1;  ///< Clock at the end of the request head.
  std::int64_t done = 0;            ///< Clock at the end of the transaction.
  std::int64_t queue = -1;          ///< Duration of waiting for a server.
  std::int64_t first_byte = -1;     ///< Duration from the request sent to the answer's first byte.

  std::array<Attempt, kMaxAttempts> attempts{};
  std::uint32_t attempt_count = 0;  ///< May pass kMaxAttempts; only the first ones are then kept.
  EndReason end_reason = EndReason::ok;
  http::Limit limit = http::Limit::none;  ///< That was reached, and refused, cut or closed something.
  std::string_view detail;                ///< What was wrong with a refused request, in words; else empty.

  /// Keeps the attempt while there is room and counts it in any case.
  void add_attempt(const Attempt& attempt) noexcept;
};

/// "HTTP/1.0", "HTTP/1.1", "HTTP/2". Static storage.
[[nodiscard]] std::string_view version_name(http::Version version) noexcept;

}  // namespace lintel::proxy
