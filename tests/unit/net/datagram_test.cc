#include "net/datagram.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "net_test.h"

using namespace lintel;
using namespace lintel::net;

namespace {

SocketAddress name_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0);
  return {reinterpret_cast<sockaddr*>(&storage), length};
}

int open_on(const char* ip) {
  const Result<int> fd = open_datagram_listener(*SocketAddress::from_ip(ip, 0));
  REQUIRE(fd);
  return *fd;
}

int connect_to(const char* ip, int listener) {
  const Result<int> fd = connect_datagrams(*SocketAddress::from_ip(ip, name_of(listener).port()));
  REQUIRE(fd);
  return *fd;
}

std::string text(const Datagram& datagram) {
  return {datagram.bytes.data(), datagram.bytes.size()};
}

/// Keeps what comes.
class Keeper final : public DatagramSocket::Reader {
 public:
  explicit Keeper(DatagramBatch& batch) : batch_(batch) {}
  void on_datagrams(DatagramSocket& socket) override {
    ++calls;
    while (true) {
      const Result<std::size_t> got = batch_.receive(socket.fd());
      if (!got) {
        errors.push_back(got.error().code);
        continue;
      }
      if (*got == 0) return;
      for (std::size_t i = 0; i < *got; ++i) texts.push_back(text(batch_[i]));
    }
  }
  int calls = 0;
  std::vector<std::string> texts;
  std::vector<ErrorCode> errors;

 private:
  DatagramBatch& batch_;
};

}  // namespace

TEST_CASE("datagrams come in batches, whole and in order, and go back to whom they came from") {
  const int server = open_on("127.0.0.1");
  const int client = connect_to("127.0.0.1", server);
  DatagramBatch batch;
  CHECK(*batch.receive(server) == 0);
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < DatagramBatch::kMost + 3; ++i) {
    sent.push_back(std::string(i * 700, static_cast<char>('a' + i % 26)));  // The first one is empty.
    REQUIRE(send(client, sent.back().data(), sent.back().size(), 0) >= 0);
  }
  std::vector<std::string> got;
  while (const std::size_t n = *batch.receive(server)) {
    for (std::size_t i = 0; i < n; ++i) got.push_back(text(batch[i]));
    if (n < DatagramBatch::kMost) continue;
    DatagramRoute back;
    back.to = batch[0].from;
    back.from = batch[0].to;
    const DatagramsSent answered = send_datagrams(server, batch, 1, 2, &back);
    CHECK(answered.sent == 2);
    CHECK(answered.error == 0);
  }
  CHECK(got == sent);
  REQUIRE(*batch.receive(client) == 2);
  CHECK(text(batch[0]) == sent[1]);
  CHECK(text(batch[1]) == sent[2]);
  close(client);
  close(server);
}

TEST_CASE("an answer leaves from the address that the question came to") {
  // 127.0.0.2 is an address of this machine too; without the source the kernel would take 127.0.0.1.
  for (const char* wildcard : {"0.0.0.0", "::"}) {
    CAPTURE(wildcard);
    const Result<int> server = open_datagram_listener(*SocketAddress::from_ip(wildcard, 0));
    if (!server && server.error().sys == EAFNOSUPPORT) continue;  // No IPv6 here.
    REQUIRE(server);
    const int client = connect_to("127.0.0.2", *server);
    REQUIRE(send(client, "ask", 3, 0) == 3);
    DatagramBatch batch;
    REQUIRE(*batch.receive(*server) == 1);
    DatagramRoute back;
    back.to = batch[0].from;
    back.from = batch[0].to;
    CHECK(back.from.kind != LocalAddress::Kind::none);
    CHECK(send_datagrams(*server, batch, 0, 1, &back).sent == 1);
    // A connected socket takes datagrams from its peer only.
    REQUIRE(*batch.receive(client) == 1);
    CHECK(text(batch[0]) == "ask");
    close(client);
    close(*server);
  }
}

TEST_CASE("a server that is gone is heard as refused") {
  const int server = open_on("127.0.0.1");
  const int client = connect_to("127.0.0.1", server);
  close(server);
  REQUIRE(send(client, "x", 1, 0) == 1);
  DatagramBatch batch;
  const Result<std::size_t> got = batch.receive(client);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == ErrorCode::refused);
  CHECK(*batch.receive(client) == 0);
  close(client);
}

TEST_CASE("too large a datagram is refused alone; the kernel takes what stands before it") {
  const int server = open_on("127.0.0.1");
  const int client = connect_to("127.0.0.1", server);
  DatagramBatch batch;
  REQUIRE(send(client, "one", 3, 0) == 3);
  REQUIRE(send(client, "two", 3, 0) == 3);
  REQUIRE(*batch.receive(server) == 2);
  batch[1].bytes = {batch[0].bytes.data(), DatagramBatch::kLargest};
  const DatagramsSent sent = send_datagrams(client, batch, 0, 2, nullptr);
  CHECK(sent.sent == 1);
  CHECK(sent.error == EMSGSIZE);
  close(client);
  close(server);
}

TEST_CASE("the loop tells of datagrams, and again when asked to") {
  Loop loop;
  DatagramBatch batch;
  Keeper keeper(batch);
  const int fd = open_on("127.0.0.1");
  const int client = connect_to("127.0.0.1", fd);
  {
    DatagramSocket socket(loop, fd, keeper);
    REQUIRE(socket.start(Loop::Order::normal));
    REQUIRE(send(client, "hello", 5, 0) == 5);
    CHECK(turn_until(loop, [&] { return !keeper.texts.empty(); }));
    CHECK(keeper.texts == std::vector<std::string>{"hello"});
    const int before = keeper.calls;
    socket.continue_soon();
    loop.turn(0);
    CHECK(keeper.calls == before + 1);
    socket.continue_soon();
  }
  loop.turn(0);  // Closed: nobody is told any more.
  close(client);
}

TEST_CASE("an address in use is told before it is shared") {
  const int fd = open_on("127.0.0.1");
  const SocketAddress address = name_of(fd);
  const Result<void> probe = probe_datagram_bind(address);
  REQUIRE_FALSE(probe);
  CHECK(probe.error().sys == EADDRINUSE);
  const Result<int> second = open_datagram_listener(address);  // The other workers'.
  REQUIRE(second);
  close(*second);
  close(fd);
  CHECK(probe_datagram_bind(address));
}
