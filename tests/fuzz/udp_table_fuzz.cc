// The table of UDP sessions against a std::map: whatever comes and goes, both know the same.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>

#include "proxy/udp_table.h"

using lintel::net::LocalAddress;
using lintel::proxy::UdpKey;
using lintel::proxy::UdpTable;

namespace {

/// Six bytes of input: what is done, and to which of few enough addresses that they meet again.
struct Step {
  std::uint8_t action, family, ip, port_high, port_low, local;
};

using Plain = std::tuple<bool, std::uint8_t, std::uint16_t, std::uint8_t>;

UdpKey key_of(const Step& step) {
  sockaddr_in6 from;
  std::memset(&from, step.action, sizeof from);  // Bytes that are not part of the address.
  const auto port = static_cast<in_port_t>(step.port_high << 8 | step.port_low);
  if (step.family % 2 == 0) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = step.ip;
    v4.sin_port = port;
    std::memcpy(&from, &v4, sizeof v4);
  } else {
    from = {};
    from.sin6_family = AF_INET6;
    from.sin6_addr.s6_addr[15] = step.ip;
    from.sin6_port = port;
  }
  LocalAddress to;
  to.kind = LocalAddress::Kind::v4;
  to.bytes[3] = std::byte{step.local};
  return {from, to};
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  UdpTable table(size);
  std::map<Plain, std::unique_ptr<UdpTable::Node>> model;
  for (; size >= sizeof(Step); data += sizeof(Step), size -= sizeof(Step)) {
    Step step;
    std::memcpy(&step, data, sizeof step);
    const Plain plain{step.family % 2 == 0, step.ip,
                      static_cast<std::uint16_t>(step.port_high << 8 | step.port_low), step.local};
    const UdpKey key = key_of(step);
    const auto known = model.find(plain);
    require(table.find(key) == (known == model.end() ? nullptr : known->second.get()));
    if (step.action % 4 == 0 && known != model.end()) {
      table.remove(*known->second);
      model.erase(known);
    } else if (known == model.end()) {
      auto node = std::make_unique<UdpTable::Node>(key);
      table.insert(*node);
      model.emplace(plain, std::move(node));
    }
    require(table.size() == model.size());
  }
  for (const auto& [plain, node] : model) require(table.find(node->key()) == node.get());
  return 0;
}
