#include "net/splice.h"

#include <doctest/doctest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "net/memory_stream.h"
#include "socket_pair.h"

using namespace lintel;
using namespace lintel::net;

namespace {

/// Two connections: what is put into `fd_a` shall come out of `out`.
struct Splicing : SocketPair {
  Splicing() {
    std::signal(SIGPIPE, SIG_IGN);
    adopt(tcp_pair());
    const auto [one, other] = tcp_pair();
    to_fd = one;
    to = std::make_unique<SocketStream>(*loop, one, SocketAddress());
    out = other;
  }
  ~Splicing() {
    to.reset();
    if (out >= 0) close(out);
  }
  StreamPtr to;  ///< Where `b` is spliced to; `out` is its far end.
  int to_fd = -1;
  int out = -1;
};

/// Splices until the end or a failure.
Task<void> splice_all(Stream& from, Stream& to, std::size_t most, Outcome<std::size_t>& outcome) {
  SplicePipe pipe(from.loop());
  std::size_t total = 0;
  for (;;) {
    const Result<std::size_t> got = co_await splice_in(from, pipe, most);
    if (!got || *got == 0) {
      outcome.result = got ? Result<std::size_t>(total) : got;
      break;
    }
    CHECK(*got <= most);
    const Result<void> sent = co_await splice_out(pipe, to);
    if (!sent) {
      outcome.result = unexpected(sent.error());
      break;
    }
    CHECK(pipe.held() == 0);
    total += *got;
  }
  ++outcome.times;
}

}  // namespace

TEST_CASE("splice: 10 MiB from socket to socket") {
  const std::string text = pattern(10 << 20);
  for (const std::size_t most : {std::size_t{1000}, kSpliceMost}) {
    const std::string_view sent_text = std::string_view(text).substr(0, most == 1000 ? 200'000 : text.size());
    Splicing pair;
    Outcome<std::size_t> moved;
    Outcome<void> sent;
    pair.scope.spawn(splice_all(*pair.b, *pair.to, most, moved));
    pair.scope.spawn([](Stream& source, std::string_view what, Outcome<void>& outcome) -> Task<void> {
      const WriteSpans spans(what);
      outcome.result = co_await source.write(spans);
      ++outcome.times;
      source.shutdown_write();
    }(*pair.a, sent_text, sent));
    std::string got;
    CHECK(pair.until([&] {
      ssize_t n = 0;
      while ((n = recv(pair.out, pair.in.data(), pair.in.size(), MSG_DONTWAIT)) > 0) {
        got.append(pair.in.data(), static_cast<std::size_t>(n));
      }
      return moved.times == 1 && got.size() == sent_text.size();
    }));
    REQUIRE(moved.result);
    CHECK(*moved.result == sent_text.size());
    CHECK((got == sent_text));
  }
}

TEST_CASE_FIXTURE(Splicing, "splice: a full receiver makes it wait, with its own timeout") {
  Outcome<std::size_t> moved;
  to->set_write_timeout(5 * kSecond);
  scope.spawn(splice_all(*b, *to, kSpliceMost, moved));
  // The kernel may pace what it sends: it takes its time until nothing fits in any more.
  const auto fill_up = [&] {
    for (int i = 0; i < 300; ++i) {
      fill(fd_a);
      loop->turn(kMs);
    }
  };
  fill_up();
  CHECK(moved.times == 0);
  pass_slowly(*loop, clock, 4 * kSecond);
  CHECK(moved.times == 0);
  drain(out);
  fill_up();  // Progress: the time begins anew.
  pass_slowly(*loop, clock, 4 * kSecond);
  CHECK(moved.times == 0);
  // Where the receiver's share was too little to wake the writer, progress is seen a quarter of the time
  // later.
  pass_slowly(*loop, clock, 3 * kSecond);
  CHECK(moved.failed_with(ErrorCode::timeout));
}

TEST_CASE("splice: canceled while it waits on either side") {
  for (const bool writing : {false, true}) {
    CAPTURE(writing);
    Splicing pair;
    Outcome<std::size_t> moved;
    pair.scope.spawn(splice_all(*pair.b, *pair.to, kSpliceMost, moved));
    for (int i = 0; i < 200; ++i) {
      if (writing) fill(pair.fd_a);
      pair.loop->turn(0);
    }
    CHECK(moved.times == 0);
    pair.b->cancel_read();
    pair.to->cancel_write();
    pair.loop->turn(0);
    CHECK(moved.failed_with(ErrorCode::canceled));
    // What was left in a pipe does not come out of the next one.
    drain(pair.out);
    Outcome<std::size_t> again;
    pair.scope.spawn(splice_all(*pair.b, *pair.to, kSpliceMost, again));
    pair.b->cancel_read();
    pair.to->cancel_write();
    for (int i = 0; i < 5; ++i) pair.loop->turn(0);
    pair.b->cancel_read();
    pair.to->cancel_write();
    CHECK(pair.until([&] { return again.times == 1; }));
  }
}

TEST_CASE("splice: resets of either side are errors") {
  for (const bool writing : {false, true}) {
    CAPTURE(writing);
    Splicing pair;
    Outcome<std::size_t> moved;
    pair.scope.spawn(splice_all(*pair.b, *pair.to, kSpliceMost, moved));
    pair.loop->turn(0);
    if (writing) {
      const linger hard{1, 0};
      setsockopt(pair.out, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      close(std::exchange(pair.out, -1));
      put(pair.fd_a, "x");
    } else {
      pair.a->set_abortive();
      pair.a.reset();
    }
    REQUIRE(pair.until([&] { return moved.times == 1; }));
    CHECK(moved.failed_with(ErrorCode::reset));
  }
}

TEST_CASE_FIXTURE(Splicing, "splice: without pipes it says so and moves nothing") {
  loop->turn(0);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit low{open_descriptors() - 1, limit.rlim_max};  // The count itself has one open.
  setrlimit(RLIMIT_NOFILE, &low);
  Outcome<std::size_t> moved;
  put(fd_a, "hello");
  scope.spawn(splice_all(*b, *to, kSpliceMost, moved));
  const bool done = until([&] { return moved.times == 1; });
  setrlimit(RLIMIT_NOFILE, &limit);
  CHECK(done);
  CHECK(moved.failed_with(ErrorCode::resource));
  Outcome<std::size_t> read;
  scope.spawn(read_once(*b, in, read));
  REQUIRE(read.result);
  CHECK(*read.result == 5);
  CHECK(loop->pipes().take(clock.now()).read_end < 0);  // Not asked again at once,
  const PipePool::Pipe later = loop->pipes().take(clock.now() + 2 * kSecond);
  CHECK(later.read_end >= 0);  // but later.
  loop->pipes().give(later);
}

TEST_CASE("splice: few pipes are out at a time, and what is in one is for nobody else") {
  ManualClock clock;
  PipePool pool;
  std::vector<PipePool::Pipe> taken;
  for (std::size_t i = 0; i < PipePool::kMostTaken; ++i) {
    taken.push_back(pool.take(clock.now()));
    REQUIRE(taken.back().read_end >= 0);
  }
  CHECK(pool.take(clock.now()).read_end < 0);
  const PipePool::Pipe full = taken.back();
  REQUIRE(write(full.write_end, "x", 1) == 1);
  taken.pop_back();
  pool.give(full, false);
  const PipePool::Pipe fresh = pool.take(clock.now());
  REQUIRE(fresh.read_end >= 0);
  char byte = 0;
  CHECK(read(fresh.read_end, &byte, 1) < 0);
  taken.push_back(fresh);
  for (const PipePool::Pipe pipe : taken) pool.give(pipe);
}

TEST_CASE_FIXTURE(Splicing, "splice: receivers of bulk may hold more unsent, few at a time") {
  const auto most_unsent = [](int fd) {
    int bytes = 0;
    socklen_t length = sizeof bytes;
    REQUIRE(getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &length) == 0);
    return bytes;
  };
  BulkRoom room(*a);
  room.take();
  CHECK(most_unsent(fd_a) == 1 << 20);
  std::vector<std::unique_ptr<BulkRoom>> others;
  for (std::size_t i = 1; i < PipePool::kMostTaken; ++i) {
    others.push_back(std::make_unique<BulkRoom>(*b));
    others.back()->take();
    others.back()->take();
  }
  BulkRoom too_many(*to);
  to->hold_bulk(false);
  too_many.take();
  CHECK(most_unsent(to_fd) == 128 << 10);
  SUBCASE("until one gives its room back") {
    room.give();
    room.give();
    CHECK(most_unsent(fd_a) == 128 << 10);
  }
  SUBCASE("until one ends") {
    others.pop_back();
  }
  too_many.take();
  CHECK(most_unsent(to_fd) == 1 << 20);
}

TEST_CASE("splice: streams in memory are not for it") {
  ManualClock clock;
  Loop loop(clock);
  auto [one, other] = make_memory_pair(loop);
  CHECK_FALSE(one->can_splice());
}
