#include "proxy/route_actions.h"

#include "base/hash.h"

namespace lintel::proxy {

const char* edit_request(http::RequestHead& request, const RouteContext& route, const RequestFacts& facts,
                         Buffer& scratch) {
  if (!route.actions) return nullptr;
  const RouteActions& actions = *route.actions;
  route::RequestView view = facts.view();
  if (!actions.request_edits.empty()) {
    actions.request_edits.apply(request.fields, scratch, [&] {
      view = facts.view();
      return facts.values(view);
    });
  }
  if (actions.rewrite.empty()) return nullptr;
  view = facts.view();
  return actions.rewrite.apply(request, facts.values(view), scratch);
}

void edit_response(http::Fields& fields, const RouteContext& route, const Record& record, Buffer& scratch) {
  if (!route.actions || route.actions->response_edits.empty() || !record.facts) return;
  const route::RequestView view = record.facts->view();
  route::Values values = record.facts->values(view);
  values.pool = record.pool;
  values.server = record.server;
  values.status = record.status;
  route.actions->response_edits.apply(fields, scratch, [&] { return values; });
}

const config::Fault* fault_for(const RouteContext& route, const RequestFacts& facts) noexcept {
  if (!route.actions) return nullptr;
  const std::optional<route::Conditions>& match = route.actions->fault_match;
  return match && match->hold(facts.view()) ? &*route.config->fault : nullptr;
}

PoolContext& choose_pool(const RouteContext& route, const RequestFacts& facts, Random& random,
                         Buffer& scratch) {
  if (route.split().empty()) return *route.pool;
  const RouteActions& actions = *route.actions;
  std::uint64_t number = 0;
  scratch.clear();
  if (!actions.split_key.empty()) {
    const route::RequestView view = facts.view();
    actions.split_key.append_to(scratch, facts.values(view));
  }
  number = scratch.empty() ? random.next() : hash_bytes(scratch.view());
  // From the whole range of numbers to that of the weights, so that a weight that is changed moves few keys.
  __extension__ using Wide = unsigned __int128;
  const auto at = static_cast<std::uint64_t>(Wide{number} * actions.split.back().up_to >> 64);
  for (const SplitPart& part : actions.split) {
    if (at < part.up_to) return *part.pool;
  }
  return *actions.split.back().pool;
}

}  // namespace lintel::proxy
