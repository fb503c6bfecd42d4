// Request heads. Oracles: every split of the input gives the same; what was accepted is written as a head
// that reads back as the same head; canonical paths and authorities are their own canonical form; lines hold
// no control bytes.
//
// Input: two bytes that say where to split, then the wire.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "../unit/http/head_text.h"
#include "http/h1_serializer.h"
#include "http/octets.h"
#include "http/target.h"

using namespace lintel;
using namespace lintel::http;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_error(const std::string& text) {
  return text.size() == 3;
}

void check_canonical(const RequestHead& head) {
  Buffer bytes;
  bytes.append(head.text(head.path));
  Slice path{0, head.path.size};
  require(head.text(head.path) == "*" || canonicalize_path(bytes, path) == nullptr);
  require(bytes.view(path.begin, path.size) == head.text(head.path));
  bytes.clear();
  bytes.append(head.text(head.authority));
  Slice authority{0, head.authority.size};
  require(canonicalize_authority(bytes, authority, 80) == nullptr);
  require(bytes.view(0, authority.size) == head.text(head.authority));
}

void check_identity(std::string_view wire) {
  RequestHead head;
  RequestHeadParser parser;
  parser.start(head, {});
  const HeadProgress progress = parser.feed(std::span(wire.data(), wire.size()));
  if (progress.status != HeadStatus::done) return;
  for (const Fields::Line& line : head.fields.lines())
    require(is_token(head.fields.name(line)) && !has_control(head.fields.value(line)));
  if (head.method == Method::connect || head.authority.size == 0) return;
  check_canonical(head);
  Buffer out;
  write_request_head(out, head, parser.framing(), true);
  RequestHead again;
  RequestHeadParser second;
  second.start(again, HeadLimits{.head = 1 << 20, .field = 1 << 20, .target = 1 << 20, .count = 1 << 16});
  const HeadProgress reread = second.feed(out.span());
  require(reread.status == HeadStatus::done && reread.consumed == out.size());
  require(again.text(again.method_text) == head.text(head.method_text));
  require(again.text(again.authority) == head.text(head.authority));
  require(again.text(again.path) == head.text(head.path) && again.has_query == head.has_query);
  require(again.text(again.query) == head.text(head.query) &&
          again.text(again.upgrade) == head.text(head.upgrade));
  require(second.framing() == parser.framing() && again.accepts_trailers == head.accepts_trailers);
  require(again.expects_continue == head.expects_continue);
  require(test::describe(again.fields) == test::describe(head.fields));
  require(second.keep_alive() && second.dropped_underscore() == 0);
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
  check_identity(wire);
  return 0;
}
