// When a server's health changes.

#include "health/tracker.h"

#include <doctest/doctest.h>

#include <string>

using namespace lintel;
using health::Tracker;

namespace {

/// Plays results ("+" passed, "-" failed) and writes down the health after each: "U" or "D".
std::string play(Tracker& tracker, const std::string& results) {
  std::string out;
  for (const char c : results) {
    const pool::Health before = tracker.health();
    const bool changed = tracker.note(c == '+');
    CHECK(changed == (tracker.health() != before));
    out += tracker.health() == pool::Health::up ? 'U' : 'D';
  }
  return out;
}

}  // namespace

TEST_CASE("health changes after so many results in a row") {
  struct Row {
    const char* what;
    Tracker::Settings settings;
    const char* results;
    const char* health;
  };
  const Row rows[] = {
      {"new, down: the first pass is enough", {2, 3, pool::Health::down, true}, "+--+---", "UUUUUUD"},
      {"new, down: also after failures", {2, 3, pool::Health::down, true}, "---+", "DDDU"},
      {"unchecked: the first pass is enough", {2, 3, pool::Health::unchecked, true}, "+--+---", "UUUUUUD"},
      {"unchecked: one that fails is down, and one that passes then is up",
       {2, 3, pool::Health::unchecked, true},
       "---+",
       "DDDU"},
      {"new, up: falls as others", {2, 3, pool::Health::up, true}, "---", "UUD"},
      {"then it rises as others", {2, 3, pool::Health::up, true}, "---+-++", "UUDDDDU"},
      {"known, down: rises as others", {2, 3, pool::Health::down, false}, "++", "DU"},
      {"known, down: in a row", {3, 1, pool::Health::down, false}, "++-+++", "DDDDDU"},
      {"in a row, down", {1, 3, pool::Health::up, false}, "--+--+---", "UUUUUUUUD"},
      {"one each", {1, 1, pool::Health::up, false}, "-+-+", "DUDU"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Tracker tracker(row.settings);
    CHECK(play(tracker, row.results) == row.health);
  }
}

TEST_CASE("results that contradict the health are counted until it changes") {
  Tracker tracker({2, 3, pool::Health::up, false});
  CHECK_FALSE(tracker.was_checked());
  play(tracker, "+");
  CHECK(tracker.was_checked());
  CHECK(tracker.contradictions() == 0);
  play(tracker, "--");
  CHECK(tracker.contradictions() == 2);
  play(tracker, "-");
  CHECK(tracker.contradictions() == 0);
  play(tracker, "+");
  CHECK(tracker.contradictions() == 1);
  play(tracker, "-");
  CHECK(tracker.contradictions() == 0);
}
