#include "app/sockets.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace lintel::app {
namespace {

WantedBind bind_at(std::string_view text) {
  std::string why;
  const bool udp = text.ends_with("/udp");
  if (udp) text.remove_suffix(4);
  return {*Endpoint::parse(text, why), udp ? config::Protocol::udp : config::Protocol::http,
          "listener \"web\"", "listeners[web].bind"};
}

std::vector<WantedBind> binds_at(const std::vector<std::string>& texts) {
  std::vector<WantedBind> binds;
  binds.reserve(texts.size());
  for (const std::string& text : texts) binds.push_back(bind_at(text));
  return binds;
}

TEST_CASE("what has to be opened and closed between two configurations") {
  struct Case {
    std::vector<std::string> open, wanted, opened, closed;
  };
  const Case cases[] = {
      {{}, {}, {}, {}},
      {{}, {":80"}, {":80"}, {}},
      {{":80"}, {":80"}, {}, {}},
      {{":80"}, {}, {}, {":80"}},
      {{":80", ":81"}, {":81", ":82"}, {":82"}, {":80"}},
      {{"127.0.0.1:80"}, {":80"}, {":80"}, {"127.0.0.1:80"}},
      {{"unix:/run/a"}, {"unix:/run/b", "unix:/run/a"}, {"unix:/run/b"}, {}},
      {{}, {":80", ":80"}, {":80"}, {}},
      {{}, {":53", ":53/udp"}, {":53", ":53/udp"}, {}},
      {{":53/udp"}, {":53"}, {":53"}, {":53/udp"}},
  };
  for (const Case& one : cases) {
    const BindChange change = bind_change(one.open, binds_at(one.wanted));
    std::vector<std::string> opened;
    opened.reserve(change.opened.size());
    for (const WantedBind& bind : change.opened) opened.push_back(bind.key());
    CHECK(opened == one.opened);
    CHECK(change.closed == one.closed);
  }
}

TEST_CASE("binds of a configuration carry who wants them") {
  config::Config config;
  std::string why;
  config.listeners.emplace_back();
  config.listeners[0].name = "web";
  config.listeners[0].bind = {*Endpoint::parse(":80", why), *Endpoint::parse("unix:/run/web", why)};
  config.admin.bind = {*Endpoint::parse("unix:/run/admin", why)};
  const auto web = listener_binds(config);
  REQUIRE(web.size() == 2);
  CHECK(web[1].endpoint.to_string() == "unix:/run/web");
  CHECK(web[1].owner == "listener \"web\"");
  CHECK_FALSE(web[1].private_file);
  const auto admin = admin_binds(config);
  REQUIRE(admin.size() == 1);
  CHECK(admin[0].private_file);
}

TEST_CASE("an address that cannot be listened on: where, why, what to do") {
  struct Case {
    const char* bind;
    int err;
    const char* says;
  };
  const Case cases[] = {
      {"127.0.0.1:8080", EADDRINUSE,
       "cannot listen on 127.0.0.1:8080 (listener \"web\"): address already in use. Stop the other program "
       "or "
       "change listeners[web].bind"},
      {":80", EACCES, "Ports below 1024 need root or the capability CAP_NET_BIND_SERVICE"},
      {"unix:/x/y", EACCES, "The directory must be writable"},
      {"unix:/x/y", ENOENT, "The directory does not exist"},
      {"10.9.9.9:80", EADDRNOTAVAIL, "No interface of this machine has that address"},
      {":80", EMFILE, "Raise the limit of open files"},
  };
  for (const Case& one : cases) {
    const std::string text = listen_error_text(bind_at(one.bind), make_system_error(one.err, "bind"));
    CAPTURE(text);
    CHECK(text.find(one.says) != std::string::npos);
  }
}

TEST_CASE("a socket for each worker on the port that the kernel chose, and none beside another program") {
  auto bound = BoundAddress::open(bind_at("127.0.0.1:0"), true);
  REQUIRE(bound.has_value());
  CHECK(bound->address().port() != 0);
  auto first = bound->open_queue();
  auto second = bound->open_queue();
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(first->get() != second->get());
  // These sockets would share their port with any other that asks for it.
  const std::string same = bound->address().to_string();
  const auto other = BoundAddress::open(bind_at(same), true);
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().find("already in use") != std::string::npos);
  CHECK(BoundAddress::open(bind_at(same), false).has_value());
}

}  // namespace
/// Connections that wait in each queue.
std::vector<std::size_t> waiting(const std::vector<OwnedFd>& queues) {
  std::vector<std::size_t> counts;
  for (const OwnedFd& queue : queues) {
    std::size_t& count = counts.emplace_back();
    for (int fd = 0; (fd = accept4(queue.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ++count) close(fd);
  }
  return counts;
}

TEST_CASE("queues: new connections come to the first ones only, until they are for all again") {
  auto bound = BoundAddress::open(bind_at("127.0.0.1:0"), true);
  REQUIRE(bound.has_value());
  std::vector<OwnedFd> queues;
  for (std::size_t i = 0; i < 4; ++i) {
    auto opened = bound->open_queue();
    REQUIRE(opened.has_value());
    bound->keep_queue(std::move(*opened));
    auto socket = bound->queue_socket(i);
    REQUIRE(socket.has_value());
    queues.push_back(std::move(*socket));
  }
  for (const std::size_t workers : {4U, 2U, 1U, 3U, 4U}) {
    CAPTURE(workers);
    bound->spread_over(workers);
    for (int i = 0; i < 128; ++i) {
      const OwnedFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      REQUIRE(connect(client.get(), bound->address().get(), bound->address().length()) == 0);
    }
    const std::vector<std::size_t> counts = waiting(queues);
    for (std::size_t i = 0; i < counts.size(); ++i) CHECK((counts[i] != 0) == (i < workers));
  }
  bound->close_queues();
  queues.clear();
  CHECK(BoundAddress::open(bind_at(bound->address().to_string()), true).has_value());
}

}  // namespace lintel::app
