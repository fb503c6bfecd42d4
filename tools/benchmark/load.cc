// The load generator of tools/bench: one thread, one epoll, a fixed count of requests over a fixed number of
// connections, each sending its next request when the last answer is complete. Loopback only, bounded by
// --requests and
// --seconds.
//
//   load --port P [--connections N] [--requests R] [--seconds S] [--path /128] [--length BYTES] [--body
//   BYTES]
//        [--routes N] [--fresh] [--rate PER_SECOND] [--tls] [--resume]
//
// It opens the connections (each with one unmeasured request), prints "ready", waits for a line on standard
// input, sends the R requests, prints one line of JSON and keeps the connections until standard input says
// more or closes.
// --fresh opens a connection for each request, asks for its end, and waits until the proxy closed it.
// --rate R sends R requests a second, whether or not earlier ones are answered, while there are free
// connections; a request's time counts from when it was due.
// --tls speaks TLS (load_tls.h). With --fresh each connection makes a full handshake, or, with --resume, one
// that resumes a session; a connection that does the other is an error.
// --routes N asks for /app<i><path> of host h<i>.bench, i below N in a scattered order.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "load_tls.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  int port = 0;
  std::size_t connections = 64;
  std::uint64_t requests = 0;
  double seconds = 60;
  std::string path = "/128";
  std::int64_t length = -1;  // of each answer's body; -1: not checked
  std::size_t body = 0;
  std::size_t routes = 0;
  bool fresh = false;
  double rate = 0;  // 0: the next request when an answer is complete
  bool tls = false;
  bool resume = false;
};

struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;  // where it speaks TLS
  const std::string* request = nullptr;
  std::size_t sent = 0;
  std::string head;             // of the answer, while incomplete
  std::int64_t body_left = -1;  // -1: still in the head
  bool busy = false;
  bool ending = false;  // answer complete; the connection's end is awaited
  std::uint32_t watched = 0;
  Clock::time_point begin;
};

std::string_view field(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      line.remove_prefix(name.size() + 1);
      while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
      return line;
    }
  }
  return {};
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options), epoll_(epoll_create1(0)), tls_(options.resume) {
    std::string body(options.body, 'x');
    for (std::size_t i = 0; i < std::max<std::size_t>(options.routes, 1); ++i) {
      std::size_t route = (i * 619) % std::max<std::size_t>(options.routes, 1);
      std::string host = "bench.example";
      std::string path = options.path;
      if (options.routes > 0) {
        host = "h" + std::to_string(route) + ".bench";
        path = "/app" + std::to_string(route) + path;
      }
      std::string text = options.body > 0 ? "POST " : "GET ";
      text.append(path).append(" HTTP/1.1\r\nHost: ").append(host);
      text.append("\r\nUser-Agent: lintel-bench/1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n");
      if (options.body > 0)
        text.append("Content-Length: ").append(std::to_string(options.body)).append("\r\n");
      if (options.fresh) text.append("Connection: close\r\n");
      requests_.push_back(text.append("\r\n").append(body));
    }
    connections_.resize(options.connections);
    latencies_.reserve(options.requests);
  }

  // Opens every connection and makes one request on each, a few at a time.
  void warm_up() {
    if (options_.fresh && !options_.resume) return;
    target_ = connections_.size();
    warming_up_ = true;
    drive(64);
    warming_up_ = false;
    issued_ = completed_ = 0;
    latencies_.clear();
    reconnects_ = 0;
  }

  void measure() {
    target_ = options_.requests;
    begin_ = Clock::now();
    options_.rate > 0 ? drive_at_rate() : drive(connections_.size());
    end_ = Clock::now();
  }

  [[nodiscard]] bool failed() const { return errors_ > 0; }

  void report() {
    std::sort(latencies_.begin(), latencies_.end());
    auto at = [&](double q) {
      if (latencies_.empty()) return 0.0;
      return latencies_[static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1))] / 1000.0;
    };
    std::printf(
        "{\"completed\": %llu, \"errors\": %llu, \"reconnects\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, "
        "\"p99_us\": %.1f, \"max_us\": %.1f, \"first_error\": \"%s\"}\n",
        static_cast<unsigned long long>(completed_), static_cast<unsigned long long>(errors_),
        static_cast<unsigned long long>(reconnects_), std::chrono::duration<double>(end_ - begin_).count(),
        at(0.5), at(0.99), at(1), first_error_.c_str());
    std::fflush(stdout);
  }

 private:
  // Runs until `target_` requests are complete, with at most `at_once` under way.
  void drive(std::size_t at_once) {
    auto deadline = Clock::now() + std::chrono::duration<double>(options_.seconds);
    std::size_t next = 0;
    for (; next < connections_.size() && next < at_once; ++next) start(next);
    epoll_event events[512];
    while (completed_ < target_ || (options_.fresh && open_ > 0)) {
      int ready = epoll_wait(epoll_, events, 512, 1000);
      if (Clock::now() > deadline || errors_ > 10) return fail("out of time, or too many errors");
      for (int i = 0; i < ready; ++i) {
        std::size_t index = events[i].data.u64;
        bool was_busy = connections_[index].busy;
        on_event(index, events[i].events);
        if (warming_up_ && was_busy && !connections_[index].busy && next < connections_.size()) start(next++);
      }
    }
  }

  // Starts each request when it is due, on a connection that is free or on the first that becomes so.
  void drive_at_rate() {
    const std::chrono::duration<double> gap(1 / options_.rate);
    const auto deadline = begin_ + std::chrono::duration<double>(options_.seconds);
    const auto due = [&](std::uint64_t i) {
      return begin_ + std::chrono::duration_cast<Clock::duration>(gap * static_cast<double>(i));
    };
    std::vector<std::size_t> free;
    for (std::size_t i = connections_.size(); i-- > 0;) free.push_back(i);
    paced_ = true;
    epoll_event events[512];
    while (completed_ < target_) {
      for (; !free.empty() && issued_ < target_ && due(issued_) <= Clock::now(); free.pop_back()) {
        due_ = due(issued_);
        start(free.back());
      }
      const bool waits = free.empty() || issued_ == target_;
      const auto wait = waits ? std::chrono::nanoseconds(1'000'000'000)
                              : std::max<std::chrono::nanoseconds>(due(issued_) - Clock::now(), {});
      const timespec pause{wait.count() / 1'000'000'000, wait.count() % 1'000'000'000};
      const int ready = epoll_pwait2(epoll_, events, 512, &pause, nullptr);
      if (Clock::now() > deadline || errors_ > 10) return fail("out of time, or too many errors");
      for (int i = 0; i < ready; ++i) {
        const std::size_t index = events[i].data.u64;
        const bool was_busy = connections_[index].busy;
        on_event(index, events[i].events);
        if (was_busy && !connections_[index].busy) free.push_back(index);
      }
    }
  }

  // Sends the next request on this connection, opening it first where needed.
  void start(std::size_t index) {
    Connection& c = connections_[index];
    if (issued_ >= target_) return;
    c.request = &requests_[issued_++ % requests_.size()];
    c.sent = 0;
    c.head.clear();
    c.body_left = -1;
    c.busy = true;
    c.begin = paced_ ? due_ : Clock::now();
    if (c.fd < 0) {
      open(index);
    } else {
      push(index);
    }
  }

  void open(std::size_t index) {
    Connection& c = connections_[index];
    c.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c.fd < 0) {
      std::perror("load: socket");
      std::exit(1);
    }
    int on = 1;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (options_.fresh) {  // many source addresses, so that ports in TIME_WAIT do not run out
      setsockopt(c.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + source_++ % 200);
      bind(c.fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    ++open_;
    if (options_.tls) c.ssl = tls_.open(c.fd);
    c.watched = EPOLLOUT;
    watch(index, EPOLLOUT, EPOLL_CTL_ADD);
    if (connect(c.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
      std::perror("load: connect");
      std::exit(1);
    }
  }

  void watch(std::size_t index, std::uint32_t what, int operation) {
    epoll_event event{};
    event.events = what;
    event.data.u64 = index;
    epoll_ctl(epoll_, operation, connections_[index].fd, &event);
  }

  void on_event(std::size_t index, std::uint32_t what) {
    Connection& c = connections_[index];
    if (c.fd < 0) return;
    bool shaking_hands = c.ssl != nullptr && SSL_in_init(c.ssl) != 0;
    if (((what & EPOLLOUT) != 0 || shaking_hands) && (what & (EPOLLERR | EPOLLHUP)) == 0) return push(index);
    while (pull(index) && c.ssl != nullptr && SSL_has_pending(c.ssl) != 0) {  // records that came together
    }
  }

  void wait_for(std::size_t index, std::uint32_t what) {
    if (connections_[index].watched != what) watch(index, what, EPOLL_CTL_MOD);
    connections_[index].watched = what;
  }

  // Sends what is left of the request.
  void push(std::size_t index) {
    Connection& c = connections_[index];
    const char* data = c.request->data() + c.sent;
    std::size_t size = c.request->size() - c.sent;
    ssize_t put =
        c.ssl != nullptr ? TlsClient::send(c.ssl, data, size) : send(c.fd, data, size, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN) return broken(index, "send failed");
    if (put > 0) c.sent += static_cast<std::size_t>(put);
    if (c.sent == c.request->size()) {
      if (c.ssl != nullptr && options_.fresh && !warming_up_ &&
          SSL_session_reused(c.ssl) != (options_.resume ? 1 : 0))
        return broken(index, options_.resume ? "session not resumed" : "session resumed");
      return wait_for(index, EPOLLIN);
    }
    bool for_peer = c.ssl != nullptr && SSL_want_read(c.ssl);
    wait_for(index, for_peer ? EPOLLIN : EPOLLIN | EPOLLOUT);
  }

  // Takes up what has come. False when there is no more.
  bool pull(std::size_t index) {
    Connection& c = connections_[index];
    ssize_t got = c.ssl != nullptr ? TlsClient::recv(c.ssl, scratch_, sizeof scratch_)
                                   : recv(c.fd, scratch_, sizeof scratch_, 0);
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) return on_end(index, got == 0), false;
    std::string_view bytes(scratch_, static_cast<std::size_t>(got));
    if (c.body_left < 0) {
      std::size_t before = c.head.size();
      c.head.append(bytes);
      std::size_t end = c.head.find("\r\n\r\n");
      if (end == std::string::npos) return true;
      bytes.remove_prefix(end + 4 - before);
      c.head.resize(end + 2);
      if (const char* wrong = check_head(c)) return broken(index, wrong), false;
    }
    c.body_left -= static_cast<std::int64_t>(bytes.size());
    if (c.body_left < 0) return broken(index, "more bytes than Content-Length"), false;
    if (c.body_left == 0) finish(index);
    return true;
  }

  void on_end(std::size_t index, bool well) {
    Connection& c = connections_[index];
    if (c.busy)
      return broken(index, well ? "connection closed before the answer was complete" : "connection reset");
    const bool go_on = c.ending && !warming_up_;  // else an idle connection that the proxy closed
    drop(c);
    if (go_on) start(index);
  }

  const char* check_head(Connection& c) const {
    std::string_view head = c.head;
    if (head.size() < 12 || head.substr(9, 3) != "200") return "status is not 200";
    std::string_view length = field(head, "content-length");
    if (length.empty()) return "no Content-Length";
    c.body_left = std::strtoll(length.data(), nullptr, 10);
    if (options_.length >= 0 && c.body_left != options_.length) return "wrong Content-Length";
    return nullptr;
  }

  void finish(std::size_t index) {
    Connection& c = connections_[index];
    auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - c.begin).count();
    latencies_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(took, UINT32_MAX)));
    ++completed_;
    c.busy = false;
    if (options_.fresh) {
      c.ending = true;
      return;
    }
    if (field(c.head, "connection").starts_with("close")) {
      drop(c);
      ++reconnects_;
    }
    if (!warming_up_ && !paced_) start(index);
  }

  void drop(Connection& c) {
    if (c.ssl != nullptr) TlsClient::close(c.ssl);
    c.ssl = nullptr;
    close(c.fd);
    c.fd = -1;
    c.ending = false;
    --open_;
  }

  void broken(std::size_t index, const char* why) {
    Connection& c = connections_[index];
    fail(why);
    drop(c);
    c.busy = false;
    ++completed_;
    if (!paced_) start(index);
  }

  void fail(const char* why) {
    ++errors_;
    if (first_error_.empty()) first_error_ = why;
  }

  Options options_;
  int epoll_;
  TlsClient tls_;
  std::vector<std::string> requests_;
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> latencies_;
  bool warming_up_ = false;
  bool paced_ = false;
  Clock::time_point due_;
  std::uint64_t target_ = 0;
  std::uint64_t issued_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t reconnects_ = 0;
  std::string first_error_;
  std::uint32_t source_ = 0;
  std::size_t open_ = 0;
  Clock::time_point begin_;
  Clock::time_point end_;
  char scratch_[1 << 18];
};

Options parse(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--fresh" || name == "--tls" || name == "--resume") {
      given[name] = "1";
    } else if (i + 1 < argc) {
      given[name] = argv[++i];
    }
  }
  auto number = [&](const char* name, double otherwise) {
    return given.contains(name) ? std::atof(given[name].c_str()) : otherwise;
  };
  Options options;
  options.port = static_cast<int>(number("--port", 0));
  options.connections = static_cast<std::size_t>(number("--connections", 64));
  options.requests = static_cast<std::uint64_t>(number("--requests", 0));
  options.seconds = number("--seconds", 60);
  if (given.contains("--path")) options.path = given["--path"];
  options.length = static_cast<std::int64_t>(number("--length", -1));
  options.body = static_cast<std::size_t>(number("--body", 0));
  options.routes = static_cast<std::size_t>(number("--routes", 0));
  options.fresh = given.contains("--fresh");
  options.rate = number("--rate", 0);
  options.tls = given.contains("--tls");
  options.resume = given.contains("--resume");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  static Load load(parse(argc, argv));
  load.warm_up();
  std::printf("ready\n");
  std::fflush(stdout);
  std::getchar();
  load.measure();
  load.report();
  std::getchar();
  return load.failed() ? 1 : 0;
}
