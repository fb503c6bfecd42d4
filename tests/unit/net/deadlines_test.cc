#include "net/deadlines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/random.h"
#include "net_test.h"

using namespace lintel;
using namespace lintel::net;

namespace {

constexpr Nanos kStart = 3600 * kSecond;
constexpr Nanos kTick = Deadlines::kTick;

void count(Deadline& deadline) {
  ++*static_cast<int*>(deadline.owner());
}

/// A deadline that runs what the test wants.
struct Node {
  explicit Node(std::function<void()> what) : run(std::move(what)) {}
  std::function<void()> run;
  Deadline deadline{[](Deadline& d) { static_cast<Node*>(d.owner())->run(); }, this};
};

}  // namespace

TEST_CASE("a deadline fires once, never early, at most a tick late") {
  const Nanos horizons[] = {-kSecond,
                            0,
                            1,
                            kTick - 1,
                            kTick,
                            kTick + 1,
                            3 * kTick,
                            kSecond,
                            5'432'109'876,
                            10 * kSecond,
                            10'230 * kMs,
                            10'240 * kMs,
                            11 * kSecond,
                            61 * kSecond,
                            3600 * kSecond};
  for (const Nanos start : {kStart, kStart + 1, kStart + kTick - 1}) {
    for (const Nanos horizon : horizons) {
      CAPTURE(start);
      CAPTURE(horizon);
      Deadlines deadlines(start);
      int fired = 0;
      Deadline deadline(&count, &fired);
      deadlines.set(deadline, start + horizon);
      const Nanos due = start + std::max<Nanos>(horizon, 0);
      if (due > start) {
        deadlines.advance(due - 1);
        CHECK(fired == 0);
        CHECK(deadline.at() == start + horizon);
      }
      deadlines.advance(due + kTick);
      CHECK(fired == 1);
      CHECK(deadline.at() == kNever);
      deadlines.advance(due + 30 * kSecond);
      CHECK(fired == 1);
      CHECK(deadlines.next() == kNever);
    }
  }
}

TEST_CASE("next leads to every deadline without missing or spinning") {
  for (const Nanos horizon : {Nanos{1}, kTick, 700 * kMs, 10'230 * kMs, 95 * kSecond, 3600 * kSecond}) {
    for (Nanos offset = 0; offset < 12 * kSecond; offset += 333 * kMs) {
      Deadlines deadlines(kStart + offset);
      CHECK(deadlines.next() == kNever);
      int fired = 0;
      Deadline deadline(&count, &fired);
      const Nanos at = kStart + offset + horizon;
      deadlines.set(deadline, at);
      Nanos now = kStart + offset;
      int steps = 0;
      while (fired == 0 && steps < 1000) {
        REQUIRE(deadlines.next() != kNever);
        REQUIRE(deadlines.next() > now - kTick);
        now = std::max(now, deadlines.next());
        deadlines.advance(now);
        ++steps;
      }
      CHECK(fired == 1);
      CHECK(now >= at);
      CHECK(now <= at + kTick);
      CHECK(steps <= horizon / (8 * kSecond) + 2);
    }
  }
}

TEST_CASE("a deadline can be moved and cleared") {
  Deadlines deadlines(kStart);
  int fired = 0;
  Deadline deadline(&count, &fired);
  SUBCASE("later") {
    deadlines.set(deadline, kStart + kSecond);
    deadlines.set(deadline, kStart + 2 * kSecond);
    deadlines.advance(kStart + 1'900 * kMs);
    CHECK(fired == 0);
    deadlines.advance(kStart + 2'010 * kMs);
    CHECK(fired == 1);
  }
  SUBCASE("earlier") {
    deadlines.set(deadline, kStart + 2 * kSecond);
    deadlines.set(deadline, kStart + kSecond);
    deadlines.advance(kStart + 1'010 * kMs);
    CHECK(fired == 1);
  }
  SUBCASE("cleared, then set again") {
    deadlines.set(deadline, kStart + kSecond);
    deadline.clear();
    deadlines.advance(kStart + 2 * kSecond);
    CHECK(fired == 0);
    deadlines.set(deadline, kStart + 3 * kSecond);
    deadlines.set(deadline, kNever);
    deadlines.set(deadline, kStart + 4 * kSecond);
    deadlines.advance(kStart + 4'010 * kMs);
    CHECK(fired == 1);
  }
}

TEST_CASE("a wheel may go before its deadlines") {
  int fired = 0;
  Deadline deadline(&count, &fired);
  {
    Deadlines deadlines(kStart);
    deadlines.set(deadline, kStart + kSecond);
  }
  CHECK(fired == 0);
}

TEST_CASE("callbacks may set, clear and destroy any deadline") {
  Deadlines deadlines(kStart);
  std::vector<int> order;
  std::vector<std::unique_ptr<Node>> nodes;
  const auto add = [&](Nanos at, std::function<void()> what) {
    nodes.push_back(std::make_unique<Node>(std::move(what)));
    deadlines.set(nodes.back()->deadline, at);
  };
  const Nanos at = kStart + kSecond;
  SUBCASE("itself again") {
    add(at, [&] {
      order.push_back(1);
      if (order.size() < 3) deadlines.set(nodes[0]->deadline, at);  // In the past: the next tick.
    });
    deadlines.advance(at);
    CHECK(order.size() == 1);
    deadlines.advance(at + kTick);
    deadlines.advance(at + 2 * kTick);
    deadlines.advance(at + 3 * kTick);
    CHECK(order.size() == 3);
  }
  SUBCASE("itself destroyed") {
    add(at, [&] { nodes[0].reset(); });
    deadlines.advance(at);
    CHECK_FALSE(nodes[0]);
  }
  SUBCASE("all others of the slot destroyed") {
    for (int i = 0; i < 5; ++i) {
      add(at, [&, i] {
        order.push_back(i);
        for (int k = 0; k < 5; ++k) {
          if (k != i) nodes[static_cast<std::size_t>(k)].reset();
        }
      });
    }
    deadlines.advance(at);
    CHECK(order.size() == 1);
  }
  SUBCASE("all others of the slot cleared or put off") {
    for (int i = 0; i < 6; ++i) {
      add(at, [&, i] {
        order.push_back(i);
        for (int k = 0; k < 6; ++k) {
          if (k == i || order.size() > 1) continue;
          Deadline& other = nodes[static_cast<std::size_t>(k)]->deadline;
          if (k % 2 == 0) {
            other.clear();
          } else {
            deadlines.set(other, at + kSecond);
          }
        }
      });
    }
    deadlines.advance(at);
    CHECK(order.size() == 1);
    deadlines.advance(at + 2 * kSecond);
    CHECK((order == std::vector<int>{5, 1, 3}));
  }
}

TEST_CASE("random deadlines against a list") {
  constexpr std::size_t kCount = 40;
  struct Model {
    std::unique_ptr<Node> node;
    Nanos at = kNever;
    Nanos set_at = 0;
  };
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Nanos now = kStart + static_cast<Nanos>(random.below(kSecond));
    Deadlines deadlines(now);
    std::vector<Model> models(kCount);
    bool early = false;
    const auto change = [&](std::size_t i) {
      Model& model = models[i];
      const std::uint64_t what = random.below(10);
      if (what == 0) {
        model.at = kNever;
        model.node->deadline.clear();
        return;
      }
      const Nanos spans[] = {kTick, 100 * kMs, 12 * kSecond, 60 * kSecond};
      model.at = now + static_cast<Nanos>(random.below(static_cast<std::uint64_t>(spans[random.below(4)])));
      if (what == 1) model.at -= kSecond;
      model.set_at = now;
      deadlines.set(model.node->deadline, model.at);
    };
    const std::function<void(std::size_t)> create = [&](std::size_t i) {
      models[i].at = kNever;
      models[i].node = std::make_unique<Node>([&, i] {
        early = early || models[i].at > now;
        models[i].at = kNever;
        const std::size_t other = random.below(kCount);
        if (random.below(3) == 0) change(other);
        if (random.below(8) == 0 && other != i) create(other);
        if (random.below(3) == 0) change(i);
      });
    };
    for (std::size_t i = 0; i < kCount; ++i) create(i);
    for (int step = 0; step < 400; ++step) {
      change(random.below(kCount));
      const Nanos steps[] = {1, kTick / 3, kTick, 90 * kMs, 3 * kSecond, 40 * kSecond};
      now += static_cast<Nanos>(random.below(static_cast<std::uint64_t>(steps[random.below(6)]) + 1));
      if (random.below(4) == 0 && deadlines.next() != kNever) now = std::max(now, deadlines.next());
      deadlines.advance(now);
      CHECK_FALSE(early);
      Nanos earliest = kNever;
      for (const Model& model : models) {
        if (model.at == kNever) continue;
        const Nanos latest = std::max(model.at, model.set_at) + kTick;
        REQUIRE(latest > now);
        earliest = std::min(earliest, latest);
      }
      if (earliest != kNever) REQUIRE(deadlines.next() <= earliest);
    }
  }
}
