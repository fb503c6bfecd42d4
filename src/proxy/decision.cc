#include "proxy/decision.h"

#include "proxy/forwarded.h"
#include "proxy/redirect.h"

namespace lintel::proxy {
namespace {

/// A client's certificate was asked for as what one name demands; it must not serve to reach another.
bool is_misdirected(const http::RequestHead& request, const Arrival& arrival) noexcept {
  if (!arrival.is_tls || arrival.listener.config.tls->client_auth.mode == config::ClientAuthMode::none)
    return false;
  std::string_view name = arrival.sni;
  if (name.ends_with('.')) name.remove_suffix(1);
  return !name.empty() && !http::equals_ignoring_case(name, request.host());
}

bool sends_to_https(const Arrival& arrival) noexcept {
  return !arrival.is_tls && !arrival.plain_on_tls && arrival.listener.sends_to_https();
}

/// Whether it is to be redirected to TLS on the same port.
bool must_redirect(const Arrival& arrival) noexcept {
  if (!arrival.plain_on_tls) return false;
  return arrival.listener.config.tls->plain_http == config::PlainHttp::redirect ||
         arrival.listener.sends_to_https();
}

std::string https_location(const http::RequestHead& request, const Arrival& arrival) {
  config::Redirect redirect;
  redirect.scheme = "https";
  const std::uint16_t port = arrival.listener.config.https_only->port;
  if (port != 443) redirect.port = port;
  return redirect_location(redirect, "http", request);
}

void redirect(Decision& decision, int status, std::string location) {
  decision.reason = EndReason::route_redirect;
  decision.reply.status = status;
  decision.location = std::move(location);
}

/// What the route itself says.
void follow(const RouteContext& route, const http::RequestHead& request, const Arrival& arrival,
            Decision& decision) {
  if (route.body_limit != 0 && request.content_length.value_or(0) > route.body_limit) {
    decision.reason = EndReason::client_too_large_body;
    decision.reply.status = 413;
  } else if (route.pool) {
    decision.forwards = true;
  } else if (route.config && route.config->redirect) {
    redirect(decision, route.config->redirect->status,
             redirect_location(*route.config->redirect, arrival.scheme(), request));
  } else if (route.config && route.config->respond) {
    decision.reason = EndReason::route_respond;
    decision.reply.status = route.config->respond->status;
    decision.reply.body = route.config->respond->body;
    decision.reply.content_type = route.config->respond->content_type;
  } else {
    decision.reason = EndReason::route_none;
    decision.reply.status = 404;
  }
}

}  // namespace

Decision decide(const RouteContext& route, http::RequestHead& request, const Arrival& arrival) {
  Decision decision;
  const Hops hops = request.method == http::Method::options ? count_hop(request) : Hops::left;
  if (request.method == http::Method::connect || request.method == http::Method::trace) {
    decision.reason = EndReason::route_method_not_allowed;
    decision.reply.status = 405;
    decision.reply.allow();
  } else if (is_misdirected(request, arrival)) {
    decision.reason = EndReason::client_misdirected;
    decision.reply.status = 421;
  } else if (sends_to_https(arrival)) {
    redirect(decision, 308, https_location(request, arrival));
  } else if (hops == Hops::none_left) {
    decision.reason = EndReason::route_respond;
    decision.reply.status = 200;
    decision.reply.allow();
  } else if (hops == Hops::malformed) {
    decision.refuse("Max-Forwards is not a number");
  } else if (must_redirect(arrival)) {
    redirect(decision, 308,
             redirect_location(config::Redirect{}, "https", request));  // The port is the same.
  } else {
    follow(route, request, arrival, decision);
  }
  return decision;
}

}  // namespace lintel::proxy
