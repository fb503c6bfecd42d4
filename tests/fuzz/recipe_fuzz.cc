// What servers answer to health checks: no bytes hurt, and how they are cut makes no difference.
//
// Input: a byte for the type, one for the size of the pieces, then the server's bytes.

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

#include "health/conversation.h"

using namespace lintel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Type = config::HealthCheckType;
  static constexpr Type kTypes[] = {Type::tcp, Type::redis, Type::postgres, Type::mysql, Type::smtp};
  if (size < 2) return 0;
  config::HealthCheck check;
  check.type = kTypes[data[0] % std::size(kTypes)];
  if (check.type == Type::tcp) check.expect_text = "ok";
  const std::string answer(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = health::test::converse(*health::make_recipe(check), answer, answer.size() + 1);
  const auto cut = health::test::converse(*health::make_recipe(check), answer, data[1] % 16U + 1);
  if (whole != cut) std::abort();
  return 0;
}
