import re
def sub(p, *pairs):
    s=open(p).read()
    for a,b in pairs:
        assert a in s, (p,a)
        s=s.replace(a,b)
    open(p,'w').write(s)

# ConnectTimes
sub('src/proxy/record.h',
 ('''/// All that the access log''','''/// How long it took to reach a server. Durations; negative: it did not happen.
struct ConnectTimes {
  std::int64_t connect = -1;  ///< Of connecting; also when a connection was reused.
  std::int64_t tls = -1;      ///< Of the handshake.
};

/// All that the access log'''),
 ('''struct Record {
''','''struct Record : ConnectTimes {
'''),
 ('''  std::int64_t connect = -1;        ///< Duration of connecting; negative when a connection was reused.
  std::int64_t tls = -1;            ///< Duration of the handshake with the server.
''',''))
sub('src/proxy/upstream.h',('''                                                const Client& client,''','''                                                const Client* client,'''),
 ('''net::CancelToken& cancel,
                                                Record& record);''','''net::CancelToken& cancel,
                                                ConnectTimes& times);'''))
s=open('src/proxy/upstream.h').read()
i=s.index('/// Opens a connection'); j=s.index('net::Task<Result<net::StreamPtr>> open_upstream')
s=s[:i]+'''/// Opens a connection to the `server`th server of `pool` on behalf of `client` (null: of nobody, where no PROXY
/// header is asked for): connects, sends the PROXY header that the pool asks for, with `id` as its unique id
/// unless the client brought one, and agrees on TLS if the pool asks for that; all within connect_timeout, and
/// until `cancel` ends it. Puts the times into `times` and counts them in the pool's statistics. Suspends.
/// Errors: as Connector::connect and TlsStream::handshake; see open_reason. Nothing was exchanged then.
'''+s[j:]
open('src/proxy/upstream.h','w').write(s)
sub('src/proxy/upstream.cc',('''                                           const Client& client, std::string_view id,
                                           net::CancelToken& cancel, Record& record) {''','''                                           const Client* client, std::string_view id,
                                           net::CancelToken& cancel, ConnectTimes& times) {'''),
 ('record.connect','times.connect'),('record.tls','times.tls'),
 ('''  if (config.proxy_protocol != config::SendProxy::none) {
    const Result<void> written = co_await send_proxy_header(worker, config, client,''','''  if (client && config.proxy_protocol != config::SendProxy::none) {
    const Result<void> written = co_await send_proxy_header(worker, config, *client,'''))
sub('src/proxy/tcp_session.cc',('open_upstream(worker_, pool(), index, client_,','open_upstream(worker_, pool(), index, &client_,'))
# RequestHead copy
sub('src/http/message.h',('''  /// Back to the state of a new object; keeps memory.
  void clear() noexcept;
  /// Appends''','''  /// Back to the state of a new object; keeps memory.
  void clear() noexcept;
  /// Becomes the same as `other`.
  void copy_from(const RequestHead& other);
  /// Appends'''),
 ('''  /// Forgets all lines; keeps memory up to a few KiB.
  void clear() noexcept;
''','''  /// Forgets all lines; keeps memory up to a few KiB.
  void clear() noexcept;
  void copy_from(const Fields& other);
'''))
s=open('src/http/message.cc').read()
i=s.index('void RequestHead::clear()')
s=s[:i]+'''void Fields::copy_from(const Fields& other) {
  bytes_.clear();
  bytes_.append(other.bytes_.view());
  lines_ = other.lines_;
}

void RequestHead::copy_from(const RequestHead& other) {
  version = other.version;
  method = other.method;
  has_body = other.has_body;
  content_length = other.content_length;
  expects_continue = other.expects_continue;
  accepts_trailers = other.accepts_trailers;
  fields.copy_from(other.fields);
  method_text = other.method_text;
  target = other.target;
  authority = other.authority;
  path = other.path;
  query = other.query;
  has_query = other.has_query;
  upgrade = other.upgrade;
}

'''+s[i:]
open('src/http/message.cc','w').write(s)
# attempt
sub('src/proxy/attempt.h',('''  int status = 0;  ///< Of the server's answer, whether the client got it or not; 0: none.
''','''  int status = 0;           ///< Of the server's answer, whether the client got it or not; 0: none.
  std::uint32_t server = 0;  ///< Its index in the pool.
  std::int64_t connect = -1;  ///< As in the record.
  std::int64_t tls = -1;
'''),('''  bool reached = false;      ///< There was a connection.
  /// An idle connection was dead, and a new one to the same server is worth the try.
  bool retry_same = false;
''','''  bool reached = false;      ///< There was a connection.
'''))
s=open('src/proxy/attempt.h').read()
i=s.index('/// Sends the request to the server')
s=s[:i]+'''/// Sends the request to the server at `index` of the pool, over an idle connection or a new one, and its answer
/// to the client if `gate` takes it. An idle connection that was dead is followed by a new one, where that is
/// safe. Counts and records the attempt. Suspends.
net::Task<AttemptResult> attempt(Attempts& at, std::uint32_t index, ActiveAttempt& active, AnswerGate& gate);

/// Counts that an attempt that ended for `reason` is followed by another.
void count_retry(Attempts& at, EndReason reason);

}  // namespace lintel::proxy
'''
s=s.replace('#include "proxy/client_connection.h"\n','#include "proxy/client_connection.h"\n#include "proxy/exchange.h"\n')
open('src/proxy/attempt.h','w').write(s)
s=open('src/proxy/attempt.cc').read()
i=s.index('/// An answer that is to be tried again goes'); j=s.index('/// A new connection to the server, or how')
s=s[:i]+s[j:]
i=s.index('Task<AttemptResult> run_attempt'); 
s=s[:i]+'''/// One attempt, and whether a new connection to the same server is worth the try.
struct OneResult : AttemptResult {
  bool retry_same = false;
};

Task<OneResult> run_attempt(Attempts& at, std::uint32_t index, ActiveAttempt& active, AnswerGate& gate) {
  OneResult result;
  result.server = index;
  if (at.rules->per_try != 0) active.end_at(at.worker.loop, at.worker.loop.now() + at.rules->per_try);
  http::H1ClientPtr connection;
  // A connection that began with a PROXY header speaks for one client.
  const bool shared = at.pool->pool.config().proxy_protocol == config::SendProxy::none;
  if (!at.fresh && shared) connection = at.pool->pool.checkout(index, !at.repeatable);
  if (!connection) {
    connection = co_await open(at, index, active, result);
    result.connect = at.record.connect;
    result.tls = at.record.tls;
  }
  if (!connection) co_return result;
  ServerStats& stats = *at.pool->server_stats[index];
  at.record.server = at.pool->pool.servers()[index].name;  // For the response's fields.
  connection->start(client_settings(at.timeouts));
  active.upstream = connection.get();
  stats.active.add();
  const ExchangeResult exchanged =
      co_await exchange(at.worker, at.route, at.timeouts, ExchangeEnds{at.transaction, at.body, *connection},
                        gate, active, at.record);
  stats.active.sub();
  active.upstream = nullptr;
  at.sent |= !exchanged.nothing_sent;
  result.reason = exchanged.reason;
  result.answered = exchanged.answered;
  result.status = exchanged.status;
  result.reached = true;
  result.retry_same = !active.cut && died_idle(at, exchanged, connection->reused());
  if (result.retry_same) result.reason = EndReason::upstream_idle_closed;
  if (shared) at.pool->pool.checkin(index, std::move(connection));
  co_return result;
}

void note_attempt(Attempts& at, const AttemptResult& result, Nanos begun) {
  const pool::Server& server = at.pool->pool.servers()[result.server];
  ServerStats& stats = *at.pool->server_stats[result.server];
  at.record.server = server.name;
  at.record.upstream_status = result.status;
  at.record.add_attempt({server.name, result.status, result.reason, at.worker.loop.now() - begun});
  stats.requests.add(static_cast<std::uint32_t>(result.status));
  if (is_server_failure(result.reason)) stats.errors.add(static_cast<std::uint32_t>(result.reason));
  if (at.record.first_byte >= 0 && result.answered) at.pool->stats->first_byte.observe(at.record.first_byte);
}

}  // namespace

'''+s[s.index('void Attempts::turn_to'):s.index('Task<AttemptResult> attempt(Attempts& at')]+'''void count_retry(Attempts& at, EndReason reason) {
  at.pool->stats->retries.add(static_cast<std::uint32_t>(reason));
}

Task<AttemptResult> attempt(Attempts& at, std::uint32_t index, ActiveAttempt& active, AnswerGate& gate) {
  for (;;) {
    const Nanos begun = at.worker.loop.now();
    const OneResult result = co_await run_attempt(at, index, active, gate);
    note_attempt(at, result, begun);
    if (!result.retry_same) co_return result;
    count_retry(at, result.reason);
    at.fresh = true;
  }
}

}  // namespace lintel::proxy
'''
s=s.replace('index, at.client, id, active.opening','index, &at.client, id, active.opening')
s=s.replace('#include "proxy/exchange.h"\n#include "proxy/hash_key.h"','#include "proxy/hash_key.h"')
open('src/proxy/attempt.cc','w').write(s)
# exchange: a dropped answer of an attempt that was ended
sub('src/proxy/exchange.cc',('''    ex.result.reason = EndReason::upstream_status;
''','''    ex.result.reason = ex.active.cut ? ex.active.reason : EndReason::upstream_status;
'''))
# forward
s=open('src/proxy/forward.cc').read()
i=s.index('void count_retry'); j=s.index('/// Ends a request, whatever it waits for')
s=s[:i]+s[j:]
i=s.index('Task<AttemptResult> try_servers'); j=s.index('/// Whether the route\'s fallback gets')
s=s[:i]+'''/// An answer that is to be tried again goes no further if it can be.
class Gate final : public AnswerGate {
 public:
  explicit Gate(Attempts& at) noexcept : at_(at) {}
  bool takes(int status) override {
    return !at_.rules->include_status(status) || !plan_next(at_);
  }
  bool takes_interim() noexcept override { return true; }

 private:
  Attempts& at_;
};

Task<AttemptResult> try_servers(Attempts& at) {
  AttemptResult result;
  result.reason = EndReason::pool_no_server;
  for (pool::Lease lease = at.take(); lease; lease = std::move(at.next)) {
    if (hedges(at)) {
      result = co_await race(at, std::move(lease));
    } else {
      ActiveAttempt active(at.active);
      Gate gate(at);
      result = co_await attempt(at, lease.server(), active, gate);
    }
    if (result.answered || at.active.cut) break;
    const RetryCause cause = result.reached ? retry_cause(result.reason) : RetryCause::connect_failure;
    if (!at.next) plan_next(at, cause, result.reached);
    if (at.next) count_retry(at, result.reason);
  }
  at.next.end();
  if (at.active.cut && !result.answered) result.reason = at.active.reason;
  co_return result;
}

'''+s[j:]
i=s.index("/// What an attempt reads of the body is kept"); j=s.index('}  // namespace\n\nTask<void> forward')
s=s[:i]+'''/// What an attempt reads of the body is kept if the next one may need it, or the mirror.
void keep_body(Attempts& at, bool mirrored) noexcept {
  const http::RequestHead& request = at.transaction.request;
  if (!request.has_body || at.body.begin().last) return;
  if ((at.repeatable || mirrored) && request.content_length.value_or(0) <= ReplayBody::kMost) at.body.keep();
}

bool is_mirrored(const Attempts& at) noexcept {
  return at.route.mirror && at.transaction.request.upgrade.size == 0 &&
         falls_in(at.route.config->mirror->share, at.worker.workspace.random);
}

/// Sends a copy once the body is there in full. Returns whether that is still to come.
bool mirror_now(Attempts& at) {
  if (!at.body.is_whole()) return true;
  at.worker.mirrors.send(at.route, at.transaction.request, at.body.begin().bytes);
  return false;
}

/// The request is over; what is there of its body is all that there will be.
void mirror_late(Attempts& at) {
  if (!mirror_now(at)) return;
  at.route.stats->count(at.body.can_begin() ? Mirrored::incomplete : Mirrored::too_large);
}

'''+s[j:]
s=s.replace('''  keep_body(at);
  AttemptResult result''','''  bool mirrors = is_mirrored(at);
  keep_body(at, mirrors);
  if (mirrors) mirrors = mirror_now(at);
  AttemptResult result''')
s=s.replace('''  deadline.stop();
  transaction.watch_client(nullptr, 0);
''','''  deadline.stop();
  if (mirrors) mirror_late(at);
  transaction.watch_client(nullptr, 0);
''')
s=s.replace('#include "proxy/attempt.h"\n','#include "proxy/attempt.h"\n#include "proxy/hedge.h"\n').replace('#include "proxy/retry.h"\n','#include "proxy/retry.h"\n#include "proxy/route_actions.h"\n')
open('src/proxy/forward.cc','w').write(s)
# generation
sub('src/proxy/generation.h',('#include "proxy/access_log.h"\n','#include "proxy/access_log.h"\n#include "proxy/mirror.h"\n'),
 ('''  std::shared_ptr<const Generation> generation;   ///< The one that new transactions begin with.
''','''  std::shared_ptr<const Generation> generation;   ///< The one that new transactions begin with.
  Mirrors mirrors{*this};
'''),
 ('''  std::optional<RetryRules> retry;               ///< In place of the pool's.
''','''  std::optional<RetryRules> retry;               ///< In place of the pool's.
  PoolContext* mirror = nullptr;                 ///< Gets copies of a share of the requests; null: none.
'''))
sub('src/proxy/generation.cc',('''  if (route.fault) added.fault_match''','''  if (route.mirror) added.mirror = find_pool(generation, route.mirror->pool);
  if (route.fault) added.fault_match'''))
sub('src/proxy/stats.h',('#include "proxy/end_reason.h"\n','#include "proxy/end_reason.h"\n#include "proxy/mirror.h"\n'),
 ('''  Gauge in_flight;

''','''  Gauge in_flight;
  std::array<Counter, kMirroredCount> mirrored;

  void count(Mirrored result) noexcept { mirrored[static_cast<std::size_t>(result)].add(); }
'''),
 ('''    std::int64_t in_flight = 0;
  };
  struct Sessions''','''    std::int64_t in_flight = 0;
    std::array<std::uint64_t, kMirroredCount> mirrored{};
  };
  struct Sessions'''),
 ('''  Counter budget_exhausted;  ///< Retries and hedges that there were not, for that.
''','''  Counter budget_exhausted;  ///< Retries and hedges that there were not, for that.
  Counter hedges;
  Counter hedges_won;  ///< Whose answer was the client's.
''') if '  Counter budget_exhausted;  ///< Retries and hedges that there were not, for that.\n' in open('src/proxy/stats.h').read() else ('struct','struct'),
 ('''    std::uint64_t budget_exhausted = 0;
''','''    std::uint64_t budget_exhausted = 0;
    std::uint64_t hedges = 0;
    std::uint64_t hedges_won = 0;
'''))
sub('src/proxy/stats.cc',('''  sum.in_flight += stats.in_flight.value();
''','''  sum.in_flight += stats.in_flight.value();
  for (std::size_t i = 0; i < kMirroredCount; ++i) sum.mirrored[i] += stats.mirrored[i].value();
'''),('''  sum.budget_exhausted += stats.budget_exhausted.value();
''','''  sum.budget_exhausted += stats.budget_exhausted.value();
  sum.hedges += stats.hedges.value();
  sum.hedges_won += stats.hedges_won.value();
'''))
sub('src/app/worker.cc',('''  co_await sessions_.join();
  context_->generation.reset();
''','''  co_await sessions_.join();
  context_->mirrors.cut();  // Nobody waits for their answers.
  co_await context_->mirrors.join();
  context_->generation.reset();
'''))
sub('tests/unit/proxy/mini_worker.h',('''    sessions.cut();
    settle();
''','''    sessions.cut();
    worker.mirrors.cut();
    settle();
'''),('''    expect_none("tasks", scope.count());
''','''    expect_none("tasks", scope.count());
    expect_none("copies", worker.mirrors.count());
'''))
