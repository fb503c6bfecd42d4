#pragma once

// What the clients of a fuzzed session send. Every request carries its number in target, fields and content,
// so that whatever turns up anywhere can be told to be its own or another's.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lintel::fuzz {

/// `size` bytes that say at every place whose they are: "<tag:0>", "<tag:7>" and so on, with dots between
/// them where they are many.
[[nodiscard]] std::string tagged(std::string_view tag, std::size_t size);

/// How a well-formed request looks; every value of every member is allowed.
struct Shape {
  std::uint8_t method = 0;
  std::uint8_t body = 0;  ///< None, by length, or in chunks; and which of the sizes.
  std::uint8_t extras = 0;
};

/// A request that every server must understand.
[[nodiscard]] std::string plain_request(unsigned id, const Shape& shape);
/// Whether the request of that shape asks to change protocols.
[[nodiscard]] bool asks_upgrade(const Shape& shape);

/// A request that some server somewhere would misread, alone or with what follows it: number `trick` of the
/// known ones, in two variants of what follows.
[[nodiscard]] std::string trick_request(unsigned id, std::size_t trick, bool variant);
[[nodiscard]] std::size_t trick_count();

/// One change somewhere in the text: a byte inserted, replaced or removed, a piece doubled.
void edit(std::string& text, std::uint8_t where, std::uint8_t how, std::uint8_t what);

}  // namespace lintel::fuzz
