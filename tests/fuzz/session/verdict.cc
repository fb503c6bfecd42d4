#include "session/verdict.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "session/fail.h"

namespace lintel::fuzz {
namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

bool starts(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

/// What one client sent, as it is to be understood, and what became of it.
struct Story {
  const Client* client = nullptr;
  std::vector<Message> requests;
  std::size_t last = 0;         ///< The request that reached a server last.
  std::size_t seen = 0;         ///< How many did, the same again included.
  std::size_t highest = 0;      ///< One past the highest that did.
  std::size_t stop = kNever;    ///< No request after this one may reach a server.
  std::size_t answered = 0;     ///< Final responses.
  std::size_t tunnel = kNever;  ///< The request that was answered with 101.
};

class Judge {
 public:
  explicit Judge(const World& world) : world_(world) {
    for (const Client& client : world.clients) {
      Story& story = stories_.emplace_back();
      story.client = &client;
      story.requests = read_requests(client.sent);
    }
  }
  void run() {
    for (const Server& server : world_.servers) {
      for (const auto& served : server.served) place(*served);
    }
    for (Story& story : stories_) check_client(story);
    for (Story& story : stories_) check_end(story);
  }

 private:
  struct Placed {
    const Served* served;
    Story* story;
    std::size_t index;
  };

  void place(const Served& served);
  void check_request(const Served& served, const Story& story, std::size_t index) const;
  void check_repeated(const Served& served, std::size_t index, const Story& story) const;
  void check_client(Story& story);
  bool check_response(Story& story, std::size_t index, MessageReader& reader);
  void check_local(Story& story, std::size_t index, const Message& response) const;
  void check_answer(const Story& story, std::size_t index, const Message& response) const;
  void check_tunnel(Story& story, std::size_t index, std::string_view raw) const;
  void check_end(const Story& story) const;
  [[nodiscard]] const Served& find_answer(const Story& story, std::size_t index,
                                          const std::string& marker) const;
  [[nodiscard]] bool is_shaken(std::size_t connection, std::size_t place) const;

  const World& world_;
  std::vector<Story> stories_;
  std::vector<Placed> placed_;
};

// --- Requests

/// Fields that the proxy writes itself.
bool is_proxys(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "host", "via",        "forwarded", "x-request-id",      "content-length", "expect",
      "te",   "connection", "upgrade",   "transfer-encoding", "x-real-ip"};
  return starts(name, "x-forwarded-") ||
         std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS" || method == "TRACE";
}

/// A target without the scheme and authority that it may have.
std::string_view from_path(std::string_view target) {
  static constexpr std::string_view kScheme = "http://";
  if (!starts(target, kScheme)) return target;
  const std::size_t path = target.find('/', kScheme.size());
  return path == std::string_view::npos ? "/" : target.substr(path);
}

/// A target that has only one form.
bool is_plain(std::string_view path) {
  return path.front() == '/' && path.find_first_of("%.") == std::string_view::npos;
}

/// A client's field that no server may miss.
bool must_arrive(const Field& field, const Message& sent) {
  static constexpr std::string_view kOfConnection[] = {"keep-alive", "proxy-connection", "http2-settings"};
  return !is_proxys(field.name) && !sent.lists("connection", field.name) &&
         field.name.find('_') == std::string::npos &&
         std::find(std::begin(kOfConnection), std::end(kOfConnection), field.name) == std::end(kOfConnection);
}

bool has(const std::vector<Field>& fields, const Field& field) {
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

/// Whether a client's request is the one that a server got; a part of it, if the server's is.
bool is_same(const Message& sent, const Message& got) {
  if (!sent.head_complete || sent.method != got.method ||
      sent.body.compare(0, got.body.size(), got.body) != 0)
    return false;
  const std::string_view path = from_path(sent.target);
  if (is_plain(path) && path != got.target) return false;
  return std::all_of(got.fields.begin(), got.fields.end(),
                     [&](const Field& field) { return is_proxys(field.name) || has(sent.fields, field); }) &&
         std::all_of(sent.fields.begin(), sent.fields.end(),
                     [&](const Field& field) { return !must_arrive(field, sent) || has(got.fields, field); });
}

void Judge::place(const Served& served) {
  const Message& got = served.request.message();
  if (!got.head_complete) return;  // Cut off; what there is of it was checked when it came.
  const std::string* forwarded_for = got.only("x-forwarded-for");
  if (forwarded_for == nullptr) fail("a forwarded request without X-Forwarded-For");
  const std::string address = forwarded_for->substr(forwarded_for->rfind(' ') + 1);
  const auto story = std::find_if(stories_.begin(), stories_.end(),
                                  [&](const Story& one) { return one.client->address == address; });
  if (story == stories_.end()) fail("a forwarded request from nobody: " + address);
  for (std::size_t i = 0; i < story->requests.size(); ++i) {
    if (!is_same(story->requests[i], got)) continue;
    check_request(served, *story, i);
    check_repeated(served, i, *story);
    placed_.push_back({&served, &*story, i});
    story->highest = std::max(story->highest, i + 1);
    return;
  }
  fail("a server got a request that its client did not send: " +
       world_.servers[served.connection].wire->received + "\nclient: " + story->client->sent);
}

void Judge::check_request(const Served& served, const Story& story, std::size_t index) const {
  const Message& got = served.request.message();
  const Message& sent = story.requests[index];
  if (got.minor != 1 || got.count("host") != 1) fail("a forwarded head in the wrong form");
  if (got.method == "CONNECT" || got.method == "TRACE") fail("a method that is never forwarded");
  if (got.target != "*" && (got.target.front() != '/' || starts(got.target, "/local")))
    fail("a target that is never forwarded: " + got.target);
  const std::string* host = sent.only("host");
  // Before HTTP/1.1 a request need not name one (RFC 9112, 3.2).
  if (host == nullptr && (sent.minor != 0 || sent.count("host") != 0)) fail("a request without one Host");
  if (host != nullptr && *host == "a.test" && *got.only("host") != *host) fail("a changed host");
  if (got.count("transfer-encoding") + got.count("content-length") > 1) fail("two framings");
  if (got.count("keep-alive") + got.count("proxy-connection") + got.count("http2-settings") != 0)
    fail("a field of this connection only was forwarded");
  if (got.count("x-nominated") != 0) fail("a nominated field was forwarded");
  if (got.complete && !sent.complete) fail("a server got the end of a request that has none");
  if (got.complete && got.body != sent.body) fail("a server got another content than the client sent");
  for (const Field& trailer : got.trailers) {
    if (!has(sent.trailers, trailer) || is_proxys(trailer.name)) fail("a trailer that may not be forwarded");
  }
}

/// A request may reach servers twice only where that cannot hurt: it may be repeated, and the first time was
/// on an old connection that its server ended without a word, and the second on a new one (RFC 9110, 9.2.2;
/// RFC 9112, 9.3.1); or that is asked for, and the first time was not answered.
void Judge::check_repeated(const Served& served, std::size_t index, const Story& story) const {
  for (const Placed& other : placed_) {
    if (other.story != &story || other.index != index) continue;
    // A server may look late at what it got: which of the two went out first its order does not tell.
    const auto was_dead = [&](const Served& one) {
      return one.place != 0 && (!one.begun || one.next_piece == 0) && world_.servers[one.connection].gone;
    };
    const bool in_order = other.served->order < served.order;
    const bool other_first = was_dead(*other.served) == was_dead(served) ? in_order : was_dead(*other.served);
    const Served& first = other_first ? *other.served : served;
    const Served& second = other_first ? served : *other.served;
    if (!is_idempotent(first.request.message().method)) fail("a request that may not be repeated was");
    if (world_.asks_again) {
      const bool answered = first.told && first.answer.valid && first.answer.benign;
      if (answered && !world_.servers[first.connection].disturbed)
        fail("a request was repeated though answered");
      continue;
    }
    if (second.place != 0) fail("a request was repeated on another old connection");
    if (!was_dead(first))
      fail("a request was repeated that an old connection's server did not leave unanswered");
  }
}

// --- Responses

/// The proxy's own answer to what it does not take for a request, or to one that does not come.
bool is_refusal(const Message& response) {
  static constexpr int kStatus[] = {400, 408, 414, 417, 431, 505};
  return response.count("x-answer") == 0 &&
         std::find(std::begin(kStatus), std::end(kStatus), response.status) != std::end(kStatus);
}

void Judge::check_client(Story& story) {
  const std::string_view received = story.client->wire->received;
  const bool clean = story.client->wire->ended;
  std::size_t at = 0;
  for (std::size_t index = 0; at < received.size();) {
    if (index == story.requests.size()) fail("an answer to nothing: " + std::string(received.substr(at)));
    const Message& request = story.requests[index];
    MessageReader reader = MessageReader::response(request.method);
    at += reader.feed(received.substr(at));
    if (clean) reader.end_of_stream();
    const Message& response = reader.message();
    if (response.invalid) fail("a client got what is no response: " + std::string(received));
    if (!response.head_complete) break;
    if (response.status / 100 == 1 && response.status != 101) {
      if (request.minor == 0) fail("an interim response to an HTTP/1.0 client");
      continue;
    }
    if (response.status == 101) return check_tunnel(story, index, received.substr(at));
    const bool over = !check_response(story, index, reader);
    ++index;
    if (!over) continue;
    // What is refused before its head was complete is answered with content, also where it is HEAD.
    if (at != received.size() && !(request.method == "HEAD" && is_refusal(response)))
      fail("bytes after the last answer: " + std::string(received));
    break;
  }
}

/// Whether another response may follow.
bool Judge::check_response(Story& story, std::size_t index, MessageReader& reader) {
  const Message& response = reader.message();
  if (response.count("x-answer") == 0) {
    check_local(story, index, response);
  } else {
    check_answer(story, index, response);
  }
  if (response.complete) ++story.answered;
  const bool goes_on = response.complete && response.persists() && response.minor == 1;
  if (!goes_on || !story.requests[index].persists()) story.stop = std::min(story.stop, index);
  return goes_on;
}

void Judge::check_local(Story& story, std::size_t index, const Message& response) const {
  const Message& request = story.requests[index];
  if (response.status < 400 && (response.status != 200 || request.target.find("local") == std::string::npos))
    fail("a local answer that means success");
  if (response.complete && response.status == 200 && request.method != "HEAD" && response.body != "local")
    fail("a local answer with a foreign content");
  if (is_refusal(response)) {
    story.stop = std::min(story.stop, index);
    if (response.persists()) fail("a refused connection that is said to live on");
  }
}

/// Whether somebody's unasked bytes may have shifted what belongs to what on that connection.
bool Judge::is_shaken(std::size_t connection, std::size_t place) const {
  return std::any_of(world_.poisons.begin(), world_.poisons.end(), [&](const auto& entry) {
    const Poison& poison = entry.second;
    return poison.connection == connection && poison.place < place && !poison.strict;
  });
}

/// The answer of that marker, which must have been to that request.
const Served& Judge::find_answer(const Story& story, std::size_t index, const std::string& marker) const {
  for (const Placed& placed : placed_) {
    if (placed.story == &story && placed.index == index && placed.served->answer.marker == marker)
      return *placed.served;
  }
  fail("a client got an answer to another request: " + marker);
}

void Judge::check_answer(const Story& story, std::size_t index, const Message& response) const {
  const std::string* marker = response.only("x-answer");
  if (marker == nullptr) fail("two answers in one");
  for (const Placed& placed : placed_) {
    const bool shaken = placed.story == &story && placed.index == index &&
                        is_shaken(placed.served->connection, placed.served->place);
    if (!shaken) continue;
    const std::string connection = std::to_string(placed.served->connection) + "-";
    if (starts(*marker, connection)) return;  // Nobody can tell better.
  }
  const auto poison = world_.poisons.find(*marker);
  if (poison != world_.poisons.end()) fail("a client got what nobody asked for: " + *marker);
  const Served& served = find_answer(story, index, *marker);
  const Answer& answer = served.answer;
  if (!answer.valid) fail("a head that may not be passed on");
  if (response.count("x-hop") != 0) fail("a nominated field was passed on");
  if (answer.body.compare(0, response.body.size(), response.body) != 0) fail("content of something else");
  for (const Field& trailer : response.trailers) {
    if (trailer.name == "content-length" || trailer.value != *marker)
      fail("a trailer that may not be passed on");
  }
  if (!response.complete) return;
  const bool until_close =
      answer.after == After::close && answer.pieces.front().find("\r\nContent-Length") == std::string::npos;
  if (until_close && world_.servers[served.connection].disturbed) return;  // Any end is as good as another.
  if (!answer.whole) fail("a broken answer that looks whole");
  if (response.body != answer.body) fail("a part of an answer that looks like all of it");
}

void Judge::check_tunnel(Story& story, std::size_t index, std::string_view raw) const {
  story.tunnel = index;
  story.stop = std::min(story.stop, index);
  const Message& request = story.requests[index];
  if (!request.complete || request.count("upgrade") != 1 || !request.lists("connection", "upgrade"))
    fail("a change of protocol that nobody asked for");
  for (const Placed& placed : placed_) {
    if (placed.story != &story || placed.index != index || !placed.served->answer.tunnel) continue;
    const Answer& answer = placed.served->answer;
    if (answer.body.compare(0, raw.size(), raw) != 0) fail("a tunnel's client got foreign bytes");
    const std::string_view sent = std::string_view(story.client->sent).substr(request.end);
    if (sent.substr(0, placed.served->raw.size()) != placed.served->raw)
      fail("a tunnel's server got foreign bytes");
    return;
  }
  fail("a tunnel without a server");
}

// --- The end

void Judge::check_end(const Story& story) const {
  if (story.stop != kNever && story.highest > story.stop + 1)
    fail("a request was forwarded after the connection's last");
  if (!world_.calm) return;
  for (std::size_t i = 0; i < story.requests.size() && i <= story.stop; ++i) {
    if (!story.requests[i].complete) fail("a well-formed request that is not understood here");
    if (i >= story.answered) fail("a request without an answer");
  }
}

}  // namespace

void judge(const World& world) {
  Judge(world).run();
}

void fail(std::string_view what) {
  std::fprintf(stderr, "session: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace lintel::fuzz
