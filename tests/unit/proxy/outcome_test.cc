// What the end of an attempt says of its server.

#include "proxy/outcome.h"

#include <doctest/doctest.h>

#include <optional>

using namespace lintel;
using namespace lintel::proxy;

TEST_CASE("outcome: what speaks against a server, what for it, and what tells nothing") {
  for (const int status : {502, 503, 504}) CHECK(speaks_for_server(EndReason::ok, status) == false);
  for (const int status : {0, 101, 200, 302, 404, 429, 500, 501, 505})
    CHECK(speaks_for_server(EndReason::ok, status) == true);
  for (const EndReason reason :
       {EndReason::upstream_connect_refused, EndReason::upstream_connect_timeout,
        EndReason::upstream_connect_unreachable, EndReason::upstream_tls_handshake, EndReason::upstream_reset,
        EndReason::upstream_closed, EndReason::upstream_timeout_send, EndReason::upstream_timeout_first_byte,
        EndReason::upstream_bad_response})
    CHECK(speaks_for_server(reason, 0) == false);
  CHECK(speaks_for_server(EndReason::upstream_truncated, 200) == false);
  for (const EndReason reason :
       {EndReason::client_abort_body, EndReason::client_timeout_body, EndReason::client_abort_response,
        EndReason::client_too_large_body, EndReason::local_shutdown, EndReason::local_resource,
        EndReason::upstream_idle_closed, EndReason::upstream_too_large_header})
    CHECK(speaks_for_server(reason, 0) == std::nullopt);
  CHECK(speaks_for_server(EndReason::upstream_timeout_body, 200) == std::nullopt);
  CHECK(speaks_for_server(EndReason::client_abort_response, 200) == true);
  CHECK(speaks_for_server(EndReason::client_slow_response, 503) == false);
}

TEST_CASE("outcome: every reason that blames a server speaks against it or is known to tell nothing") {
  int silent = 0;
  for (const EndReasonInfo& info : end_reasons()) {
    const std::optional<bool> good = speaks_for_server(info.reason, 0);
    if (is_server_failure(info.reason)) {
      CHECK(good != true);
      if (!good) ++silent;
    } else {
      CHECK(good != false);
    }
  }
  CHECK(speaks_for_server(EndReason::upstream_status, 503) == false);
  CHECK(speaks_for_server(EndReason::upstream_status, 429) == true);
  CHECK(silent == 4);
}
