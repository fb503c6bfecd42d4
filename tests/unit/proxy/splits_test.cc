// However the bytes of both sides are cut into reads, client and server see the same messages.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "http/message_reader.h"
#include "proxy/bench.h"

using namespace lintel;
using namespace lintel::proxy;
using namespace lintel::proxy::test;
using lintel::http::test::Field;
using lintel::http::test::Message;
using lintel::http::test::MessageReader;

namespace {

/// What a client says all at once, and what its server answers to each request.
struct Conversation {
  std::string name;
  std::string requests;
  std::vector<std::string> answers;
};

const std::vector<Conversation>& conversations() {
  static const std::vector<Conversation> all = {
      {"plain",
       kGet + kGet + "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n" + kGet,
       {kOk, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", kOk}},
      {"bodies",
       kPost +
           "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n"
           "4;x=y\r\nwiki\r\nb\r\npedia in\r\nc\r\n0\r\nX-T: 1\r\n\r\n" +
           kGet,
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;e\r\nd\r\n0\r\nX-T: 2\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + kOk, kOk}},
      {"upgrade",
       kGet + "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nclient bytes",
       {kOk,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nserver bytes"}},
      {"a request that breaks the rules",
       kGet +
           "GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
           kGet,
       {kOk}},
      {"an answer that breaks the rules", kGet + kGet, {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", kOk}},
      {"a broken chunk", kGet, {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"}},
  };
  return all;
}

/// Where to cut a text: after each of these sizes in turn; what is left goes as one.
using Cuts = std::vector<std::size_t>;

class Run {
 public:
  Run(const Conversation& talk, const Cuts& requests, const Cuts& answers)
      : talk_(talk), client_(bench_.client()) {
    for (const std::string& piece : cut(talk.requests, requests)) {
      client_.send(piece);
      bench_.settle(4);
      answer(answers);
    }
    bench_.settle();
    answer(answers);
  }
  /// Both sides' messages, and bytes that are none.
  [[nodiscard]] std::string text() {
    std::string all = "client:\n" + describe_responses();
    for (std::size_t i = 0; i < bench_.accepted.size(); ++i)
      all += "server:\n" + describe_requests(bench_.server(i).received);
    return all + bench_.ends();
  }

 private:
  static std::vector<std::string> cut(const std::string& text, const Cuts& cuts) {
    std::vector<std::string> pieces;
    std::size_t at = 0;
    for (const std::size_t size : cuts) {
      pieces.push_back(text.substr(at, size));
      at += pieces.back().size();
    }
    if (at < text.size()) pieces.push_back(text.substr(at));
    return pieces;
  }
  /// Answers what has come in full by now.
  void answer(const Cuts& cuts) {
    for (bool more = true; more;) {
      std::size_t come = 0;
      for (const ServerWire& server : bench_.accepted) {
        for (const Message& request : http::test::read_requests(server.wire->received))
          come += request.complete ? 1 : 0;
      }
      more = answered_ < std::min(come, talk_.answers.size());
      if (!more) return;
      for (const std::string& piece : cut(talk_.answers[answered_], cuts)) {
        bench_.accepted.back().wire->send(piece);
        bench_.settle(4);
      }
      ++answered_;
      bench_.settle();
    }
  }
  static std::string describe(const Message& message) {
    std::string text = message.method + std::to_string(message.status) + " " + message.target + "\n";
    for (const Field& field : message.fields) {
      // The one part of the framing that may differ: an answer in pieces is one of unknown length.
      if (field.name == "transfer-encoding" || field.name == "content-length") continue;
      text += field.name + ": " + field.value + "\n";
    }
    text += message.body + "\n";
    for (const Field& field : message.trailers) text += field.name + ": " + field.value + "\n";
    return text + (message.complete ? "complete" : message.invalid ? "invalid" : "incomplete") + "\n";
  }
  static std::string describe_requests(const std::string& stream) {
    std::string text;
    std::size_t end = 0;
    for (const Message& request : http::test::read_requests(stream)) {
      if (!request.head_complete) break;
      text += describe(request);
      end = request.end;
      if (request.count("upgrade") != 0) break;
    }
    return text + "then: " + stream.substr(end) + "\n";
  }
  [[nodiscard]] std::string describe_responses() const {
    const std::vector<Message> requests = http::test::read_requests(talk_.requests);
    std::string text;
    std::size_t at = 0;
    for (std::size_t i = 0; at < client_.received.size() && i < requests.size();) {
      MessageReader reader = MessageReader::response(requests[i].method);
      at += reader.feed(std::string_view(client_.received).substr(at));
      text += describe(reader.message());
      if (reader.message().status == 101) break;
      if (reader.message().status / 100 != 1) ++i;
    }
    return text + "then: " + client_.received.substr(at) + (client_.over() ? " end\n" : "\n");
  }

  const Conversation& talk_;
  Bench bench_;
  Wire& client_;
  std::size_t answered_ = 0;
};

}  // namespace

TEST_CASE("splits: a session is the same wherever either side's bytes are cut") {
  for (const Conversation& talk : conversations()) {
    CAPTURE(talk.name);
    const std::string want = Run(talk, {}, {}).text();
    CAPTURE(want);
    for (std::size_t at = 1; at < talk.requests.size(); ++at) CHECK(Run(talk, {at}, {}).text() == want);
    std::size_t longest = 0;
    for (const std::string& answer : talk.answers) longest = std::max(longest, answer.size());
    for (std::size_t at = 1; at < longest; ++at) CHECK(Run(talk, {}, {at}).text() == want);
    CHECK(Run(talk, Cuts(talk.requests.size(), 1), Cuts(longest, 1)).text() == want);
  }
}

TEST_CASE("splits: a session is the same in any number of pieces") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const Conversation& talk = conversations()[random.below(conversations().size())];
    CAPTURE(talk.name);
    Cuts requests, answers;
    for (Cuts* cuts : {&requests, &answers}) {
      for (std::uint64_t i = random.below(12); i != 0; --i)
        cuts->push_back(1 + static_cast<std::size_t>(random.below(30)));
    }
    CHECK(Run(talk, requests, answers).text() == Run(talk, {}, {}).text());
  }
}
