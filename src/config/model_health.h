#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/model_values.h"

namespace lintel::config {

enum class HealthCheckType : std::uint8_t { http, tcp, redis, postgres, mysql, smtp, exec };
/// What a server is held for until its first check.
enum class InitialHealth : std::uint8_t { down, up };

/// How it is found out whether a server is well.
struct HealthCheck {
  HealthCheckType type = HealthCheckType::http;
  milliseconds interval = 5s;
  milliseconds fast_interval = 1s;  ///< In place of a longer interval while the state is about to change.
  milliseconds timeout = 2s;        ///< For a whole check.
  std::uint32_t jitter = 20;        ///< Percent of the interval, more or less.
  std::uint32_t rise = 2;           ///< Checks in a row that must pass before a server that was down is up.
  std::uint32_t fall = 3;
  InitialHealth initial = InitialHealth::down;
  std::optional<std::uint16_t> port;  ///< Absent: the server's own.
  // Of http checks.
  std::string method;  ///< Empty: GET.
  std::string path;    ///< Empty: "/".
  std::string host;    ///< Empty: the server's address.
  std::vector<HeaderValue> headers;
  std::vector<std::string> expect;         ///< Statuses (parse_statuses); empty: 2xx.
  std::vector<HeaderValue> expect_header;  ///< Without a value: any.
  std::string expect_body;                 ///< Somewhere in the beginning of the body.
  // Of tcp checks; with escapes (parse_bytes).
  std::string send;
  std::string expect_text;
  std::string user;                  ///< Of postgres and mysql checks; empty: lintel.
  std::vector<std::string> command;  ///< Of exec checks: a program and its arguments.
  Place place;
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};

}  // namespace lintel::config
