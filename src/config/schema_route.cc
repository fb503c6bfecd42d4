// The table of settings: routes.

#include "config/schema_parts.h"

namespace lintel::config {
namespace {

using namespace build;  // the rows read as a table

const ObjectType& text_match_type() {
  static const ObjectType type = object<TextMatch>(
      "text_match",
      {
          field(&TextMatch::is, "is", one_or_many(text(kAnyText)), "The whole value: one of these.")
              .example("[staging, canary]"),
          field(&TextMatch::prefix, "prefix", text(kAnyText), "What the value begins with."),
          field(&TextMatch::suffix, "suffix", text(kAnyText), "What the value ends with."),
          field(&TextMatch::contains, "contains", text(kAnyText), "What stands somewhere in the value."),
          field(&TextMatch::regex, "regex", text(kAnyText),
                "A regular expression (RE2) that is found somewhere in the value.")
              .example("\"^v[0-9]+$\""),
          field(&TextMatch::present, "present", of_kind(Kind::boolean),
                "Whether there must be a value at all, or none."),
      },
      "is");
  return type;
}

ObjectType make_match_type() {
  return object<Match>(
      "match",
      {
          field(&Match::host, "host", one_or_many(text(kHostPattern)),
                "Hosts, exact or *.suffix; without it every host matches.")
              .only(kHttp)
              .example("[api.example.com, \"*.api.example.com\"]"),
          field(&Match::path, "path", text(kUrlPath), "The exact path.").only(kHttp).example("/healthz"),
          field(&Match::path_prefix, "path_prefix", text(kUrlPath),
                "The beginning of the path in whole segments: /v1 matches /v1 and /v1/x but not /v1x.")
              .only(kHttp)
              .example("/v1"),
          field(&Match::method, "method", one_or_many(text(kMethod)),
                "Methods; without it every method matches.")
              .only(kHttp)
              .example("[GET, HEAD]"),
          field(&Match::sni, "sni", one_or_many(text(kHostPattern)),
                "Names that TLS clients ask for, exact or *.suffix; on tcp listeners with tls: passthrough. "
                "Without it every connection matches.")
              .only(kHttp | kTcp)
              .example("[db.example.com, \"*.db.example.com\"]"),
          field(&Match::path_regex, "path_regex", text(kAnyText),
                "A regular expression (RE2) that is found somewhere in the path; ^ and $ are its ends.")
              .only(kHttp)
              .example("\"^/users/[0-9]+$\""),
          field(&Match::header, "header", named(text_match_type(), kToken),
                "Request headers by name; where one comes several times, one of its values must match.")
              .only(kHttp)
              .example("{X-Env: staging, X-Debug: {present: false}}"),
          field(&Match::query, "query", named(text_match_type(), kAnyText),
                "Parameters of the query by name; names and values are compared decoded.")
              .only(kHttp)
              .example("{version: \"2\"}"),
          field(&Match::cookie, "cookie", named(text_match_type(), kToken), "Cookies by name.")
              .only(kHttp)
              .example("{canary: \"1\"}"),
          field(&Match::client_ip, "client_ip", one_or_many(of_kind(Kind::network)),
                "Networks that the client is in; who the client is says trusted_proxies.")
              .only(kHttp)
              .example("[10.0.0.0/8, \"fd00::/8\"]"),
          field(&Match::client_cert_subject, "client_cert_subject", object_of(text_match_type()),
                "The subject of the certificate that the client has shown, such as CN=alice,O=Example.")
              .only(kHttp)
              .example("{suffix: \",O=Example\"}"),
      });
}

/// A match may have matches inside.
const ObjectType& match_type() {
  static ObjectType type = make_match_type();
  static const bool complete = [] {
    const auto add = [](std::vector<Match> Match::*member, std::string_view key, std::string_view help,
                        std::string_view example) {
      type.fields.push_back(
          field(member, key, one_or_many(object_of(type)), help).only(kHttp).example(example));
    };
    add(&Match::all, "all", "Further matches, all of which must hold.",
        "[{path_prefix: /a}, {header: {X: y}}]");
    add(&Match::any, "any", "Further matches, one of which must hold.",
        "[{method: POST}, {query: {write: \"1\"}}]");
    add(&Match::none, "not", "A match, or several, none of which may hold.", "{client_ip: 10.0.0.0/8}");
    return true;
  }();
  static_cast<void>(complete);
  return type;
}

const ObjectType& redirect_type() {
  static const ObjectType type = object<Redirect>(
      "redirect",
      {
          field(&Redirect::scheme, "scheme", text(kScheme), "The new scheme; without it the request's.")
              .example("https"),
          field(&Redirect::host, "host", text(kHost), "The new host; without it the request's.")
              .example("www.example.com"),
          field(&Redirect::port, "port", integer(1, 65535),
                "The new port; without it the request's, or the scheme's own where the scheme changes."),
          field(&Redirect::path, "path", text(kRedirectPath),
                "The new path; without it the request's with its query.")
              .example("/new"),
          field(&Redirect::status, "status", one_of({301, 302, 303, 307, 308}), "The status of the answer."),
      });
  return type;
}

const ObjectType& respond_type() {
  static const ObjectType type = object<Respond>(
      "respond",
      {
          field(&Respond::status, "status", integer(200, 599), "The status of the answer."),
          field(&Respond::body, "body", text(kAnyText), "The body of the answer.").example("\"pong\\n\""),
          field(&Respond::content_type, "content_type", text(kFieldValue), "The Content-Type of the answer."),
      });
  return type;
}

const ObjectType& header_value_type() {
  static const ObjectType type = object<HeaderValue>(
      "header_value",
      {
          field(&HeaderValue::value, "value", text(kFieldValue),
                "The value; {client_ip}, {host}, {path}, {header.NAME} and other variables may stand in it.")
              .required()
              .example("prod"),
      },
      "value");
  return type;
}

const ObjectType& header_edits_type() {
  static const ObjectType type = object<HeaderEdits>(
      "header_edits",
      {
          field(
              &HeaderEdits::set, "set", named(header_value_type(), kToken),
              "Fields that are set, in place of those of the same name; one whose value comes to nothing is "
              "removed.")
              .example("{X-Env: prod, X-Client: \"{client_ip}\"}"),
          field(&HeaderEdits::add, "add", named(header_value_type(), kToken),
                "Fields that are added to those that there are.")
              .example("{Vary: Origin}"),
          field(&HeaderEdits::remove, "remove", one_or_many(text(kToken)), "Fields that are removed.")
              .example("[X-Debug]"),
      });
  return type;
}

const ObjectType& route_headers_type() {
  static const ObjectType type = object<RouteHeaders>(
      "route_headers", {
                           field(&RouteHeaders::request, "request", object_of(header_edits_type()),
                                 "Of requests, on their way to the server."),
                           field(&RouteHeaders::response, "response", object_of(header_edits_type()),
                                 "Of responses, on their way to the client; {status}, {pool} and {server} "
                                 "may stand in them too."),
                       });
  return type;
}

const ObjectType& rewrite_regex_type() {
  static const ObjectType type = object<RewriteRegex>(
      "rewrite_regex",
      {
          field(&RewriteRegex::pattern, "pattern", text(kAnyText),
                "A regular expression (RE2); the first thing that it finds in the path is replaced.")
              .required()
              .example("\"^/u/([0-9]+)\""),
          field(&RewriteRegex::replace, "replace", text(kAnyText),
                "What comes in its place; {1} is what the first parentheses took, {0} all that was found.")
              .example("\"/users/{1}\""),
      });
  return type;
}

const ObjectType& rewrite_type() {
  static const ObjectType type = object<Rewrite>(
      "rewrite",
      {
          field(&Rewrite::path, "path", text(kAnyText), "The new path, in which variables may stand.")
              .example("\"/index.html\""),
          field(&Rewrite::path_prefix, "path_prefix", text(kUrlPath),
                "What comes in place of the path_prefix that the route matches.")
              .example("/"),
          field(&Rewrite::strip_prefix, "strip_prefix", text(kUrlPath),
                "What is taken off the path's beginning, in whole segments, where it is there.")
              .example("/v1"),
          field(&Rewrite::regex, "regex", object_of(rewrite_regex_type()), "A part of the path is replaced.")
              .example("{pattern: \"^/u/([0-9]+)\", replace: \"/users/{1}\"}"),
          field(&Rewrite::host, "host", text(kHost),
                "The Host that the server gets; X-Forwarded-Host names the client's.")
              .example("internal.example.com"),
      });
  return type;
}

const ObjectType& split_pool_type() {
  static const ObjectType type = object<SplitPool>(
      "split_pool", {
                        field(&SplitPool::pool, "pool", text(kName), "The pool that gets this share.")
                            .required()
                            .example("api-v2"),
                        field(&SplitPool::weight, "weight", integer(0, 1'000'000),
                              "Its share of the requests, relative to the others; 0 gets none."),
                    });
  return type;
}

const ObjectType& fault_type() {
  static const ObjectType type = object<Fault>(
      "fault",
      {
          field(&Fault::match, "match", object_of(match_type()),
                "Only requests that this matches too are troubled; without it all.")
              .example("{header: {X-Chaos: }}"),
          field(&Fault::delay, "delay", duration(0ms, 10min), "How long requests are held back."),
          field(&Fault::delay_share, "delay_share", percent(1, 100), "How many of them are."),
          field(&Fault::abort, "abort", integer(200, 599, "none"),
                "The status that is answered in place of what the route would do."),
          field(&Fault::abort_share, "abort_share", percent(1, 100), "How many requests get that answer."),
      });
  return type;
}

const ObjectType& route_timeouts_type() {
  static const ObjectType type = object<RouteTimeouts>(
      "route_timeouts",
      {
          field(&RouteTimeouts::first_byte, "first_byte", duration(1ms, kLongest),
                "Time from the request sent to the first byte of the response."),
          field(&RouteTimeouts::idle, "idle", duration(1ms, kLongest), "Longest pause within a body."),
          field(&RouteTimeouts::tunnel_idle, "tunnel_idle", duration(1ms, 720h),
                "Time for which an upgraded connection (WebSocket) may be silent in both directions."),
          field(&RouteTimeouts::total, "total", duration(1ms, kLongest, "none"),
                "Time for a request in all: every attempt and the whole response."),
      });
  return type;
}

}  // namespace

const ObjectType& route_type() {
  static const ObjectType type = object<Route>(
      "route",
      {
          field(&Route::name, "name", text(kName),
                "Name in logs and metrics; without it the listener's name and the route's position."),
          field(&Route::match, "match", object_of(match_type()),
                "Conditions that must all hold; without them the route takes every request."),
          field(&Route::pool, "pool", text(kName), "The pool that serves matching requests."),
          field(&Route::split, "split", list_of(object_of(split_pool_type())),
                "Several pools that share the requests by weight, in place of one: for canaries and "
                "blue-green.")
              .only(kHttp)
              .example("[{pool: api-v1, weight: 95}, {pool: api-v2, weight: 5}]"),
          field(
              &Route::split_key, "split_key", text(kAnyText),
              "What requests have in common that always go to the same pool of the split; without it chance "
              "decides each time.")
              .only(kHttp)
              .example("\"{cookie.user}\""),
          field(&Route::fallback, "fallback", text(kName),
                "The pool that requests go to that could not reach any server of the others.")
              .only(kHttp),
          field(&Route::rewrite, "rewrite", object_of(rewrite_type()),
                "What the server is asked for instead.")
              .only(kHttp)
              .example("{strip_prefix: /v1}"),
          field(&Route::headers, "headers", object_of(route_headers_type()),
                "Header fields that are changed on the way.")
              .only(kHttp)
              .example("{request: {set: {X-Env: prod}}, response: {remove: [Server]}}"),
          field(&Route::timeouts, "timeouts", object_of(route_timeouts_type()),
                "Timeouts towards servers, in place of the pool's.")
              .only(kHttp),
          field(&Route::retry, "retry", object_of(retry_type()),
                "What happens when a server fails, in place of what the pool says.")
              .only(kHttp)
              .example("{attempts: 2, on: [connect-failure, \"503\"], budget: 20%}"),
          field(&Route::mirror, "mirror", object_of(mirror_type()),
                "Copies of requests for another pool, whose answers are read away; clients get neither "
                "another answer nor a later one. Bodies are copied up to 64KiB; a copy is sent once and "
                "says nothing of a server's health.")
              .only(kHttp)
              .example("{pool: api-next, share: 10%}"),
          field(&Route::fault, "fault", object_of(fault_type()),
                "Trouble that is made on purpose: delays and errors, to see what clients make of them.")
              .only(kHttp)
              .example("{delay: 200ms, delay_share: 5%, abort: 503, abort_share: 1%}"),
          field(&Route::redirect, "redirect", object_of(redirect_type()),
                "Answers with a redirect instead of using a pool.")
              .only(kHttp)
              .example("{scheme: https}"),
          field(&Route::respond, "respond", object_of(respond_type()),
                "Answers with a fixed response instead of using a pool.")
              .only(kHttp)
              .example("{status: 200, body: \"pong\\n\"}"),
          field(&Route::body_size, "body_size", size(Bytes{1}, kMaxBody, "unlimited"),
                "Largest request body on this route; without it the listener's limit.")
              .only(kHttp),
      });
  return type;
}

}  // namespace lintel::config
