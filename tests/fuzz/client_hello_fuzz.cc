// ClientHellos. Oracles: no beginning of one is done; a name that was found is a host name in lower case; the
// same message in records of one byte each gives the same.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/client_hello.h"

using namespace lintel::net;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// The handshake bytes of the records of `in`, each in a record of its own.
std::string crumble(std::string_view in) {
  std::string out;
  while (in.size() >= 5) {
    const std::size_t size = static_cast<std::uint8_t>(in[3]) * 256U + static_cast<std::uint8_t>(in[4]);
    for (const char c : in.substr(5, size)) {
      out.append("\x16\x03\x03\0\1", 5);
      out += c;
    }
    in.remove_prefix(std::min(in.size(), 5 + size));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  ClientHello hello;
  const HelloParse parsed = parse_client_hello(in, hello);
  if (parsed.status == HelloParse::Status::error) require(parsed.reason[0] != '\0');
  if (parsed.status != HelloParse::Status::done) return 0;
  require(size != 0 && begins_tls(in[0]));
  require(hello.server_name.size() <= 253);
  for (const char c : hello.server_name) {
    require((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_');
  }
  ClientHello other;
  for (std::size_t cut = 0; cut < size; cut += 1 + size / 64) {
    const HelloParse part = parse_client_hello(in.substr(0, cut), other);
    if (part.status == HelloParse::Status::done) {  // Bytes after it are not looked at.
      require(other.server_name == hello.server_name && other.alpn == hello.alpn);
    }
  }
  const std::string crumbs = crumble(in);
  if (crumbs.size() < kMaxClientHello) {
    const HelloParse again = parse_client_hello(crumbs, other);
    require(again.status == HelloParse::Status::done);
    require(other.server_name == hello.server_name && other.alpn == hello.alpn &&
            other.version == hello.version && other.encrypted == hello.encrypted);
  }
  return 0;
}
