#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <string>
#include <string_view>

#include "health/recipe.h"

namespace lintel::health::test {

/// What a recipe says and decides when a server sends `answer`, at most `piece` bytes at a time: what it
/// sent, then "pass: ..." or "fail: ...". Shows bytes as the check of a server does.
inline std::string converse(Recipe& recipe, std::string_view answer, std::size_t piece) {
  std::string said;
  std::string in;
  Step step = recipe.begin();
  for (;;) {
    said += step.send;
    if (step.verdict == Step::Verdict::passed) return said + "pass: " + step.reason;
    if (step.verdict == Step::Verdict::failed) return said + "fail: " + step.reason;
    assert(step.consumed <= in.size());
    in.erase(0, step.consumed);
    if (in.empty() || step.consumed == 0) {
      if (answer.empty()) return said + "fail: " + recipe.unfinished();
      in.append(answer.substr(0, piece));
      answer.remove_prefix(std::min(piece, answer.size()));
    }
    step = recipe.received(in);
  }
}

}  // namespace lintel::health::test
