#include "app/admin.h"

#include <array>
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

struct Page {
  std::string_view path;
  std::string_view what;
  Reply (*make)(const AdminView&, std::string_view accept);
};

constexpr std::array kPages = {
    Page{"/healthz", "200 while the process runs", healthz},
    Page{"/readyz", "200 while it takes requests, 503 while it starts or drains", readyz},
    Page{"/v1/stats", "figures as JSON", stats},
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

Reply admin_reply(const AdminView& view, http::Method method, std::string_view path,
                  std::string_view accept) {
  if (method != http::Method::get && method != http::Method::head) {
    return Reply{
        .status = 405, .body = "only GET and HEAD are answered here\n", .fields = {{"Allow", "GET, HEAD"}}};
  }
  for (const Page& page : kPages) {
    if (page.path == path) return page.make(view, accept);
  }
  return not_found(path);
}

}  // namespace lintel::app
