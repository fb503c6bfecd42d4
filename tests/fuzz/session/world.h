#pragma once

// A whole session in memory: clients, the proxy as it is (sessions, forwarding, pools), servers. Clients and
// servers do what a script says; what they sent and got is kept, to be judged at the end (verdict.h).

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "http/message_reader.h"
#include "proxy/mini_worker.h"
#include "session/answers.h"
#include "session/requests.h"

namespace lintel::fuzz {

using http::test::Field;
using http::test::Message;
using http::test::MessageReader;
using http::test::read_requests;

/// One step of a script, and also its first, which sets the scene. Of fixed size, so that changing one step
/// does not change the meaning of the others.
struct Step {
  std::uint8_t op = 0;
  std::uint8_t who = 0;
  std::uint8_t a = 0;
  std::uint8_t b = 0;
  std::uint8_t c = 0;
  std::uint8_t d = 0;
  std::uint8_t e = 0;
  std::uint8_t f = 0;
};
static_assert(sizeof(Step) == 8);

/// One request as a server got it, and what it said to that.
struct Served {
  MessageReader request = MessageReader::request();
  Answer answer;
  std::size_t connection = 0;  ///< Index into World::servers.
  std::size_t place = 0;       ///< On that connection, from 0.
  std::size_t order = 0;       ///< Among all that servers got.
  std::string raw;             ///< What came after the switch to another protocol.
  std::size_t next_piece = 0;
  bool chosen = false;  ///< `answer` is made.
  bool begun = false;   ///< Some of it was sent.
  bool told = false;    ///< All of it is with the proxy's kernel;
  bool ended = false;   ///< and the end of the connection, if that belongs to it.
};

/// Bytes that a server sent although nobody waited for them.
struct Poison {
  std::size_t connection = 0;
  std::size_t place = 0;  ///< Of the request before it.
  bool strict = false;    ///< It was there before a further request was: it must never be believed.
};

struct Server {
  net::Wire* wire = nullptr;
  std::vector<std::unique_ptr<Served>> served;
  std::size_t consumed = 0;  ///< Of wire->received.
  std::size_t sent = 0;      ///< Bytes handed over.
  bool disturbed = false;    ///< Something was done to it that no answer said.
  bool gone = false;         ///< It closed, reset or half-closed, and says no more.
};

struct Client {
  net::Wire* wire = nullptr;
  std::string address;
  std::string sent;
  std::string held;       ///< What is still to be sent of a request that goes out in parts.
  bool quit = false;      ///< It closed or reset.
  bool finished = false;  ///< It half-closed.
};

class World {
 public:
  explicit World(const Step& scene);
  void run(std::span<const Step> steps);
  /// Lets everything end by itself.
  void wind_up();

  proxy::test::MiniWorker worker;
  std::vector<Client> clients;
  std::vector<Server> servers;
  std::map<std::string, Poison> poisons;  ///< By marker.
  bool asks_again = false;  ///< What may be repeated is, after resets, timeouts and broken answers.
  /// Nothing but understandable requests and right answers so far: every request must be answered.
  bool calm = true;

 private:
  static net::MemoryOptions upstream_options(const Step& scene);
  net::MemoryOptions client_options() const;
  void act(const Step& step);
  void send(const Step& step, std::string text);
  void disturb_client(const Step& step);
  void disturb_server(const Step& step);
  void disturb_proxy(const Step& step);
  Client& client(std::uint8_t who);

  /// Lets the loop turn until nothing moves any more, servers answering.
  void quiesce();
  bool serve_all();
  bool serve(Server& server);
  bool take(Server& server);
  void choose(Served& served);
  bool answer(Server& server, Served& served);
  void end_answer(Server& server, Served& served);
  void leave(Server& server, After how);
  bool poison(Server& server, Served& served);

  Step scene_;
  std::map<std::string, Manner> manners_;  ///< By the request's number.
  std::vector<Step> edits_;                ///< For the next tricky request.
  unsigned next_id_ = 100;
  std::size_t taken_ = 0;  ///< Requests that servers began to get.
};

}  // namespace lintel::fuzz
