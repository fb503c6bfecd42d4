#include "app/admin.h"

#include <array>
#include <optional>
#include <string>

#include "base/buffer.h"
#include "proxy/metrics_text.h"
#include "proxy/stats_json.h"

namespace lintel::app {
namespace {

Reply healthz(const AdminView&, std::string_view) {
  return Reply{.body = "ok\n"};
}

Reply readyz(const AdminView& view, std::string_view) {
  switch (view.readiness()) {
    case Readiness::ready:
      return Reply{.body = "ok\n"};
    case Readiness::starting:
      return Reply{.status = 503, .body = "starting\n"};
    case Readiness::draining:
      break;
  }
  return Reply{.status = 503, .body = "draining\n"};
}

Reply stats(const AdminView& view, std::string_view) {
  Buffer out;
  proxy::format_stats_json(out, view.totals(), view.process());
  return Reply{.content_type = "application/json", .body = std::string(out.view())};
}

Reply metrics(const AdminView& view, std::string_view accept) {
  const proxy::MetricsFormat format = proxy::metrics_format(accept);
  Buffer out;
  proxy::format_metrics(out, view.totals(), view.process(), format);
  return Reply{.content_type = std::string(proxy::metrics_content_type(format)),
               .body = std::string(out.view()),
               .fields = {{"Vary", "Accept"}}};
}

Reply pools(const AdminView& view, std::string_view) {
  return pools_reply(view.servers(), view.now());
}

struct Page {
  std::string_view path;
  std::string_view what;
  Reply (*make)(const AdminView&, std::string_view accept);
};

constexpr std::array kPages = {
    Page{"/healthz", "200 while the process runs", healthz},
    Page{"/readyz", "200 while it takes requests, 503 while it starts or drains", readyz},
    Page{"/v1/stats", "figures as JSON", stats},
    Page{"/v1/pools", "servers and their states as JSON", pools},
    Page{"/metrics", "figures for Prometheus", metrics},
};

Reply not_found(std::string_view path) {
  Reply reply{.status = path == "/" ? 200 : 404};
  reply.body = path == "/" ? "Lintel's admin endpoint\n\n" : "there is no such page; these are:\n\n";
  for (const Page& page : kPages) {
    std::string line(page.path);
    line.resize(12, ' ');
    reply.body += line + std::string(page.what) + "\n";
  }
  return reply;
}

}  // namespace

Reply admin_reply(const AdminView& view, const AdminRequest& request) {
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  if (const std::optional<ServerPath> path = ServerPath::parse(request.path)) {
    if (reads) return server_reply(view.servers(), *path, view.now());
    if (request.method == http::Method::patch)
      return change_server(view.servers(), *path, request.body, request.from, view.now());
    return problem(405, "servers are read with GET and changed with PATCH", {{"Allow", "GET, HEAD, PATCH"}});
  }
  if (!reads) {
    return Reply{
        .status = 405, .body = "only GET and HEAD are answered here\n", .fields = {{"Allow", "GET, HEAD"}}};
  }
  for (const Page& page : kPages) {
    if (page.path == request.path) return page.make(view, request.accept);
  }
  return not_found(request.path);
}

}  // namespace lintel::app
