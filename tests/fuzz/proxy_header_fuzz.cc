// PROXY headers of both versions. Oracles: every beginning of a header is not enough or already wrong, and
// never done; what was read, written again in version 2, reads the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/proxy_header.h"

using namespace lintel;
using namespace lintel::net;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool same(const ProxyHeader& a, const ProxyHeader& b) {
  return a.alpn == b.alpn && a.authority == b.authority && a.unique_id == b.unique_id && a.netns == b.netns &&
         a.has_tls == b.has_tls &&
         (!a.has_tls || (a.tls_version == b.tls_version && a.tls_common_name == b.tls_common_name &&
                         a.tls_cipher == b.tls_cipher && a.unverified == b.unverified));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  ProxyHeader header;
  const ProxyParse parsed = parse_proxy_header(in, header);
  if (parsed.status == ProxyParse::Status::error) {
    require(parsed.reason[0] != '\0');
    return 0;
  }
  if (parsed.status == ProxyParse::Status::need_more) {
    require(parsed.size > size);
    return 0;
  }
  require(parsed.size != 0 && parsed.size <= size && parsed.size <= kMaxProxyHeader);
  ProxyHeader scratch;
  for (std::size_t cut = 0; cut < parsed.size; ++cut) {
    require(parse_proxy_header(in.substr(0, cut), scratch).status == ProxyParse::Status::need_more);
  }
  Buffer out;
  append_proxy_header(out, header, 2);
  ProxyHeader again;
  const ProxyParse second = parse_proxy_header(out.view(), again);
  require(second.status == ProxyParse::Status::done && second.size == out.size());
  require(same(header, again) && header.is_local == again.is_local);
  const bool ip = header.source.family() != AF_UNIX && header.destination.family() != AF_UNIX;
  if (ip && header.source.port() != 0) require(again.source.port() == header.source.port());
  Buffer line;
  append_proxy_header(line, header, 1);
  require(parse_proxy_header(line.view(), scratch).status == ProxyParse::Status::done);
  return 0;
}
