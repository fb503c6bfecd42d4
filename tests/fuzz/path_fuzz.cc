// N14: a request as received and as forwarded takes one and the same route, whatever its path and host; and
// the canonical path is the one of RFC 3986, read by other code.
//
// Input: a byte for rules and method, one for the host, then the target.

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

#include "route/one_view.h"

using namespace lintel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const route::Router router(route::test::look_alikes());
  static constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD", "BREW"};
  static constexpr std::string_view kHosts[] = {"a.test", "x.a.test", "A.TEST.:80", "b.test", "[::1]"};
  if (size < 2) return 0;
  std::string wire(kMethods[data[0] % 4]);
  wire.append(" ").append(reinterpret_cast<const char*>(data) + 2, size - 2);
  wire.append(" HTTP/1.1\r\nHost: ").append(kHosts[data[1] % std::size(kHosts)]).append("\r\n\r\n");
  const http::RequestRules rules{.strict_paths = (data[0] & 4) != 0, .no_encoded_slash = (data[0] & 8) != 0};
  if (!route::test::compare_views(router, wire, rules).difference.empty()) std::abort();
  return 0;
}
