#include "net/loop.h"

#include <doctest/doctest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "net/scope.h"
#include "net_test.h"

using namespace lintel;
using namespace lintel::net;

namespace {

struct Recorder final : IoHandler {
  std::vector<std::uint32_t> events;
  std::function<void()> then;
  void on_io(std::uint32_t mask) override {
    events.push_back(mask);
    if (then) then();
  }
};

struct EventFd {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  EventFd() = default;
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;
  ~EventFd() { close(fd); }
  void raise() const {
    const std::uint64_t one = 1;
    CHECK(write(fd, &one, sizeof one) == sizeof one);
  }
};

Task<void> note(Loop& loop, std::vector<int>& order, int id) {
  for (int i = 0; i < 2; ++i) {
    order.push_back(id);
    co_await loop.yield();
  }
}

}  // namespace

TEST_CASE("work posted by other threads runs on the loop's thread, and stop ends run") {
  Loop loop;
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;
  int ran = 0;  // Not atomic: only the loop's thread writes it.
  const auto home = std::this_thread::get_id();
  bool elsewhere = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        loop.post([&] {
          elsewhere = elsewhere || std::this_thread::get_id() != home;
          if (++ran == kThreads * kEach) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(ran == kThreads * kEach);
  CHECK_FALSE(elsewhere);
}

TEST_CASE("stop before run is not lost, and a loop runs again after it") {
  Loop loop;
  for (int i = 0; i < 3; ++i) {
    loop.stop();
    loop.run();
  }
  std::thread other([&] { loop.stop(); });
  loop.run();
  other.join();
}

TEST_CASE("posted work may post, and what never ran is dropped") {
  bool second = false;
  Loop loop;
  loop.post([&] { loop.post([&] { second = true; }); });
  CHECK(turn_until(loop, [&] { return second; }));
  loop.post([&] { second = false; });
}

TEST_CASE("yield takes turns in order") {
  Loop loop;
  Scope scope;
  std::vector<int> order;
  for (int id = 0; id < 3; ++id) scope.spawn(note(loop, order, id));
  loop.turn(kNever);  // Does not wait.
  CHECK((order == std::vector<int>{0, 1, 2, 0, 1, 2}));
  loop.turn(kNever);
  CHECK(scope.count() == 0);
}

TEST_CASE("simulated events come in the next turn, unless forgotten") {
  Loop loop;
  Recorder a;
  Recorder b;
  loop.notify_soon(a, EPOLLIN);
  loop.notify_soon(b, EPOLLOUT);
  CHECK(a.events.empty());
  SUBCASE("all") {
    loop.turn(kNever);
    CHECK((a.events == std::vector<std::uint32_t>{EPOLLIN}));
    CHECK((b.events == std::vector<std::uint32_t>{EPOLLOUT}));
    settle(loop);
    CHECK(a.events.size() == 1);
  }
  SUBCASE("forgotten before") {
    loop.forget(b);
    loop.turn(0);
    CHECK(a.events.size() == 1);
    CHECK(b.events.empty());
  }
  SUBCASE("forgotten by an earlier one") {
    a.then = [&] { loop.forget(b); };
    loop.turn(0);
    CHECK(b.events.empty());
  }
  SUBCASE("notifying again waits for the next turn") {
    a.then = [&] { loop.notify_soon(a, EPOLLHUP); };
    loop.turn(0);
    CHECK(a.events.size() == 1);
    a.then = nullptr;
    loop.turn(0);
    CHECK(a.events.size() == 2);
  }
}

TEST_CASE("descriptors: however many are ready, each is told, over several turns, unless it is forgotten") {
  Loop loop;
  constexpr std::size_t kMany = 600;
  std::vector<std::unique_ptr<EventFd>> fds;
  std::vector<std::unique_ptr<Recorder>> handlers;
  for (std::size_t i = 0; i < kMany; ++i) {
    fds.push_back(std::make_unique<EventFd>());
    handlers.push_back(std::make_unique<Recorder>());
    REQUIRE(loop.watch(fds[i]->fd, *handlers[i], EPOLLIN) == 0);
    fds[i]->raise();
  }
  loop.turn(0);
  const auto told = [&handlers] {
    return std::count_if(handlers.begin(), handlers.end(), [](const auto& h) { return !h->events.empty(); });
  };
  CHECK(told() > 0);
  CHECK(told() < static_cast<std::ptrdiff_t>(kMany));
  std::size_t waiting = kMany;
  while (!handlers[--waiting]->events.empty()) continue;
  loop.unwatch(fds[waiting]->fd, *handlers[waiting]);
  settle(loop, 100);
  CHECK(told() == static_cast<std::ptrdiff_t>(kMany) - 1);
  CHECK(handlers[waiting]->events.empty());
}

TEST_CASE("descriptors: edges, order, and events of the same turn that were forgotten") {
  Loop loop;
  EventFd first;
  EventFd second;
  Recorder a;
  Recorder b;
  SUBCASE("an edge is told once") {
    REQUIRE(loop.watch(first.fd, a, EPOLLIN) == 0);
    first.raise();
    settle(loop, 3);
    CHECK(a.events.size() == 1);
    first.raise();
    settle(loop, 3);
    CHECK(a.events.size() == 2);
    loop.unwatch(first.fd, a);
    first.raise();
    settle(loop, 3);
    CHECK(a.events.size() == 2);
  }
  SUBCASE("urgent handlers are told before others that were ready first") {
    std::vector<const char*> order;
    struct Noting final : IoHandler {
      Noting(std::vector<const char*>& o, const char* n) : order(o), name(n) {}
      void on_io(std::uint32_t) override { order.push_back(name); }
      std::vector<const char*>& order;
      const char* name;
    };
    Noting normal(order, "normal");
    Noting urgent(order, "urgent");
    REQUIRE(loop.watch(first.fd, normal, EPOLLIN) == 0);
    REQUIRE(loop.watch(second.fd, urgent, EPOLLIN, Loop::Order::urgent) == 0);
    first.raise();
    second.raise();
    settle(loop, 3);
    CHECK(order == std::vector<const char*>{"urgent", "normal"});
  }
  SUBCASE("readiness from before watching counts") {
    first.raise();
    REQUIRE(loop.watch(first.fd, a, EPOLLIN) == 0);
    loop.turn(0);
    CHECK(a.events.size() == 1);
  }
  SUBCASE("whoever comes first takes the other's event away") {
    REQUIRE(loop.watch(first.fd, a, EPOLLIN) == 0);
    REQUIRE(loop.watch(second.fd, b, EPOLLIN) == 0);
    a.then = [&] { loop.unwatch(second.fd, b); };
    b.then = [&] { loop.unwatch(first.fd, a); };
    first.raise();
    second.raise();
    settle(loop, 3);
    CHECK(a.events.size() + b.events.size() == 1);
  }
  SUBCASE("errors are errnos") {
    CHECK(loop.watch(-1, a, EPOLLIN) == EBADF);
    REQUIRE(loop.watch(first.fd, a, EPOLLIN) == 0);
    CHECK(loop.watch(first.fd, a, EPOLLIN) == EEXIST);
    loop.unwatch(first.fd, a);
  }
}

TEST_CASE("a turn waits no longer than the next deadline, and sees the clock move") {
  ManualClock clock;
  Loop loop(clock);
  int fired = 0;
  Deadline deadline([](Deadline& d) { ++*static_cast<int*>(d.owner()); }, &fired);
  loop.set_deadline(deadline, loop.now() + kSecond);
  const Nanos wall = loop.wall();
  clock.advance(std::chrono::milliseconds(1020));
  loop.turn(kNever);
  CHECK(fired == 1);
  CHECK(loop.now() == clock.now());
  CHECK(loop.wall() == wall + 1020 * kMs);

  Loop real;
  const Nanos before = system_clock().now();
  real.set_deadline(deadline, real.now() + 30 * kMs);
  while (fired == 1) real.turn(kNever);
  const Nanos took = system_clock().now() - before;
  CHECK(took >= 30 * kMs);
}
