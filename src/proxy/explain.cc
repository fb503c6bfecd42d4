#include "proxy/explain.h"

#include <algorithm>
#include <array>

#include "config/units.h"
#include "http/h1_parser.h"
#include "proxy/decision.h"
#include "proxy/facts.h"
#include "proxy/forwarded.h"
#include "proxy/hash_key.h"
#include "proxy/hedge.h"
#include "proxy/retry.h"
#include "proxy/route_actions.h"
#include "route/describe.h"

namespace lintel::proxy {
namespace {

std::string wire_of(const Question& question) {
  std::string wire = question.method + ' ' + question.target + " HTTP/1.1\r\n";
  const bool has_host = std::any_of(question.fields.begin(), question.fields.end(), [](const auto& field) {
    return http::equals_ignoring_case(field.first, "host");
  });
  if (!has_host && !question.authority.empty()) wire += "Host: " + question.authority + "\r\n";
  for (const auto& [name, value] : question.fields)
    wire.append(name).append(": ").append(value).append("\r\n");
  return wire + "\r\n";
}

std::vector<std::string> lines_of(const http::Fields& fields) {
  std::vector<std::string> lines;
  for (const http::Fields::Line& line : fields.lines()) {
    if (!line.removed)
      lines.push_back(std::string(fields.name(line)) + ": " + std::string(fields.value(line)));
  }
  return lines;
}

/// What is in the one and not in the other.
std::vector<std::string> difference(const std::vector<std::string>& before,
                                    const std::vector<std::string>& after) {
  const auto has = [](const std::vector<std::string>& lines, const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  std::vector<std::string> changed;
  for (const std::string& line : after) {
    if (!has(before, line)) changed.push_back(line);
  }
  for (const std::string& line : before) {
    const std::string name = line.substr(0, line.find(':'));
    const bool gone = std::none_of(after.begin(), after.end(), [&](const std::string& each) {
      return http::equals_ignoring_case(each.substr(0, each.find(':')), name);
    });
    if (gone) changed.push_back('-' + name);
  }
  return changed;
}

/// "5% wait 200ms, 1% get 503".
std::string describe(const config::Fault& fault) {
  std::string text;
  if (fault.delay.count() != 0)
    text = std::to_string(fault.delay_share) + "% wait " + std::to_string(fault.delay.count()) + "ms";
  if (fault.abort != 0) {
    text += (text.empty() ? "" : ", ") + std::to_string(fault.abort_share) + "% get " +
            std::to_string(fault.abort);
  }
  return text;
}

/// "2 attempts, on connect-failure, 503; budget 20%".
std::string describe(const config::Retry& retry, const RetryRules& rules, bool repeatable) {
  if (retry.attempts < 2 && rules.include(RetryCause::dead_connection))
    return "the same server, on dead-connection";
  if (retry.attempts < 2 || retry.on.empty()) return "none";
  std::string text = std::to_string(retry.attempts) + " attempts, on ";
  for (const std::string& condition : retry.on)
    text += (&condition == &retry.on.front() ? "" : ", ") + condition;
  if (retry.per_try_timeout.count() != 0)
    text += "; " + config::format_duration(retry.per_try_timeout) + " each";
  if (rules.use_budget()) text += "; budget " + std::to_string(retry.budget) + '%';
  if (!repeatable) text += "; only if no server can have begun with it";
  return text;
}

/// What the route does when servers fail or are slow, and what it copies.
void explain_retries(const RouteContext& route, const PoolContext& pool, const http::RequestHead& request,
                     bool belongs, Explanation& told) {
  const bool own = route.config && route.config->retry;
  const config::Retry& retry = own ? *route.config->retry : pool.pool.config().retry;
  const RetryRules& rules = route.retry_rules(pool);
  told.retry = describe(retry, rules, is_repeatable(request, rules));
  if (may_hedge(request, rules) && !belongs) {
    told.hedge = "another server after " + config::format_duration(retry.hedge.after);
    if (retry.hedge.most > 1) told.hedge += ", up to " + std::to_string(retry.hedge.most);
  }
  if (route.mirror()) {
    told.mirror =
        route.mirror()->pool.config().name + " (" + std::to_string(route.config->mirror->share) + "%)";
  }
}

void explain_route(const ListenerContext& listener, const RouteContext& route, const route::RequestView& view,
                   Explanation& told) {
  told.route = route.name;
  if (route.config) told.place = route.config->place;
  for (const config::Route& earlier : listener.config.routes) {
    if (&earlier == route.config) break;
    const route::Conditions conditions(earlier.match);
    const route::Condition* failed = conditions.first_failure(view);
    told.passed.push_back({earlier.name, failed ? route::describe_failure(*failed, view) : "it matches"});
  }
}

/// Why a server gets nothing now, in a few words.
std::string why_unused(const pool::Pool& pool, std::uint32_t index) {
  const config::Server& server = pool.config().servers[index];
  if (server.weight == 0) return "weight 0";
  if (server.backup) return "backup";
  if (pool.tiers().group(index) != 0) return "priority " + std::to_string(server.priority);
  return server.zone.empty() ? "no zone" : "zone " + server.zone;
}

void explain_pool(WorkerContext& worker, const RouteContext& route, const PoolContext& pool,
                  const http::RequestHead& request, std::string_view client, Explanation& told) {
  told.pool = pool.pool.config().name;
  std::uint64_t before = 0;
  for (const SplitPart& part : route.split()) {
    told.pools.push_back(part.pool->pool.config().name + " (" + std::to_string(part.up_to - before) + " of " +
                         std::to_string(route.split().back().up_to) + ")");
    before = part.up_to;
  }
  told.pool_is_certain = route.split().size() < 2;
  if (route.fallback()) told.fallback = route.fallback()->pool.config().name;
  pool::PickContext context{.tried = {}, .now = worker.loop.now()};
  auto& servers = const_cast<pool::Pool&>(pool.pool);
  for (std::uint32_t i = 0; i < pool.pool.servers().size(); ++i) {
    const std::string& name = pool.pool.servers()[i].name;
    if (servers.is_used(i, context.now)) {
      told.servers.push_back(name);
    } else {
      told.standby.push_back(name + " (" + why_unused(pool.pool, i) + ')');
    }
  }
  std::optional<std::uint32_t> own;
  if (pool.sticky) {
    own = pool.sticky->server_of(request.fields);
    told.sticky = "cookie " + pool.sticky->name() + (own ? "" : ": the answer sets it");
  }
  if (pool.pool.hashes()) context.hash = hash_key(pool.pool.config().balance.on, request, client);
  explain_retries(route, pool, request, own.has_value(), told);
  const pool::Lease lease = servers.take(context, own);
  if (lease) told.server = pool.pool.servers()[lease.server()].name;
  told.server_is_certain = own || pool.pool.hashes() || told.servers.size() == 1;
}

void explain_answer(const Decision& decision, Explanation& told) {
  told.status = decision.reply.status;
  told.reason = end_reason_token(decision.reason);
  told.detail = decision.detail;
  told.location = decision.location;
}

void explain_forwarding(WorkerContext& worker, const RouteContext& route, http::RequestHead& request,
                        const RequestFacts& facts, Decision& decision, Explanation& told) {
  PoolContext& pool = choose_pool(route, facts, worker.workspace.random, worker.scratch);
  const std::vector<std::string> before = lines_of(request.fields);
  if (const char* wrong = edit_request(request, route, facts, worker.scratch)) {
    decision.refuse(wrong);
    return explain_answer(decision, told);
  }
  told.changed_fields = difference(before, lines_of(request.fields));
  told.forwarded_host = request.text(request.authority);
  told.forwarded_target = request.text(request.path);
  if (request.has_query) told.forwarded_target.append("?").append(request.text(request.query));
  explain_pool(worker, route, pool, request, facts.client_ip, told);
  // With a key chance has no part in it, unless the request has nothing of what the key is made of.
  if (route.split().empty()) return;
  const route::RequestView view = facts.view();
  worker.scratch.clear();
  route.actions->split_key.append_to(worker.scratch, facts.values(view));
  if (!worker.scratch.empty()) told.pool_is_certain = true;
}

}  // namespace

Explanation explain(WorkerContext& worker, const ListenerContext& listener, const Question& question) {
  Explanation told;
  const bool is_tls = listener.tls != nullptr;
  const http::ServerSettings& settings = is_tls ? listener.tls_settings : listener.settings;
  http::RequestHead request;
  http::RequestHeadParser parser;
  parser.start(request, settings.head, settings.rules);
  std::string wire = wire_of(question);
  const http::HeadProgress progress = parser.feed(std::span<const char>(wire.data(), wire.size()));
  if (progress.status != http::HeadStatus::done || progress.consumed != wire.size()) {
    told.status = 400;
    told.reason = end_reason_token(EndReason::client_bad_request);
    told.detail = *progress.reason ? progress.reason : "it is no whole request head";
    return told;
  }
  const std::string host(request.host());
  const Peer peer(SocketAddress::from_ip(question.client_ip, 0).value_or(SocketAddress()));
  std::array<char, kIpText> client_text{};
  const std::string client(client_ip(request, listener, peer, client_text));
  const std::string sni = !is_tls ? "" : question.sni.empty() ? host : question.sni;
  const Arrival arrival{listener, is_tls, false, sni};
  RequestFacts facts(request);
  facts.client_ip = client;
  facts.scheme = arrival.scheme();
  facts.sni = arrival.sni;
  facts.listener = listener.config.name;
  if (question.client_cert_subject) facts.client_cert_subject = *question.client_cert_subject;
  set_forwarded(request, listener, peer, arrival.scheme(), worker.workspace.random);
  const RouteContext& route = listener.route_for(facts.view());
  facts.route = route.name;
  told.path = request.text(request.path);
  explain_route(listener, route, facts.view(), told);
  if (const config::Fault* fault = fault_for(route, facts)) told.fault = describe(*fault);
  Decision decision = decide(route, request, arrival);
  if (decision.forwards) {
    explain_forwarding(worker, route, request, facts, decision, told);
  } else {
    explain_answer(decision, told);
  }
  return told;
}

}  // namespace lintel::proxy
