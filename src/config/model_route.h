#pragma once

// Routes: what they match, and what becomes of the request.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "config/model_retry.h"
#include "config/model_values.h"

namespace lintel::config {

/// What is asked of a text: of a header's value, a cookie's, a parameter's. All that is given must hold of
/// one and the same value; nothing given asks that there be one.
struct TextMatch {
  std::string name;             ///< Of the header, cookie or parameter; empty where there is but one text.
  std::vector<std::string> is;  ///< One of these.
  std::string prefix;
  std::string suffix;
  std::string contains;
  std::string regex;    ///< Found anywhere in it.
  bool present = true;  ///< False: there must be none.
  friend bool operator==(const TextMatch&, const TextMatch&) = default;
};

/// Conditions that must all hold. Each one may be absent.
struct Match {
  std::vector<std::string> host;    ///< Lower case, exact or "*.suffix"; empty matches every host.
  std::string path;                 ///< Exact path; empty: not asked.
  std::string path_prefix;          ///< Whole segments: "/v1" matches "/v1" and "/v1/x", not "/v1x".
  std::vector<std::string> method;  ///< Empty matches every method.
  std::vector<std::string> sni;     ///< As host: the name that a TLS client asks for.
  std::string path_regex;           ///< Found anywhere in the path.
  std::vector<TextMatch> header;
  std::vector<TextMatch> query;  ///< Names and values decoded.
  std::vector<TextMatch> cookie;
  std::vector<Cidr> client_ip;
  std::optional<TextMatch> client_cert_subject;  ///< As RFC 2253 writes it.
  std::vector<Match> all;
  std::vector<Match> any;   ///< At least one, if there are any.
  std::vector<Match> none;  ///< "not": none of these.
  friend bool operator==(const Match&, const Match&) = default;
};

struct Redirect {
  std::string scheme;  ///< Empty: as the request's.
  std::string host;
  std::optional<std::uint16_t> port;
  std::string path;  ///< Empty: as the request's, with its query.
  int status = 308;
  friend bool operator==(const Redirect&, const Redirect&) = default;
};

struct Respond {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  friend bool operator==(const Respond&, const Respond&) = default;
};

struct HeaderEdits {
  std::vector<HeaderValue> set;  ///< In place of what there is of that name.
  std::vector<HeaderValue> add;
  std::vector<std::string> remove;
  friend bool operator==(const HeaderEdits&, const HeaderEdits&) = default;
};

struct RouteHeaders {
  HeaderEdits request;
  HeaderEdits response;
  friend bool operator==(const RouteHeaders&, const RouteHeaders&) = default;
};

struct RewriteRegex {
  std::string pattern;
  std::string replace;  ///< In place of what the pattern finds; {1} is what its first parentheses took.
  friend bool operator==(const RewriteRegex&, const RewriteRegex&) = default;
};

/// What a server is asked for in place of what was asked for here. At most one of the first four is set.
struct Rewrite {
  std::string path;          ///< With variables.
  std::string path_prefix;   ///< In place of the match's path_prefix.
  std::string strip_prefix;  ///< Taken away, in whole segments.
  std::optional<RewriteRegex> regex;
  std::string host;
  friend bool operator==(const Rewrite&, const Rewrite&) = default;
};

/// A pool that gets a part of a route's requests.
struct SplitPool {
  std::string pool;
  std::uint32_t weight = 1;
  friend bool operator==(const SplitPool&, const SplitPool&) = default;
};

/// Trouble that a route makes on purpose, so that it is known what comes of it.
struct Fault {
  std::optional<Match> match;       ///< Only of these requests; absent: of all.
  milliseconds delay = 0ms;         ///< Before anything else is done; 0: none.
  std::uint32_t delay_share = 100;  ///< Percent of the requests.
  std::uint32_t abort = 0;          ///< The status that is answered; 0: none.
  std::uint32_t abort_share = 100;
  friend bool operator==(const Fault&, const Fault&) = default;
};

/// In place of the pool's timeouts.
struct RouteTimeouts {
  std::optional<milliseconds> first_byte;
  std::optional<milliseconds> idle;
  std::optional<milliseconds> tunnel_idle;
  std::optional<milliseconds> total;
  friend bool operator==(const RouteTimeouts&, const RouteTimeouts&) = default;
};

struct Route {
  std::string name;  ///< Given, or "<listener>-<position from 1>".
  Match match;
  // Exactly one of the next four is set.
  std::string pool;
  std::vector<SplitPool> split;
  std::optional<Redirect> redirect;
  std::optional<Respond> respond;
  std::string split_key;  ///< With variables; requests with the same go to the same pool. Empty: by chance.
  std::string fallback;   ///< The pool for what the others could not take; empty: none.
  std::optional<Rewrite> rewrite;
  RouteHeaders headers;
  RouteTimeouts timeouts;
  std::optional<Retry> retry;  ///< In place of the pool's.
  std::optional<Mirror> mirror;
  std::optional<Fault> fault;
  std::optional<Bytes> body_size;  ///< Largest request body; absent: the listener's.
  Place place;
  /// Calls `visit(pool's name)` for each pool that it names.
  template <typename Visit>
  void for_each_pool(const Visit& visit) const {
    if (!pool.empty()) visit(pool);
    for (const SplitPool& part : split) visit(part.pool);
    if (!fallback.empty()) visit(fallback);
    if (mirror) visit(mirror->pool);
  }
  friend bool operator==(const Route&, const Route&) = default;
};

}  // namespace lintel::config
