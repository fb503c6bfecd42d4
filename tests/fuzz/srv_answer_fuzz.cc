// Answers with SRV records as a name server could send them. Oracles: a target is a host name in lower case
// that an address can be made of; every record took its bytes in the message; what is cut off changes nothing
// before it: a part that is an answer has no more records than the whole.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/address.h"
#include "net/srv_answer.h"

using namespace lintel;
using namespace lintel::net;

namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kLeast =
    18;  ///< Of a record: a name, type, class, TTL, length, and the data before the target.

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const ServiceRecord& record) {
  require(record.port != 0);
  std::string why;
  const auto endpoint = Endpoint::parse(record.target + ':' + std::to_string(record.port), why);
  require(endpoint && endpoint->kind == Endpoint::Kind::name);
  require(endpoint->host == record.target && endpoint->port == record.port);
  require(
      std::none_of(record.target.begin(), record.target.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> message(data, data + size);  // Of just its size.
  const auto answer = parse_srv_answer(message);
  if (!answer) return 0;
  require(answer->ttl >= 0 && answer->ttl <= 0x7fffffffLL * 1'000'000'000);
  require(answer->records.size() * kLeast <= size - kHeader);
  for (const ServiceRecord& record : answer->records) check(record);
  const std::vector<std::uint8_t> part(data, data + size - 1);
  const auto shorter = parse_srv_answer(part);
  require(!shorter || shorter->records.size() <= answer->records.size());
  return 0;
}
