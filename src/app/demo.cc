#include "app/demo.h"

#include <charconv>
#include <cstring>

#include "app/sockets.h"
#include "net/socket.h"

namespace lintel::app {
namespace {

constexpr std::string_view kPage = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Lintel demo: server @SERVER@</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; color: #1d2733; background: #f4f6f8; margin: 0; }
  main { max-width: 42rem; margin: 3rem auto; padding: 0 1.25rem; }
  .answer { background: #fff; border-left: 6px solid @COLOUR@; padding: 1rem 1.25rem; }
  .answer strong { color: @COLOUR@; font-size: 1.6rem; }
  pre { background: #1d2733; color: #e8edf2; padding: 1rem; overflow-x: auto; font-size: .875rem; }
  a { color: #0b5cad; }
</style>
</head>
<body>
<main>
<h1>Lintel is running</h1>
<p class="answer"><strong>Server @SERVER@ of 2</strong><br>answered this request. It has answered @COUNT@ so far.</p>
<p>Load this page again and the other server answers: Lintel shares the requests out between two small
servers, which run inside the same process for this demo. The same in a terminal:</p>
<pre>for i in 1 2 3 4; do curl -s http://127.0.0.1:@PORT@/whoami; done</pre>
@ADMIN@<h2>Your own configuration</h2>
<p>The demo runs this file. Save it as <code>lintel.yaml</code>, put your servers in, stop the demo with Ctrl-C and
start <code>lintel run -c lintel.yaml</code>:</p>
<pre>@CONFIG@</pre>
</main>
</body>
</html>
)";

constexpr std::string_view kAdminParagraph =
    "<p>Figures: <a href=\"http://127.0.0.1:@ADMINPORT@/v1/stats\">statistics</a>, "
    "<a href=\"http://127.0.0.1:@ADMINPORT@/metrics\">metrics</a>.</p>\n";

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

std::string port_of(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

}  // namespace

tl::expected<std::uint16_t, std::string> demo_port(const char* value) {
  if (value == nullptr || *value == '\0') return kDemoPort;
  std::uint16_t port = 0;
  const char* end = value + std::strlen(value);
  const auto [at, error] = std::from_chars(value, end, port);
  if (error != std::errc() || at != end || port == 0) {
    return tl::unexpected("LINTEL_DEMO_PORT is \"" + std::string(value) +
                          "\"; it must be a port from 1 to 65535");
  }
  return port;
}

std::string demo_configuration(const DemoPorts& ports) {
  std::string text;
  text += "workers: 1                  # so that the servers come strictly in turn\n";
  if (ports.admin != 0) text += "admin: {bind: [\"" + port_of(ports.admin) + "\"]}\n";
  text += "access_log: {format: combined}\n\nlisteners:\n  - name: web\n    bind: [\"" + port_of(ports.web) +
          "\"]\n    pool: demo\n\npools:\n  demo:\n    balance: round-robin\n    servers:\n";
  for (const std::uint16_t server : ports.servers) text += "      - " + port_of(server) + "\n";
  return text;
}

std::string demo_page(int server, std::uint64_t count, const DemoPorts& ports) {
  std::string text(kPage);
  replace_all(text, "@ADMIN@", ports.admin != 0 ? kAdminParagraph : "");
  replace_all(text, "@ADMINPORT@", std::to_string(ports.admin));
  replace_all(text, "@SERVER@", std::to_string(server));
  replace_all(text, "@COLOUR@", server == 1 ? "#0b6e4f" : "#a23b00");
  replace_all(text, "@COUNT@", std::to_string(count) + (count == 1 ? " request" : " requests"));
  replace_all(text, "@PORT@", std::to_string(ports.web));
  replace_all(text, "@CONFIG@", demo_configuration(ports));
  return text;
}

Demo::Demo(http::Workspace& workspace, std::uint16_t port) {
  ports_.web = port;
  for (int i = 0; i < 2; ++i) {
    const auto respond = [this, i](const LocalRequest& request) { return reply(i, request.head); };
    servers_[i] = std::make_unique<LocalServer>(workspace, respond);
  }
}

tl::expected<void, std::string> Demo::start() {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const WantedBind wanted{
        {Endpoint::Kind::ip, "127.0.0.1", 0}, config::Protocol::http, "demo", "the machine's loopback"};
    auto bound = BoundAddress::open(wanted, true);
    if (!bound) return tl::unexpected(bound.error());
    auto socket = bound->add_socket();
    if (!socket) return tl::unexpected(socket.error());
    ports_.servers[i] = bound->address().port();
    servers_[i]->listen(socket->release());
  }
  if (!net::probe_bind(*SocketAddress::from_ip("127.0.0.1", ports_.admin))) ports_.admin = 0;
  return {};
}

void Demo::close() noexcept {
  for (const auto& server : servers_) server->close();
}

net::Task<void> Demo::join() {
  for (const auto& server : servers_) co_await server->join();
}

Reply Demo::reply(int server, const http::RequestHead& request) {
  const std::string_view path = request.text(request.path);
  const int number = server + 1;
  if (path == "/favicon.ico") return Reply{.status = 404, .body = "none\n"};
  const std::uint64_t count = ++counts_[static_cast<std::size_t>(server)];
  if (path == "/") {
    return Reply{.content_type = "text/html; charset=utf-8", .body = demo_page(number, count, ports_)};
  }
  return Reply{.body = "server " + std::to_string(number) + " of 2, request " + std::to_string(count) + "\n"};
}

}  // namespace lintel::app
