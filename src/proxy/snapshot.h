#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/address.h"
#include "config/model.h"
#include "tls/client_context.h"
#include "tls/server_context.h"

namespace lintel::proxy {

/// Certificates and rules of TLS, loaded, by the names of those that ask for them.
struct TlsContexts {
  std::map<std::string, std::shared_ptr<const tls::ServerContext>, std::less<>> listeners;
  std::map<std::string, std::shared_ptr<const tls::ClientContext>, std::less<>> pools;

  /// Null: plain.
  [[nodiscard]] const tls::ServerContext* listener(std::string_view name) const {
    const auto found = listeners.find(name);
    return found == listeners.end() ? nullptr : found->second.get();
  }
  [[nodiscard]] const tls::ClientContext* pool(std::string_view name) const {
    const auto found = pools.find(name);
    return found == pools.end() ? nullptr : found->second.get();
  }
};

/// One configuration in force, as the main thread publishes it to the workers: what the file says, and what
/// had to be looked up to use it. Immutable; shared by all threads.
struct Snapshot {
  /// Each server has one address: names and files have given way to what they stand for.
  config::Config config;
  /// Per pool, per server, in the order of the configuration: where it is.
  std::vector<std::vector<SocketAddress>> addresses;
  TlsContexts tls;
  std::uint64_t number = 0;  ///< Counts the configurations of this process, from 1.
  std::string hash;          ///< Of the effective configuration, for lintel_config_info.
};

}  // namespace lintel::proxy
