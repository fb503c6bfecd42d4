#pragma once

// A configuration made ready to be asked what it would do, without serving anything.

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "net/loop.h"
#include "net/socket.h"
#include "proxy/explain.h"
#include "proxy/generation.h"

namespace lintel::app {

/// A URL in its parts: "http://a.test:81/x?y=1", or a target alone, "/x?y=1".
struct Url {
  std::string scheme = "http";
  std::string authority;  ///< Empty: the URL is a target alone.
  /// For the Host field: of a target alone, localhost.
  [[nodiscard]] std::string host_field() const { return authority.empty() ? "localhost" : authority; }
  std::uint16_t port = 80;
  std::string target = "/";

  /// On failure says in one sentence what is wrong.
  [[nodiscard]] static tl::expected<Url, std::string> parse(std::string_view text);
};

class Offline {
 public:
  /// On failure the messages of the configuration's errors, as `lintel check` prints them. Reads the files
  /// that it names, asks no name server.
  [[nodiscard]] static tl::expected<std::unique_ptr<Offline>, std::string> load(const std::string& file);
  Offline(const Offline&) = delete;
  Offline& operator=(const Offline&) = delete;

  /// The http listener of that name; without a name the one that serves the URL: it binds the port, or is the
  /// only one that speaks its scheme. On failure says in one sentence why there is none.
  [[nodiscard]] tl::expected<const proxy::ListenerContext*, std::string> listener(
      const Url& url, std::string_view name) const;
  [[nodiscard]] proxy::Explanation explain(const proxy::ListenerContext& listener,
                                           const proxy::Question& question) {
    return proxy::explain(worker_, listener, question);
  }

 private:
  explicit Offline(std::shared_ptr<const proxy::Snapshot> snapshot);

  net::Loop loop_;
  net::SocketConnector connector_{loop_};
  proxy::WorkerStats stats_;
  proxy::WorkerContext worker_;
};

}  // namespace lintel::app
