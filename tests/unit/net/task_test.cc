#include "net/task.h"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "net/frame_pool.h"
#include "net/scope.h"
#include "net_test.h"

using namespace lintel;
using namespace lintel::net;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
constexpr int kDepth = 1'000;  // Instrumented code may make real calls of tail calls.
constexpr int kRounds = 10'000;
#else
constexpr int kDepth = 100'000;
constexpr int kRounds = 1'000'000;
#endif

namespace {

Task<int> number(int n) {
  co_return n;
}

Task<std::unique_ptr<std::string>> text(std::string s) {
  co_return std::make_unique<std::string>(std::move(s));
}

Task<void> nothing(int& times) {
  ++times;
  co_return;
}

Task<int> nested(Loop* loop, int depth) {
  if (depth == 0) {
    if (loop) co_await loop->yield();
    co_return 0;
  }
  co_return 1 + co_await nested(loop, depth - 1);
}

Task<void> store(Task<int> task, int& out) {
  out = co_await std::move(task);
}

Task<void> turns(Loop& loop, int n, std::vector<int>& order, int id) {
  for (int i = 0; i < n; ++i) co_await loop.yield();
  order.push_back(id);
}

Task<void> join(Scope& scope, bool& joined) {
  co_await scope.join();
  joined = true;
}

}  // namespace

TEST_CASE("tasks give results and do not run before they are awaited") {
  Scope scope;
  int out = 0;
  int times = 0;
  { const Task<void> unused = nothing(times); }
  CHECK(times == 0);
  scope.spawn(nothing(times));
  CHECK(times == 1);
  scope.spawn(store(number(42), out));
  CHECK(out == 42);
  Task<int> first = number(1);
  Task<int> second = number(2);
  first = std::move(second);
  scope.spawn(store(std::move(first), out));
  CHECK(out == 2);
  std::string got;
  const auto take = [](std::string& s) -> Task<void> { s = *co_await text(std::string(100, 'x')); };
  scope.spawn(take(got));
  CHECK(got == std::string(100, 'x'));
  CHECK(scope.count() == 0);
}

TEST_CASE("deep nesting and long loops use no stack") {
  Loop loop;
  Scope scope;
  int out = 0;
  SUBCASE("down and up at once") {
    scope.spawn(store(nested(nullptr, kDepth), out));
    CHECK(out == kDepth);
  }
  SUBCASE("suspended at the bottom") {
    scope.spawn(store(nested(&loop, kDepth), out));
    CHECK(out == 0);
    settle(loop);
    CHECK(out == kDepth);
  }
  SUBCASE("many children one after the other") {
    const auto sum = [](int& total) -> Task<void> {
      for (int i = 0; i < kRounds; ++i) total += co_await number(1);
    };
    scope.spawn(sum(out));
    CHECK(out == kRounds);
  }
}

TEST_CASE("a scope joins whatever it has") {
  Loop loop;
  Scope outer;
  Scope scope;
  bool joined = false;
  std::vector<int> order;
  SUBCASE("nothing") {
    outer.spawn(join(scope, joined));
    CHECK(joined);
  }
  SUBCASE("tasks that have ended") {
    for (int i = 0; i < 10; ++i) scope.spawn(turns(loop, 0, order, i));
    CHECK(order.size() == 10);
    CHECK(scope.count() == 0);
    outer.spawn(join(scope, joined));
    CHECK(joined);
  }
  SUBCASE("tasks that end one by one") {
    for (int i = 0; i < 5; ++i) scope.spawn(turns(loop, 5 - i, order, i));
    outer.spawn(join(scope, joined));
    for (int turn = 0; turn < 4; ++turn) {
      loop.turn(0);
      CHECK_FALSE(joined);
    }
    loop.turn(0);
    CHECK(joined);
    CHECK((order == std::vector<int>{4, 3, 2, 1, 0}));
  }
  SUBCASE("tasks that spawn while it joins") {
    const auto spawner = [](Loop& l, Scope& s, std::vector<int>& o) -> Task<void> {
      co_await l.yield();
      s.spawn(turns(l, 3, o, 7));
    };
    scope.spawn(spawner(loop, scope, order));
    outer.spawn(join(scope, joined));
    loop.turn(0);
    CHECK_FALSE(joined);
    settle(loop);
    CHECK(joined);
    CHECK((order == std::vector<int>{7}));
  }
  SUBCASE("the joiner may destroy the scope and join again") {
    const auto local = [](Loop& l, std::vector<int>& o, bool& done) -> Task<void> {
      {
        Scope inner;
        inner.spawn(turns(l, 1, o, 1));
        co_await inner.join();
        inner.spawn(turns(l, 1, o, 2));
        co_await inner.join();
      }
      done = true;
    };
    outer.spawn(local(loop, order, joined));
    settle(loop);
    CHECK(joined);
    CHECK(order.size() == 2);
  }
}

TEST_CASE("frame memory: every size is usable, and what was freed comes back") {
  for (const std::size_t size : {1, 8, 31, 32, 33, 64, 100, 1000, 4064, 4095, 4096, 4097, 100'000}) {
    std::vector<char*> blocks;
    for (int i = 0; i < 100; ++i) {
      blocks.push_back(static_cast<char*>(frame_allocate(size)));
      std::fill_n(blocks.back(), size, static_cast<char>(i));
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      CHECK(reinterpret_cast<std::uintptr_t>(blocks[i]) % 16 == 0);
      CHECK(blocks[i][0] == static_cast<char>(i));
      CHECK(blocks[i][size - 1] == static_cast<char>(i));
      frame_free(blocks[i], size);
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    if (size > 4096) continue;
    void* again = frame_allocate(size);
    CHECK(again == blocks.back());
    frame_free(again, size);
#endif
  }
}
