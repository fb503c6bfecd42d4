#include "proxy/local_reply.h"

#include <string>

#include "proxy/exchange.h"
#include "proxy/proxy_status.h"
#include "proxy/route_actions.h"

namespace lintel::proxy {

net::Task<void> send_local(WorkerContext& worker, const RouteContext& route,
                           http::ServerTransaction& transaction, LocalReply reply, Record& record) {
  http::Workspace::PooledResponse head(worker.workspace);
  head->status = reply.status;
  head->has_body = reply.status != 204 && reply.status != 304;
  head->fields.add("Date", worker.workspace.http_date());
  std::string standard;
  std::string_view body = reply.body;
  if (head->has_body) {
    if (body.empty() && reply.status >= 400) {
      standard = std::to_string(reply.status);
      standard.append(" ").append(http::reason_phrase(reply.status)).append("\n");
      body = standard;
    }
    if (!body.empty()) head->fields.add("Content-Type", reply.content_type);
    head->content_length = body.size();
  }
  if (!reply.field_name.empty()) head->fields.add(reply.field_name, reply.field_value);
  record.status = reply.status;
  edit_response(head->fields, route, record, worker.scratch);
  if (record.scheme == "https" && !route.hsts.empty())
    head->fields.set("Strict-Transport-Security", route.hsts);
  if (!route.proxy_status.empty()) add_own_status(head->fields, route.proxy_status, record.end_reason);
  const bool send_body = head->has_body && transaction.request.method != http::Method::head;
  const http::BodyChunk chunk(send_body ? body : std::string_view(), true);
  const Result<void> written = co_await transaction.write_head(*head, chunk, nullptr);
  if (written) {
    record.bytes_out += chunk.bytes.size();
  } else if (record.end_reason == EndReason::ok) {
    record.end_reason = downstream_reason(written.error(), Phase::response);
  }
}

}  // namespace lintel::proxy
