#include "proxy/http_session.h"

#include <array>
#include <cassert>
#include <string>

#include "proxy/forward.h"
#include "proxy/forwarded.h"
#include "proxy/local_reply.h"
#include "proxy/redirect.h"

namespace lintel::proxy {

using net::Task;

/// One client connection: hands its requests to the routes of the generation in force.
class HttpSession final : private http::Handler {
 public:
  HttpSession(WorkerContext& worker, Sessions& sessions, std::string_view listener, net::StreamPtr client)
      : worker_(worker),
        sessions_(sessions),
        listener_name_(listener),
        client_(std::move(client)),
        connection_(*client_, worker.workspace, *this) {
    next_ = sessions_.first_;
    if (next_) next_->prev_ = this;
    sessions_.first_ = this;
    ++sessions_.count_;
  }
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;
  ~HttpSession() {
    (prev_ ? prev_->next_ : sessions_.first_) = next_;
    if (next_) next_->prev_ = prev_;
    --sessions_.count_;
  }

  [[nodiscard]] Task<void> run() { return connection_.run(); }
  [[nodiscard]] HttpSession* next() const noexcept { return next_; }

  void forget_generation() noexcept {
    // A session of a listener that is gone keeps what it has: it has nothing else to end its last request
    // with.
    if (!connection_.idle() || !worker_.generation->listener(listener_name_)) return;
    listener_ = nullptr;
    generation_.reset();
  }
  void drain() noexcept { connection_.drain(); }
  void cut() noexcept {
    active_.cut = true;
    if (active_.upstream) {
      active_.upstream->cancel_read();
      active_.upstream->cancel_write();
    }
    connection_.cut();
  }

 private:
  [[nodiscard]] const http::ServerSettings& settings() override;
  Task<void> serve(http::ServerTransaction& transaction) override;
  Task<void> reject(http::ServerTransaction& transaction, http::Rejection rejection) override;

  Task<void> answer(http::ServerTransaction& transaction, const RouteContext& route, Record& record);
  void finish(http::ServerTransaction& transaction, const RouteContext& route, Record& record,
              const Peer& peer, std::string_view client);

  WorkerContext& worker_;
  Sessions& sessions_;
  std::string_view listener_name_;
  net::StreamPtr client_;
  http::H1ServerConnection connection_;
  std::shared_ptr<const Generation> generation_;
  const ListenerContext* listener_ = nullptr;
  ActiveExchange active_;
  HttpSession* prev_ = nullptr;
  HttpSession* next_ = nullptr;
  bool serving_ = false;
};

const http::ServerSettings& HttpSession::settings() {
  // A transaction ends with the generation that it began with.
  if (!serving_ && generation_ != worker_.generation) {
    if (const ListenerContext* listener = worker_.generation->listener(listener_name_)) {
      generation_ = worker_.generation;
      listener_ = listener;
    }
  }
  assert(listener_);
  return listener_->settings;
}

Task<void> HttpSession::serve(http::ServerTransaction& transaction) {
  serving_ = true;
  const RouteContext& route = listener_->route_for(transaction.request);
  const Peer peer(client_->peer());
  std::array<char, kIpText> client_text{};
  const std::string_view client = client_ip(transaction.request, *listener_, peer, client_text);
  Record record;
  route.stats->in_flight.add();
  if (route.pool) set_forwarded(transaction.request, *listener_, peer, worker_.workspace.random);
  co_await answer(transaction, route, record);
  route.stats->in_flight.sub();
  finish(transaction, route, record, peer, client);
  serving_ = false;
}

Task<void> HttpSession::answer(http::ServerTransaction& transaction, const RouteContext& route,
                               Record& record) {
  const http::RequestHead& request = transaction.request;
  LocalReply reply;
  std::string location;
  if (request.method == http::Method::connect || request.method == http::Method::trace) {
    record.end_reason = EndReason::route_method_not_allowed;
    reply.status = 405;
    reply.field_name = "Allow";
    reply.field_value = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";
  } else if (route.body_limit != 0 && request.content_length.value_or(0) > route.body_limit) {
    record.end_reason = EndReason::client_too_large_body;
    reply.status = 413;
  } else if (route.pool) {
    if (route.body_limit != 0) transaction.set_body_limit(route.body_limit);
    co_await forward(worker_, route, transaction, active_, record);
    co_return;
  } else if (route.config && route.config->redirect) {
    record.end_reason = EndReason::route_redirect;
    location = redirect_location(*route.config->redirect, request);
    reply.status = route.config->redirect->status;
    reply.field_name = "Location";
    reply.field_value = location;
  } else if (route.config && route.config->respond) {
    record.end_reason = EndReason::route_respond;
    reply.status = route.config->respond->status;
    reply.body = route.config->respond->body;
    reply.content_type = route.config->respond->content_type;
  } else {
    record.end_reason = EndReason::route_none;
    reply.status = 404;
  }
  co_await send_local(worker_, transaction, reply, record);
}

Task<void> HttpSession::reject(http::ServerTransaction& transaction, http::Rejection rejection) {
  serving_ = true;
  const RouteContext& route = listener_->routes.back();
  const Peer peer(client_->peer());
  Record record;
  if (rejection.code == ErrorCode::timeout) {
    record.end_reason = EndReason::client_timeout_header;
  } else if (rejection.status == 0) {
    record.end_reason =
        rejection.code == ErrorCode::canceled ? EndReason::local_shutdown : EndReason::client_abort_header;
  } else if (rejection.status == 414) {
    record.end_reason = EndReason::client_too_large_target;
  } else if (rejection.code == ErrorCode::too_large) {
    record.end_reason = EndReason::client_too_large_header;
  } else {
    record.end_reason = EndReason::client_bad_request;
  }
  record.detail = rejection.reason;
  if (rejection.status != 0) {
    LocalReply reply;
    reply.status = rejection.status;
    co_await send_local(worker_, transaction, reply, record);
  }
  finish(transaction, route, record, peer, peer.ip());
  serving_ = false;
}

void HttpSession::finish(http::ServerTransaction& transaction, const RouteContext& route, Record& record,
                         const Peer& peer, std::string_view client) {
  const http::RequestHead& request = transaction.request;
  record.started = transaction.started;
  record.head_received = transaction.head_received;
  record.done = worker_.loop.now();
  record.bytes_in += transaction.body_bytes();
  route.stats->count(record.status, request.method, request.version, record.done - record.started,
                     record.bytes_in, record.bytes_out);
  worker_.stats.count_end(record.end_reason);
  if (const std::uint32_t dropped = transaction.dropped_fields(); dropped != 0)
    listener_->stats->fields_dropped.add(dropped);
  if (!worker_.access_log) return;
  record.request_id = request.fields.get(http::FieldId::x_request_id);
  record.client_ip = client;
  record.client_port = peer.address.port();
  record.peer_ip = peer.ip();
  record.listener = listener_name_;
  record.route = route.name;
  record.version = request.version;
  record.method = request.method;
  record.method_text = request.text(request.method_text);
  record.host = request.text(request.authority);
  record.target = request.text(request.target);
  record.path = request.text(request.path);
  record.query = request.text(request.query);
  record.user_agent = request.fields.get(http::FieldId::user_agent);
  record.referer = request.fields.get(http::FieldId::referer);
  worker_.access_log->write(record, worker_.loop.wall());
}

// --- Sessions

Sessions::~Sessions() {
  assert(!first_);
}

void Sessions::forget_generation() noexcept {
  for (HttpSession* session = first_; session; session = session->next()) session->forget_generation();
}

void Sessions::drain() noexcept {
  for (HttpSession* session = first_; session; session = session->next()) session->drain();
}

void Sessions::cut() noexcept {
  for (HttpSession* session = first_; session; session = session->next()) session->cut();
}

Task<void> run_http_session(WorkerContext& worker, Sessions& sessions, std::string_view listener,
                            net::StreamPtr client) {
  HttpSession session(worker, sessions, listener, std::move(client));
  co_await session.run();
}

}  // namespace lintel::proxy
