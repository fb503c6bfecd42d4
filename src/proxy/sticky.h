#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/model.h"
#include "http/message.h"
#include "pool/pool.h"

namespace lintel::proxy {

/// The cookie that keeps clients at one server of a pool. Its values are hashes of the servers' names, keyed
/// with the pool's secret: the same in every worker and process with the same secret, over reloads and
/// restarts, whatever the order of the servers, and they tell nobody who the servers are.
class StickyCookie {
 public:
  StickyCookie(const config::Pool& pool, std::span<const pool::Server> servers);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The server that the request belongs to; none without the cookie, or with one of a server that is no
  /// more. Allocates nothing.
  [[nodiscard]] std::optional<std::uint32_t> server_of(const http::Fields& request) const noexcept;
  /// The value of Set-Cookie that makes the client the server's. Points into this object.
  [[nodiscard]] std::string_view set_cookie(std::uint32_t server, bool over_tls) const noexcept {
    return over_tls ? over_tls_[server] : plain_[server];
  }

 private:
  std::string name_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> servers_;  ///< Value and server, in that order.
  // By server:
  std::vector<std::string> plain_;
  std::vector<std::string> over_tls_;
};

}  // namespace lintel::proxy
