#pragma once

#include <string_view>

#include "http/transaction.h"
#include "proxy/generation.h"
#include "proxy/record.h"

namespace lintel::proxy {

/// An answer that Lintel gives itself.
struct LocalReply {
  int status = 500;
  std::string_view body;  ///< Empty: "<status> <reason>\n".
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view field_name;  ///< One more field; empty: none.
  std::string_view field_value;

  /// Says which methods there are (RFC 9110, 10.2.1), as 405 must.
  void allow() noexcept {
    field_name = "Allow";
    field_value = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";
  }
};

/// Sends `reply` as the answer to `transaction` and notes it in `record`, whose end reason says why the
/// answer is ours. The views in `reply` must outlive the task. Suspends. Failures to send end up in the
/// record.
net::Task<void> send_local(WorkerContext& worker, const RouteContext& route,
                           http::ServerTransaction& transaction, LocalReply reply, Record& record);

}  // namespace lintel::proxy
