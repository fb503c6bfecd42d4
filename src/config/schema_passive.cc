// The table of settings: what a pool learns of its servers from the traffic itself.

#include "config/schema_parts.h"

namespace lintel::config {
namespace {

using namespace build;  // the rows read as a table

constexpr std::int64_t kMostRequests = 1'000'000;

const ObjectType& breaker_type() {
  static const ObjectType type = object<Breaker>(
      "breaker",
      {
          field(&Breaker::failure_ratio, "failure_ratio", percent(1, 100),
                "The share of failed attempts in a window that opens it. What a failure is: see outlier.")
              .example("50%"),
          field(&Breaker::min_requests, "min_requests", integer(1, kMostRequests),
                "Attempts that a window must have before their failures open it."),
          field(&Breaker::window, "window", duration(100ms, 1h), "How far back attempts count."),
          field(&Breaker::open_for, "open_for", duration(10ms, kLongest),
                "Time for which it stays open; then probes decide."),
          field(&Breaker::probes, "probes", integer(1, 1000),
                "Requests that are let through after that. It closes when so many succeed, and opens again "
                "when "
                "one fails."),
          field(&Breaker::max_in_flight, "max_in_flight", integer(0, kMostRequests, "any"),
                "The most requests and sessions in flight, over all workers; further ones are not let "
                "through."),
      });
  return type;
}

}  // namespace

const ObjectType& outlier_type() {
  static const ObjectType type = object<Outlier>(
      "outlier",
      {
          field(
              &Outlier::enabled, "enabled", of_kind(Kind::boolean),
              "Whether a server is ejected for a while when requests to it fail; \"outlier: false\" is short "
              "for this alone. Failures are: no connection or no TLS; a reset, an end or a timeout before "
              "the "
              "answer; an answer that breaks off or is no HTTP; and the answers 502, 503 and 504, which say "
              "that a server cannot serve. 500 is none: it says that one request met a fault, and clients "
              "could have servers ejected by asking for it. What clients do is never one."),
          field(&Outlier::consecutive_failures, "consecutive_failures", integer(0, 10'000, "never"),
                "Failures in a row, over all workers, that eject it."),
          field(&Outlier::failure_ratio, "failure_ratio", percent(1, 100),
                "The share of failures in a window that ejects it; not looked at by default.")
              .example("30%"),
          field(
              &Outlier::latency, "latency", duration(1ms, 1h),
              "It is ejected when more than half of the answers in a window took longer than this to begin; "
              "not looked at by default.")
              .example("2s"),
          field(&Outlier::min_requests, "min_requests", integer(1, kMostRequests),
                "Attempts that a window must have before failure_ratio and latency are looked at."),
          field(&Outlier::window, "window", duration(100ms, 1h),
                "How far back attempts count for failure_ratio and latency."),
          field(&Outlier::eject_for, "eject_for", duration(10ms, kLongest),
                "Time for which it gets nothing, times how often it was ejected lately: one less for each "
                "such time that it was back."),
          field(&Outlier::max_eject_for, "max_eject_for", duration(10ms, kLongest),
                "The longest time for which it gets nothing."),
          field(
              &Outlier::max_ejected, "max_ejected", percent(0, 100),
              "The most that are ejected at once, of the pool's servers with a weight. The last one that can "
              "be used never is."),
      },
      "enabled");
  return type;
}

const ObjectType& circuit_breaker_type() {
  static const ObjectType type = object<CircuitBreaker>(
      "circuit_breaker", {
                             field(&CircuitBreaker::pool, "pool", object_of(breaker_type()),
                                   "Over all servers together: while it is open, requests are answered with "
                                   "503 and Retry-After, or "
                                   "go to the route's fallback.")
                                 .example("{failure_ratio: 50%, max_in_flight: 1000}"),
                             field(&CircuitBreaker::server, "server", object_of(breaker_type()),
                                   "For each server by itself: while it is open, the server gets nothing.")
                                 .example("{failure_ratio: 50%}"),
                         });
  return type;
}

}  // namespace lintel::config
