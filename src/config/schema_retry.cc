// The table of settings: retries and mirrors.

#include "config/schema_parts.h"

namespace lintel::config {
using namespace build;  // the rows read as a table

namespace {

const ObjectType& hedge_type() {
  static const ObjectType type = object<Hedge>(
      "hedge",
      {
          field(
              &Hedge::after, "after", duration(1ms, 1h, "never"),
              "When the attempts under way have been silent for so long another server is asked as well. The "
              "first good answer counts and ends the other attempts, for which no server is blamed; 502, "
              "503, 504 and the statuses of retry.on are no good answers while others may come."),
          field(&Hedge::most, "most", integer(1, kMostHedges), "Attempts that may go on beside the first."),
      },
      "after");
  return type;
}

}  // namespace

const ObjectType& retry_type() {
  static const ObjectType type = object<Retry>(
      "retry",
      {
          field(&Retry::attempts, "attempts", integer(1, kMostAttempts),
                "Servers tried for one request, the first included; TCP sessions try another one where they "
                "cannot connect."),
          field(&Retry::on, "on", list_of(text(kRetryCondition)),
                "What is tried again, on another server: connect-failure; dead-connection: a kept connection "
                "turned out to be closed; reset: a connection ended before the answer; timeout: no answer in "
                "time; bad-response: the answer broke HTTP's rules; statuses of answers such as 503 or 5xx. "
                "Where a server may have begun with the request, only idempotent methods are repeated, and "
                "only if the body is still there, which is kept up to 64KiB.")
              .example("[connect-failure, dead-connection, reset, timeout, \"503\"]"),
          field(&Retry::per_try_timeout, "per_try_timeout", duration(1ms, kLongest, "none"),
                "Time for one attempt, from its beginning to the head of the answer; an attempt that takes "
                "longer has had a timeout."),
          field(&Retry::budget, "budget", percent(0, 100),
                "Retries of requests that a server may have begun with, and hedges: so many of the pool's "
                "requests of the last ten seconds, over all workers. What no server has seen costs nothing: "
                "after connect-failure and dead-connection."),
          field(&Retry::min_budget, "min_budget", integer(0, kMaxCount),
                "So many such retries in ten seconds are allowed in any case."),
          field(&Retry::idempotency_key, "idempotency_key", of_kind(Kind::boolean),
                "Whether requests with an Idempotency-Key field are repeated like idempotent ones."),
          field(&Retry::hedge, "hedge", object_of(hedge_type()),
                "A further attempt beside one that is slow: of requests with an idempotent method and no "
                "body that no cookie gives to one server.")
              .example("{after: 200ms}"),
      });
  return type;
}

const ObjectType& mirror_type() {
  static const ObjectType type = object<Mirror>(
      "mirror",
      {
          field(&Mirror::pool, "pool", text(kName), "The pool that gets the copies.")
              .required()
              .example("api-next"),
          field(&Mirror::share, "share", percent(1, 100), "How many of the requests are copied."),
      },
      "pool");
  return type;
}

}  // namespace lintel::config
