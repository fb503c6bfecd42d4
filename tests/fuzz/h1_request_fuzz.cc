// Request heads. Oracles: every split of the input gives the same; what was accepted is written as a head
// that reads back as the same head; canonical paths and authorities are their own canonical form; lines hold
// no control bytes.
//
// Input: two bytes that say where to split, then the wire.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/head_text.h"
#include "http/identity.h"

using namespace lintel;
using namespace lintel::http;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_error(const std::string& text) {
  return text.size() == 3;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t first = std::min<std::size_t>(data[0], wire.size());
  const std::size_t second = std::min<std::size_t>(first + data[1], wire.size());
  const std::string whole = test::read_request(wire);
  const std::string split = test::read_request(wire, first, second);
  // A bad head may break several rules, and which is seen first may depend on the split.
  require(whole == split || (is_error(whole) && is_error(split)));
  require(test::request_identity(wire).difference.empty());
  return 0;
}
