#pragma once

// What a configuration file says, as plain values. Every member's default is the product's default; the
// schema (config/schema.cc) names each member once with its type, unit, range and help. The model knows
// nothing of sockets, coroutines or HTTP parsing.

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "config/model_listener.h"
#include "config/model_pool.h"
#include "config/model_values.h"

namespace lintel::config {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, critical };
enum class LogFormat : std::uint8_t { text, json };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string target = "stderr";  ///< "stderr", "stdout" or a file's path.
  friend bool operator==(const Log&, const Log&) = default;
};

enum class AccessLogFormat : std::uint8_t { json, combined };

struct AccessLog {
  bool enabled = true;
  std::string path = "stdout";  ///< "stdout", "stderr" or a file's path.
  AccessLogFormat format = AccessLogFormat::json;
  friend bool operator==(const AccessLog&, const AccessLog&) = default;
};

struct Admin {
  std::vector<Endpoint> bind;  ///< Empty: no admin listener.
  Place place;
  friend bool operator==(const Admin&, const Admin&) = default;
};

struct Shutdown {
  milliseconds delay = 0ms;    ///< Not-ready time before listeners close, so that others stop sending.
  milliseconds timeout = 30s;  ///< For requests in flight; what is left then is cut.
  friend bool operator==(const Shutdown&, const Shutdown&) = default;
};

enum class AddressFamily : std::uint8_t { automatic, any, ipv4, ipv6 };

/// How host names are looked up.
struct Resolver {
  std::vector<Endpoint> servers;  ///< Empty: those of /etc/resolv.conf.
  milliseconds timeout = 2s;      ///< For a name server's first answer; doubled for each further round.
  std::uint32_t attempts = 2;     ///< Rounds over the name servers.
  milliseconds wait = 2s;         ///< A start or a reload waits as long for names' first answers.
  milliseconds min_ttl = 1s;      ///< Answers are good for as long as they say, within these two.
  milliseconds max_ttl = 5min;
  milliseconds retry = 1s;  ///< After a failure; doubled for each further one.
  milliseconds max_retry = 30s;
  AddressFamily family = AddressFamily::automatic;
  friend bool operator==(const Resolver&, const Resolver&) = default;
};

struct Config {
  int version = 1;
  std::uint32_t workers = 0;  ///< 0: auto, the CPUs this process may use.
  std::string zone;           ///< Where this process is; empty: not known.
  Admin admin;
  Log log;
  AccessLog access_log;
  Shutdown shutdown;
  Resolver resolver;
  std::vector<Listener> listeners;
  std::vector<Pool> pools;
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace lintel::config
