#pragma once

// Both sides of TLS over a pair of streams in memory.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "authority.h"
#include "net/memory_stream.h"
#include "net/net_test.h"
#include "net/scope.h"
#include "tls/client_context.h"
#include "tls/server_context.h"

namespace lintel::tls::test {

using net::Outcome;

inline std::shared_ptr<const ServerContext> server_context(const config::ListenerTls& config,
                                                           std::shared_ptr<TicketKeys> tickets = nullptr,
                                                           std::string_view scope = "web") {
  Problems problems;
  if (!tickets) tickets = std::make_shared<TicketKeys>();
  auto made = ServerContext::load(config, scope, std::move(tickets), problems);
  for (const Problem& one : problems.list()) MESSAGE(one.setting << ": " << one.message);
  REQUIRE(made);
  return made;
}

inline std::shared_ptr<const ClientContext> client_context(const config::PoolTls& config) {
  Problems problems;
  auto made = ClientContext::load(config, problems);
  for (const Problem& one : problems.list()) MESSAGE(one.setting << ": " << one.message);
  REQUIRE(made);
  return made;
}

inline net::Task<void> shake(TlsStream& stream, Nanos deadline, Outcome<void>& outcome) {
  outcome.result = co_await stream.handshake(deadline);
  ++outcome.times;
}

/// A client and a server that share a loop.
struct Pair {
  Pair(net::Loop& l, const ServerContext& server_side, const ClientContext& client_side,
       const std::string& host, std::shared_ptr<SessionSlot> slot = nullptr,
       const net::MemoryOptions& options = {})
      : loop(l) {
    auto [a, b] = net::make_memory_pair(loop, options);
    client_below = a.get();
    server_below = b.get();
    client = client_side.connect(std::move(a), host, std::move(slot));
    server = server_side.accept(std::move(b));
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    if (client) client->cancel_read(), client->cancel_write(), client->cancel_handshake();
    if (server) server->cancel_read(), server->cancel_write(), server->cancel_handshake();
    net::settle(loop, 20);
    CHECK(scope.count() == 0);
  }

  /// Runs both handshakes to their end. True if both succeeded.
  bool handshake(int turns = 60) {
    scope.spawn(shake(*server, kNever, server_shaken));
    scope.spawn(shake(*client, kNever, client_shaken));
    for (int i = 0; i < turns && (server_shaken.times == 0 || client_shaken.times == 0); ++i) loop.turn(0);
    return server_shaken.times == 1 && client_shaken.times == 1 && server_shaken.result.has_value() &&
           client_shaken.result.has_value();
  }

  net::Loop& loop;
  net::MemoryStream* client_below = nullptr;
  net::MemoryStream* server_below = nullptr;
  TlsStreamPtr client;
  TlsStreamPtr server;
  Outcome<void> client_shaken;
  Outcome<void> server_shaken;
  net::Scope scope;
};

/// An authority, a server for `host` and a client that trusts it.
struct Sides {
  explicit Sides(const std::string& host = "a.test") {
    server.certificates.push_back(authority.issue(host));
    client.ca = authority.ca_file();
  }
  Authority authority;
  config::ListenerTls server;
  config::PoolTls client;
};

}  // namespace lintel::tls::test
