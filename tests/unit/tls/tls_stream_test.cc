#include "tls/tls_stream.h"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "net/socket.h"
#include "net/socket_pair.h"
#include "pair.h"

using namespace lintel;
using namespace lintel::tls;
using namespace lintel::tls::test;
using net::kMs;
using net::kSecond;
using net::pattern;
using net::settle;

namespace {

net::MemoryOptions sized(std::size_t read, std::size_t write, std::size_t capacity = 64 * 1024) {
  net::MemoryOptions options;
  for (net::MemoryPipeOptions* pipe : {&options.first_to_second, &options.second_to_first}) {
    pipe->max_read = read;
    pipe->max_write = write;
    pipe->capacity = capacity;
  }
  return options;
}

/// `text` from `from` to `to`, then the end.
void check_transfer(Pair& pair, TlsStream& from, TlsStream& to, const std::string& text) {
  std::string got;
  Outcome<void> read;
  Outcome<void> written;
  pair.scope.spawn(net::read_all(to, got, read));
  pair.scope.spawn(net::write_once(from, text, written));
  CHECK(net::turn_until(pair.loop, [&] { return written.times == 1; }));
  CHECK(written.result.has_value());
  from.shutdown_write();
  CHECK(net::turn_until(pair.loop, [&] { return read.times == 1; }));
  CHECK(read.result.has_value());
  CHECK(got == text);
}

}  // namespace

TEST_CASE("a handshake agrees on TLS 1.3 and both directions carry bytes to their end") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  Pair pair(loop, *server, *client, "a.test");
  REQUIRE(pair.handshake());
  CHECK(pair.server->version() == "TLSv1.3");
  CHECK(pair.server->cipher() == "TLS_AES_256_GCM_SHA384");
  CHECK(pair.server->server_name() == "a.test");
  CHECK_FALSE(pair.server->resumed());
  check_transfer(pair, *pair.client, *pair.server, pattern(100'000));
  check_transfer(pair, *pair.server, *pair.client, pattern(300'001));
}

TEST_CASE("bytes survive short reads and writes of every size") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  for (const std::size_t read : {1U, 2U, 5U, 6U, 100U, 4096U, 70000U}) {
    for (const std::size_t write : {1U, 3U, 7U, 1000U, 16407U}) {
      if (read * write < 6) continue;  // Minutes.
      CAPTURE(read);
      CAPTURE(write);
      Pair pair(loop, *server, *client, "a.test", nullptr, sized(read, write, 5000));
      REQUIRE(pair.handshake(20'000));
      const std::size_t size = read < 100 || write < 100 ? 3000 : 50'000;
      check_transfer(pair, *pair.client, *pair.server, pattern(size));
      check_transfer(pair, *pair.server, *pair.client, pattern(size));
    }
  }
}

TEST_CASE("reads into memory of every size give the same bytes") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  for (const std::size_t size : {1U, 7U, 1000U, 16384U, 16385U, 40000U, 65536U}) {
    CAPTURE(size);
    Pair pair(loop, *server, *client, "a.test", nullptr, sized(SIZE_MAX, SIZE_MAX, 200'000));
    REQUIRE(pair.handshake());
    const std::string sent = pattern(size < 1000 ? 5000 : 100'000);
    Outcome<void> written;
    pair.scope.spawn(net::write_once(*pair.client, sent, written));
    std::string got;
    std::string buffer(size, '\0');
    while (got.size() < sent.size()) {
      Outcome<std::size_t> read;
      pair.scope.spawn(net::read_once(*pair.server, buffer, read));
      REQUIRE(net::turn_until(loop, [&] { return read.times == 1; }));
      REQUIRE(read.result.has_value());
      REQUIRE(*read.result != 0);
      got.append(buffer.data(), *read.result);
    }
    CHECK(got == sent);
    CHECK_FALSE(pair.server->is_readable());
  }
}

TEST_CASE("parts of one write go out in records as long as can be") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  Pair pair(loop, *server, *client, "a.test", nullptr, sized(SIZE_MAX, SIZE_MAX, 400'000));
  REQUIRE(pair.handshake());
  for (const std::size_t middle : {0U, 1U, 16383U, 16384U, 16385U, 65536U, 200'000U}) {
    CAPTURE(middle);
    const std::string head = "head";
    const std::string body = pattern(middle);
    const std::string tail = "\r\n";
    const net::WriteSpans spans(head, body, tail);
    auto awaiter = pair.client->write(spans);
    REQUIRE(awaiter.await_ready());
    std::string got;
    std::string buffer(65536, '\0');
    while (got.size() < body.size() + 6) {
      Outcome<std::size_t> read;
      pair.scope.spawn(net::read_once(*pair.server, buffer, read));
      REQUIRE(net::turn_until(loop, [&] { return read.times == 1; }));
      got.append(buffer.data(), read.result.value_or(0));
      REQUIRE(read.result.value_or(0) != 0);
    }
    CHECK(got == head + body + tail);
  }
}

TEST_CASE("a stream that is cut off is told apart from one that ends") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  std::string got;
  Outcome<void> read;

  SUBCASE("cut") {
    Pair pair(loop, *server, *client, "a.test");
    REQUIRE(pair.handshake());
    pair.scope.spawn(net::read_all(*pair.server, got, read));
    pair.client_below->shutdown_write();
    REQUIRE(net::turn_until(loop, [&] { return read.times == 1; }));
    CHECK(read.failed_with(ErrorCode::reset));
  }
  SUBCASE("ended by its destructor") {
    Pair pair(loop, *server, *client, "a.test");
    REQUIRE(pair.handshake());
    pair.scope.spawn(net::read_all(*pair.server, got, read));
    pair.client.reset();
    REQUIRE(net::turn_until(loop, [&] { return read.times == 1; }));
    CHECK(read.result.has_value());
  }
  SUBCASE("made abortive") {
    Pair pair(loop, *server, *client, "a.test");
    REQUIRE(pair.handshake());
    pair.scope.spawn(net::read_all(*pair.server, got, read));
    pair.client->set_abortive();
    pair.client.reset();
    REQUIRE(net::turn_until(loop, [&] { return read.times == 1; }));
    CHECK(read.failed_with(ErrorCode::reset));
  }
  SUBCASE("half closed: the other direction goes on") {
    Pair pair(loop, *server, *client, "a.test");
    REQUIRE(pair.handshake());
    pair.client->shutdown_write();
    check_transfer(pair, *pair.server, *pair.client, pattern(50'000));
  }
}

TEST_CASE("garbage in place of records fails reads with protocol, and the peer is told") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  Pair pair(loop, *server, *client, "a.test");
  REQUIRE(pair.handshake());
  Outcome<void> written;
  pair.scope.spawn(
      net::write_once(*pair.client_below, std::string("\x17\x03\x03\x00\x20", 5) + pattern(32), written));
  std::string got;
  Outcome<void> read;
  pair.scope.spawn(net::read_all(*pair.server, got, read));
  REQUIRE(net::turn_until(loop, [&] { return read.times == 1; }));
  CHECK(read.failed_with(ErrorCode::protocol));
  CHECK(got.empty());
  Outcome<void> answer;
  pair.scope.spawn(net::write_once(*pair.server, "x", answer));
  CHECK(answer.failed_with(ErrorCode::reset));
  Outcome<void> heard;
  pair.scope.spawn(net::read_all(*pair.client, got, heard));
  REQUIRE(net::turn_until(loop, [&] { return heard.times == 1; }));
  CHECK(heard.failed_with(ErrorCode::protocol));  // The alert.
}

TEST_CASE("handshakes end in time, whatever comes") {
  ManualClock clock;
  net::Loop loop(clock);
  Sides sides;
  const auto server = server_context(sides.server);
  auto [mine, below] = net::make_memory_pair(loop);
  TlsStreamPtr stream = server->accept(std::move(below));
  Outcome<void> shaken;
  net::Scope scope;
  scope.spawn(shake(*stream, loop.now() + kSecond, shaken));
  Outcome<void> written;

  SUBCASE("silence") {
    net::pass(loop, clock, 900 * kMs);
    CHECK(shaken.times == 0);
    net::pass(loop, clock, 200 * kMs);
    CHECK(shaken.failed_with(ErrorCode::timeout));
  }
  SUBCASE("a byte at a time") {
    const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    for (int i = 0; i < 12 && shaken.times == 0; ++i) {
      if (mine)
        scope.spawn(
            net::write_once(*mine, i < 11 ? hello.substr(static_cast<std::size_t>(i), 1) : "\x01", written));
      net::pass(loop, clock, 100 * kMs);
    }
    CHECK(shaken.failed_with(ErrorCode::timeout));
  }
  SUBCASE("plain HTTP") {
    scope.spawn(net::write_once(*mine, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", written));
    settle(loop);
    CHECK(shaken.failed_with(ErrorCode::protocol));
    CHECK(std::string(shaken.result.error().context) == "http request");
  }
  SUBCASE("noise") {
    scope.spawn(net::write_once(*mine, pattern(1000), written));
    settle(loop);
    CHECK(shaken.failed_with(ErrorCode::protocol));
  }
  SUBCASE("the end") {
    mine.reset();
    settle(loop);
    CHECK(shaken.failed_with(ErrorCode::closed));
  }
  SUBCASE("a reset") {
    mine->reset();
    settle(loop);
    CHECK(shaken.failed_with(ErrorCode::reset));
  }
  SUBCASE("cancel") {
    stream->cancel_handshake();
    settle(loop);
    CHECK(shaken.failed_with(ErrorCode::canceled));
  }
  CHECK(scope.count() == 0);
}

TEST_CASE("over sockets: who takes slowly gets everything, also while the other side waits for its bytes") {
  net::Loop loop;
  Sides sides;
  const auto server_side = server_context(sides.server);
  const auto client_side = client_context(sides.client);
  const auto [one, other] = net::tcp_pair();
  TlsStreamPtr server = server_side->accept(std::make_unique<net::SocketStream>(loop, one, SocketAddress()));
  TlsStreamPtr client = client_side->connect(
      std::make_unique<net::SocketStream>(loop, other, SocketAddress()), "a.test", nullptr);
  net::Scope scope;
  Outcome<void> shaken[2];
  scope.spawn(shake(*server, kNever, shaken[0]));
  scope.spawn(shake(*client, kNever, shaken[1]));
  REQUIRE(net::turn_until(loop, [&] { return shaken[0].times == 1 && shaken[1].times == 1; }));
  std::string buffer(100, '\0');
  Outcome<std::size_t> read;
  scope.spawn(net::read_once(*server, buffer, read));
  const std::string text = net::pattern(16 << 20);
  Outcome<void> wrote;
  scope.spawn(net::write_once(*server, text, wrote));
  settle(loop);
  CHECK(wrote.times == 0);
  std::string got;
  Outcome<void> heard;
  scope.spawn(net::read_all(*client, got, heard));
  CHECK(net::turn_until(loop, [&] { return wrote.times == 1; }));
  CHECK(wrote.result);
  server->cancel_read();
  settle(loop);
  server.reset();
  CHECK(net::turn_until(loop, [&] { return heard.times == 1; }));
  CHECK((got == text));
}

TEST_CASE("session tickets go out with the first answer, or with the first wait for a request") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  Pair pair(loop, *server, *client, "a.test");
  Outcome<void> asked;
  Outcome<void> answered;
  Outcome<void> heard;
  std::string got;
  std::string buffer(100, '\0');
  // The request comes with the end of the handshake.
  pair.scope.spawn(shake(*pair.server, kNever, pair.server_shaken));
  pair.scope.spawn(shake(*pair.client, kNever, pair.client_shaken));
  REQUIRE(net::turn_until(loop, [&] { return pair.client_shaken.times == 1; }));
  pair.scope.spawn(net::write_once(*pair.client, "request", asked));
  REQUIRE(net::turn_until(loop, [&] { return pair.server_shaken.times == 1; }));
  settle(loop);
  CHECK_FALSE(pair.client_below->is_readable());
  CHECK(pair.server->is_writable());
  Outcome<std::size_t> read;
  pair.scope.spawn(net::read_once(*pair.server, buffer, read));
  REQUIRE(read.times == 1);
  CHECK(buffer.starts_with("request"));
  CHECK_FALSE(pair.client_below->is_readable());

  SUBCASE("an answer") {
    pair.scope.spawn(net::write_once(*pair.server, "answer", answered));
    pair.scope.spawn(net::read_all(*pair.client, got, heard));
    settle(loop);
    CHECK(got == "answer");
    pair.server.reset();
  }
  SUBCASE("an answer that is the last, with the end behind it") {
    pair.server->end_after_write();
    pair.scope.spawn(net::write_once(*pair.server, "answer", answered));
    pair.server->set_abortive();  // Nothing that could come later is needed.
    pair.scope.spawn(net::read_all(*pair.client, got, heard));
    settle(loop);
    CHECK(got == "answer");
  }
  SUBCASE("a wait") {
    Outcome<std::size_t> more;
    pair.scope.spawn(net::read_once(*pair.server, buffer, more));
    settle(loop);
    CHECK(pair.client_below->is_readable());
    pair.scope.spawn(net::read_all(*pair.client, got, heard));
    settle(loop);
    CHECK(heard.times == 0);
    pair.server->cancel_read();
    settle(loop);
    pair.server.reset();
  }
  SUBCASE("the end") {
    pair.server.reset();
    pair.scope.spawn(net::read_all(*pair.client, got, heard));
  }
  REQUIRE(net::turn_until(loop, [&] { return heard.times == 1; }));
  CHECK(heard.result.has_value());
}

TEST_CASE("the end goes out behind a last write of any size, also where little is taken at a time") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  for (const std::size_t size : {1U, 16384U, 131072U, 131073U, 400'000U}) {
    CAPTURE(size);
    Pair pair(loop, *server, *client, "a.test", nullptr, sized(SIZE_MAX, 5000, 20'000));
    REQUIRE(pair.handshake(2000));
    const std::string text = pattern(size);
    std::string got;
    Outcome<void> read;
    Outcome<void> written;
    pair.scope.spawn(net::read_all(*pair.client, got, read));
    pair.server->end_after_write();
    pair.scope.spawn(net::write_once(*pair.server, text, written));
    REQUIRE(net::turn_until(loop, [&] { return written.times == 1 && read.times == 1; }));
    CHECK(written.result.has_value());
    CHECK(read.result.has_value());
    CHECK(got == text);
  }
}

TEST_CASE("the keys that a handshake was made with are wiped") {
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  Pair pair(loop, *server, *client, "a.test");
  REQUIRE(pair.handshake());
  for (const TlsStream* stream : {pair.server.get(), pair.client.get()}) {
    EVP_PKEY* key = nullptr;
    std::array<unsigned char, 64> bytes{};
    std::size_t size = bytes.size();
    REQUIRE(SSL_get_tmp_key(stream->ssl(), &key) == 1);
    CHECK(EVP_PKEY_get_raw_private_key(key, bytes.data(), &size) != 1);
    EVP_PKEY_free(key);
  }
}

TEST_CASE("who waits without reading is woken by data, and not by a session ticket") {
  struct Woken final : net::Waiter {
    void on_ready(net::Ready) override { ++times; }
    int times = 0;
  };
  net::Loop loop;
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  Pair pair(loop, *server, *client, "a.test");
  Woken woken;
  // The server's tickets come behind its handshake: the client waits for them, idle.
  pair.scope.spawn(shake(*pair.client, kNever, pair.client_shaken));
  settle(loop);
  pair.scope.spawn(shake(*pair.server, kNever, pair.server_shaken));
  while (pair.client_shaken.times == 0) loop.turn(0);
  CHECK_FALSE(pair.client->is_readable());
  pair.client->set_idle_waiter(&woken);
  settle(loop, 20);
  REQUIRE(pair.server_shaken.times == 1);
  CHECK(woken.times == 0);
  CHECK_FALSE(pair.client->is_readable());
  CHECK_FALSE(pair.client->probe_readable());
  Outcome<void> written;
  pair.scope.spawn(net::write_once(*pair.server, "x", written));
  settle(loop);
  CHECK(woken.times == 1);
  CHECK(pair.client->is_readable());
  char byte = 0;
  Outcome<std::size_t> read;
  pair.scope.spawn(net::read_once(*pair.client, {&byte, 1}, read));
  CHECK(read.times == 1);
  CHECK(byte == 'x');
}

TEST_CASE("a writer waits for the peer, gives up when it takes nothing, and may be canceled") {
  ManualClock clock;
  net::Loop loop(clock);
  Sides sides;
  const auto server = server_context(sides.server);
  const auto client = client_context(sides.client);
  Pair pair(loop, *server, *client, "a.test", nullptr, sized(SIZE_MAX, SIZE_MAX, 10'000));
  REQUIRE(pair.handshake(200));
  std::string taken(20'000, '\0');
  pair.server->set_write_timeout(kSecond);
  Outcome<void> written;
  const std::string text = pattern(100'000);
  pair.scope.spawn(net::write_once(*pair.server, text, written));
  SUBCASE("timeout, from the last progress on") {
    for (int i = 0; i < 3; ++i) {
      net::pass(loop, clock, 800 * kMs);
      CHECK(written.times == 0);
      Outcome<std::size_t> read;
      pair.scope.spawn(net::read_once(*pair.client, taken, read));
      settle(loop, 20);
      CHECK(read.times == 1);
    }
    for (int i = 0; i < 4; ++i) net::pass(loop, clock, kSecond);
    CHECK(written.failed_with(ErrorCode::timeout));
  }
  SUBCASE("cancel") {
    pair.server->cancel_write();
    settle(loop);
    CHECK(written.failed_with(ErrorCode::canceled));
  }
  SUBCASE("the rest goes out when there is room") {
    std::string got;
    Outcome<void> read;
    pair.scope.spawn(net::read_all(*pair.client, got, read));
    REQUIRE(net::turn_until(loop, [&] { return written.times == 1; }));
    CHECK(written.result.has_value());
    pair.server->shutdown_write();
    REQUIRE(net::turn_until(loop, [&] { return read.times == 1; }));
    CHECK(got == text);
  }
}
