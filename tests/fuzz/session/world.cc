#include "session/world.h"

#include <algorithm>
#include <cerrno>
#include <limits>

#include "session/fail.h"

namespace lintel::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostClients = 6;
constexpr std::size_t kMostSteps = 120;
/// More turns than any session needs: a loop that still has work then will always have.
constexpr int kMostTurns = 300'000;

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

net::MemoryPipeOptions pipe(std::uint8_t style) {
  static constexpr std::size_t kCapacity[] = {64 * 1024, 64 * 1024, 4096, 600};
  static constexpr std::size_t kMost[] = {kAll, kAll, 1000, 17};
  net::MemoryPipeOptions options;
  options.capacity = kCapacity[style % 4];
  options.max_read = kMost[style / 4 % 4];
  options.max_write = kMost[style / 16 % 4];
  return options;
}

/// The next request may follow as soon as the last byte of the answer is on its way, which it never is to a
/// proxy that has given up waiting.
void note_told(const Server& server, Served& served) {
  const bool all = served.begun && served.next_piece == served.answer.pieces.size();
  served.told = served.told || (all && !server.wire->sending() && !server.wire->refused);
}

}  // namespace

net::MemoryOptions World::upstream_options(const Step& scene) {
  net::MemoryOptions options;
  options.first_to_second = pipe(scene.b);
  options.second_to_first = pipe(scene.c);
  return options;
}

net::MemoryOptions World::client_options() const {
  net::MemoryOptions options;
  options.first_to_second = pipe(scene_.a);
  options.second_to_first = pipe(static_cast<std::uint8_t>(scene_.a * 5 + 1));
  if (scene_.d % 8 == 7) options.first_to_second.delay = net::kSecond / 2;
  return options;
}

World::World(const Step& scene) : worker(1 + scene.op % 2, upstream_options(scene)), scene_(scene) {
  config::Listener& listener = worker.listener();
  config::Route& local = listener.routes.emplace_back();
  local.name = "local";
  local.match.path_prefix = "/local";
  local.respond.emplace().body = "local";
  static constexpr std::uint64_t kRequests[] = {10'000, 10'000, 3, 1};
  listener.limits.requests_per_connection = kRequests[scene.who % 4];
  if (scene.d % 4 == 3) listener.limits.body_size = config::Bytes{8000};
  std::string why;
  if (scene.d % 16 >= 8) listener.trusted_proxies.push_back(*Cidr::parse("192.0.2.0/24", why));
  config::Pool& pool = worker.pool();
  static constexpr std::uint32_t kIdle[] = {256, 256, 1, 0};
  pool.keepalive.max_idle = kIdle[scene.e % 4];
  pool.retry.attempts = 1 + scene.e / 4 % 3;
  asks_again = scene.e >= 128;
  if (asks_again) {
    // 413: what servers here say before they have the whole request.
    pool.retry.on = {"connect-failure", "dead-connection", "reset", "timeout", "bad-response", "413"};
    pool.retry.budget = 100;
  }
  pool.timeouts.tunnel_idle = 30s;
  calm = scene.d % 4 != 3 && scene.d % 8 != 7;
  worker.publish();
}

void World::run(std::span<const Step> steps) {
  for (const Step& step : steps.first(std::min(steps.size(), kMostSteps))) {
    act(step);
    switch (step.op >> 6) {
      case 0:
        quiesce();
        break;
      case 1:
        break;
      default:
        for (int turn = 1 << (step.op >> 6); turn > 2; --turn) {
          worker.loop.turn(0);
          serve_all();
        }
        break;
    }
  }
}

void World::act(const Step& step) {
  switch (step.op % 64 % 12) {
    case 0:
    case 1:
    case 2: {
      const Shape shape{step.a, step.b, step.c};
      if (asks_upgrade(shape)) calm = false;
      return send(step, plain_request(next_id_, shape));
    }
    case 3:
    case 4: {
      calm = false;
      std::string text = trick_request(next_id_, step.a, step.b % 4 != 0);
      for (const Step& change : edits_) edit(text, change.a, change.b, change.c);
      edits_.clear();
      if (step.b >= 128) edit(text, step.c, step.b, static_cast<std::uint8_t>(step.b * 3));
      return send(step, text);
    }
    case 5:
      if (edits_.size() < 4) edits_.push_back(step);
      return;
    case 6: {
      Client& sender = client(step.who);
      const std::string part = sender.held.substr(0, step.a < 128 ? kAll : step.a - 127U);
      sender.held.erase(0, part.size());
      if (!sender.wire->open() || sender.finished) return;
      sender.sent += part;
      return sender.wire->send(part);
    }
    case 7:
      return disturb_client(step);
    case 8:
      return disturb_server(step);
    case 9:
      if (step.a % 4 != 0) calm = false;
      return worker.clock.advance(step.a % 4 == 0 ? std::chrono::nanoseconds(10ms * step.b)
                                                  : std::chrono::nanoseconds(1s * step.b));
    default:
      return disturb_proxy(step);
  }
}

void World::send(const Step& step, std::string text) {
  manners_[std::to_string(next_id_++)] = {step.d, step.e};
  Client& sender = client(step.who);
  if (!sender.wire->open() || sender.finished) return;
  sender.held += text;
  const std::size_t now = step.f < 128 ? sender.held.size() : std::size_t{step.f - 127U};
  if (now < sender.held.size()) calm = false;
  const std::string part = sender.held.substr(0, now);
  sender.held.erase(0, part.size());
  sender.sent += part;
  sender.wire->send(part);
}

Client& World::client(std::uint8_t who) {
  // A high bit asks for a new connection, where there may be one more.
  const bool fresh = clients.empty() || (who >= 192 && clients.size() < kMostClients);
  if (!fresh) return clients[who % clients.size()];
  Client& added = clients.emplace_back();
  added.address = "192.0.2." + std::to_string(10 + clients.size());
  net::MemoryOptions options = client_options();
  options.first = *SocketAddress::from_ip(added.address, 4321);
  added.wire = &worker.client(options);
  return added;
}

void World::disturb_client(const Step& step) {
  calm = false;
  Client& one = client(step.who);
  if (!one.wire->open()) return;
  switch (step.a % 5) {
    case 0:
      one.quit = true;
      return one.wire->close();
    case 1:
      one.quit = true;
      return one.wire->reset();
    case 2:
      one.finished = true;
      return one.wire->finish();
    case 3:
      return one.wire->hold();
    default:
      one.wire->hold();
      return one.wire->read_on();
  }
}

void World::disturb_server(const Step& step) {
  calm = false;
  serve_all();
  if (servers.empty()) return;
  const std::size_t recent = std::min<std::size_t>(servers.size(), 4);
  Server& one = servers[servers.size() - 1 - step.who % recent];
  if (!one.wire->open()) return;
  one.disturbed = step.a % 6 < 3;
  switch (step.a % 6) {
    case 0:
      return leave(one, After::close);
    case 1:
      return leave(one, After::reset);
    case 2:
      return leave(one, After::finish);
    case 3:
      return one.wire->hold();
    case 4:
      one.wire->hold();
      return one.wire->read_on();
    default: {
      if (one.served.empty()) return;
      Answer& last = one.served.back()->answer;
      // Who was left without an answer would rightly take this for it.
      if (!last.poison.empty() || !last.whole) return;
      last.poison = unasked(last.marker + "p");
      last.late = true;
      return;
    }
  }
}

void World::disturb_proxy(const Step& step) {
  switch (step.a % 8) {
    case 0:
    case 1:
      return worker.publish();
    case 2:
      calm = false;
      return worker.sessions.drain();
    case 3:
      calm = false;
      if (step.b % 4 == 0) worker.sessions.cut();
      return;
    default:
      calm = false;
      return worker.connector.plan_next(step.b % 2 == 0 ? ECONNREFUSED : 0,
                                        static_cast<Nanos>(step.c % 5) * net::kSecond);
  }
}

void World::quiesce() {
  int turns = 0;
  do {
    if (++turns > kMostTurns) fail("the loop does not come to rest");
    worker.loop.turn(0);
  } while (serve_all() || !worker.loop.idle());
}

void World::wind_up() {
  for (Client& one : clients) {
    if (!one.wire->open()) continue;
    one.wire->hold();
    one.wire->read_on();
  }
  quiesce();
  // Left alone, everybody silent, every session ends by itself.
  for (int i = 0; worker.sessions.count() != 0; ++i) {
    if (i == 200) fail("a session does not end");
    worker.clock.advance(300s);
    quiesce();
  }
  const std::string left = worker.end();
  if (!left.empty()) fail("left behind: " + left);
}

// --- Servers

bool World::serve_all() {
  while (servers.size() < worker.accepted.size()) {
    net::Wire* wire = worker.accepted[servers.size()].wire.get();
    servers.emplace_back().wire = wire;
  }
  bool moved = false;
  for (Server& server : servers) moved = serve(server) || moved;
  return moved;
}

bool World::serve(Server& server) {
  if (!server.wire->open()) return false;
  bool moved = take(server);
  if (server.served.empty()) return moved;
  Served& last = *server.served.back();
  if (!last.chosen) return moved;
  moved = answer(server, last) || moved;
  return (server.wire->open() && poison(server, last)) || moved;
}

/// Reads what has come.
bool World::take(Server& server) {
  const std::string_view fresh = std::string_view(server.wire->received).substr(server.consumed);
  if (fresh.empty()) return false;
  Served* last = server.served.empty() ? nullptr : server.served.back().get();
  if (last != nullptr && last->request.over()) {
    note_told(server, *last);
    if (last->answer.tunnel && last->begun) {
      last->raw += fresh;
      server.consumed += fresh.size();
      return true;
    }
    // What came unasked may have been taken for the answer.
    const bool shifted = std::any_of(poisons.begin(), poisons.end(), [last](const auto& entry) {
      return entry.second.connection == last->connection;
    });
    if (!last->told && !shifted) fail("a request before the answer to the one before it");
    if (!last->told) return false;
    last = nullptr;
  }
  if (last == nullptr) {
    server.served.push_back(std::make_unique<Served>());
    last = server.served.back().get();
    last->connection = static_cast<std::size_t>(&server - servers.data());
    last->place = server.served.size() - 1;
    last->order = taken_++;
  }
  server.consumed += last->request.feed(fresh);
  if (last->request.message().invalid) fail("a server got what is no request: " + server.wire->received);
  if (last->request.message().head_complete && !last->chosen) choose(*last);
  return true;
}

void World::choose(Served& served) {
  const Message& request = served.request.message();
  const std::string* id = request.only("x-id");
  const auto manner = id == nullptr ? manners_.end() : manners_.find(*id);
  std::string marker = std::to_string(served.connection);
  marker.append("-").append(std::to_string(served.place));
  const bool upgrade = request.count("upgrade") == 1 && request.lists("connection", "upgrade");
  served.answer =
      make_answer(marker, manner == manners_.end() ? Manner{} : manner->second, {request.method, upgrade});
  served.chosen = true;
  calm = calm && served.answer.benign;
}

/// Sends the next piece of the answer if its time has come. Whether anything was done.
bool World::answer(Server& server, Served& served) {
  const Message& request = served.request.message();
  const Answer& answer = served.answer;
  if (served.ended || server.gone || server.wire->sending()) return false;
  if (!served.begun) {
    const bool ready = request.complete || answer.when == When::head ||
                       (answer.when == When::some_body && request.body.size() >= 100);
    if (!ready) return false;
    served.begun = true;
  }
  if (served.next_piece == answer.pieces.size()) {
    end_answer(server, served);
    return true;
  }
  std::string piece = answer.pieces[served.next_piece++];
  if (served.next_piece == answer.pieces.size() && !answer.poison.empty() && !answer.late) {
    // In one go with the answer only if the pipe takes all at once.
    const bool whole = server.sent + piece.size() + answer.poison.size() <= 600 && (scene_.c / 16 % 4) < 2;
    poisons[answer.marker + "p"] = {served.connection, served.place, whole};
    piece += answer.poison;
    served.answer.poison.clear();
  }
  server.sent += piece.size();
  server.wire->send(piece);
  note_told(server, served);
  return true;
}

void World::end_answer(Server& server, Served& served) {
  note_told(server, served);
  served.ended = true;
  leave(server, served.answer.after);
}

void World::leave(Server& server, After how) {
  server.gone = server.gone || how != After::keep;
  switch (how) {
    case After::keep:
      return;
    case After::close:
      return server.wire->close();
    case After::reset:
      return server.wire->reset();
    case After::finish:
      return server.wire->finish();
  }
}

/// Sends what nobody asked for once nobody can be waiting for it.
bool World::poison(Server& server, Served& served) {
  if (!served.ended || served.answer.poison.empty() || !served.request.over()) return false;
  if (served.answer.after != After::keep || served.answer.tunnel || !server.wire->writable()) return false;
  if (server.wire->readable() || server.consumed != server.wire->received.size()) return false;
  // A proxy that may write only so much in a turn can have chosen the connection without a byte to show for
  // it.
  poisons[served.answer.marker + "p"] = {served.connection, served.place, scene_.b / 16 % 4 < 2};
  server.wire->send(served.answer.poison);
  served.answer.poison.clear();
  return true;
}

}  // namespace lintel::fuzz
