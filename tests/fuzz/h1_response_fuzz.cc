// Response heads. Oracles: every split of the input gives the same; what was accepted is written as a head
// that reads back as the same head; lines hold no control bytes.
//
// Input: two bytes that say where to split and, by the second's low bit, whether HEAD is answered; then the
// wire.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "../unit/http/head_text.h"
#include "http/h1_serializer.h"
#include "http/octets.h"

using namespace lintel;
using namespace lintel::http;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_error(const std::string& text) {
  return text.size() == 3;
}

void check_identity(std::string_view wire, Method method) {
  ResponseHead head;
  ResponseHeadParser parser;
  parser.start(head, {}, method);
  const HeadProgress progress = parser.feed(std::span(wire.data(), wire.size()));
  if (progress.status != HeadStatus::done) return;
  for (const Fields::Line& line : head.fields.lines())
    require(is_token(head.fields.name(line)) && !has_control(head.fields.value(line)));
  require(!has_control(head.text(head.reason)));
  Buffer out;
  write_response_head(out, head, parser.framing(),
                      {.upgrade = head.upgrade.size != 0, .keep_content_length_for_head = true});
  ResponseHead again;
  ResponseHeadParser second;
  second.start(again, HeadLimits{.head = 1 << 20, .field = 1 << 20, .count = 1 << 16}, method);
  const HeadProgress reread = second.feed(out.span());
  require(reread.status == HeadStatus::done && reread.consumed == out.size());
  require(again.status == head.status && again.has_body == head.has_body);
  require(again.content_length == head.content_length && second.framing() == parser.framing());
  require(head.reason.size == 0 || again.text(again.reason) == head.text(head.reason));
  require(again.text(again.upgrade) == head.text(head.upgrade));
  require(test::describe(again.fields) == test::describe(head.fields));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Method method = data[1] % 2 == 0 ? Method::get : Method::head;
  const std::size_t first = std::min<std::size_t>(data[0], wire.size());
  const std::size_t second = std::min<std::size_t>(first + data[1], wire.size());
  const std::string whole = test::read_response(wire, method);
  const std::string split = test::read_response(wire, method, first, second);
  // A bad head may break several rules, and which is seen first may depend on the split.
  require(whole == split || (is_error(whole) && is_error(split)));
  check_identity(wire, method);
  return 0;
}
