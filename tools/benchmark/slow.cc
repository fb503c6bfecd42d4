// The slow clients of tools/siege: one thread, one epoll, a fixed number of connections that each hold on to
// a request for as long as they are let, and come back when they are dropped. Loopback only, bounded by
// --clients and by standard input.
//
//   slow --port P [--clients N] [--interval MS] [--ramp MS]
//
// A third of the clients sends a head, a third a body, one byte every interval; a third takes a large
// response at that pace. They first come spread over --ramp, so that they do not all go and come back at the
// same moments. It prints "ready" once nearly all are connected at the same time, goes on until
// standard input has a line, then prints one line of JSON: how many were connected on average from then on;
// connections opened, and of those that were dropped how many and how long the longest lived.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

enum Kind : std::uint8_t { kHead, kBody, kResponse, kKinds };
constexpr std::array<const char*, kKinds> kNames = {"heads", "bodies", "responses"};
constexpr std::array<std::string_view, kKinds> kBegins = {
    "GET /128 HTTP/1.1\r\nHost: slow.example\r\nX-Slow: ",
    "POST /128 HTTP/1.1\r\nHost: slow.example\r\nContent-Length: 100000000\r\n\r\n",
    "GET /16m HTTP/1.1\r\nHost: slow.example\r\n\r\n",
};

struct Options {
  int port = 0;
  std::size_t clients = 1000;
  milliseconds interval{1000};
  milliseconds ramp{0};
};

struct Client {
  int fd = -1;
  bool connected = false;
  Clock::time_point begin;
};

struct Figures {
  std::uint64_t opened = 0;
  std::uint64_t dropped = 0;
  double longest = 0;  // seconds
};

class Slow {
 public:
  explicit Slow(const Options& options)
      : options_(options), epoll_(epoll_create1(0)), clients_(options.clients) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = clients_.size();
    epoll_ctl(epoll_, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  }

  void run() {
    // The clients' turns are spread over the interval; a turn also opens what was dropped.
    // There are many slices, as clients that know nothing of each other do not come in groups.
    const std::size_t slices =
        std::max<std::size_t>(1, static_cast<std::size_t>(options_.interval.count() * 5));
    auto next = Clock::now();
    const auto begin = next;
    for (std::size_t slice = 0;; slice = (slice + 1) % slices) {
      const double come =
          options_.ramp.count() == 0
              ? 1
              : (Clock::now() - begin) / std::chrono::duration<double, std::milli>(options_.ramp);
      const double all = static_cast<double>(clients_.size());
      const auto here = static_cast<std::size_t>(std::min(come, 1.0) * all);
      for (std::size_t i = slice; i < here; i += slices) take_turn(i);
      next += std::chrono::nanoseconds(options_.interval) / slices;
      if (ready_) {
        connected_sum_ += connected_;
        ++samples_;
      } else if (connected_ >= clients_.size() - clients_.size() / 20) {
        ready_ = true;
        std::printf("ready\n");
        std::fflush(stdout);
      }
      if (!handle_events(next)) return report();
    }
  }

 private:
  [[nodiscard]] static Kind kind_of(std::size_t index) { return static_cast<Kind>(index % kKinds); }

  void take_turn(std::size_t index) {
    Client& client = clients_[index];
    if (client.fd < 0) return open(index);
    if (!client.connected) return;
    char byte = 'x';
    if (kind_of(index) == kResponse) {
      if (recv(client.fd, &byte, 1, 0) == 0) drop(index);
    } else {
      send(client.fd, &byte, 1, MSG_NOSIGNAL);  // An error shows as an event.
    }
  }

  void open(std::size_t index) {
    Client& client = clients_[index];
    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client.fd < 0) {
      std::perror("slow: socket");
      std::exit(1);
    }
    const int on = 1;
    setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(client.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    // As over Ethernet: with the loopback's segments of 64 KiB the kernel would keep megabytes for each.
    const int segment = 1448;
    setsockopt(client.fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    if (kind_of(index) == kResponse) {
      const int small = 2048;
      setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    // Many source addresses, so that ports in TIME_WAIT do not run out.
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 256 + static_cast<std::uint32_t>(index % 200));
    bind(client.fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    client.connected = false;
    epoll_event event{};
    event.events = EPOLLOUT | EPOLLRDHUP;
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
    if (connect(client.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS) {
      close(client.fd);  // Out of ports, say: at the next turn again.
      client.fd = -1;
    }
  }

  /// Until `deadline`. False when standard input has spoken.
  bool handle_events(Clock::time_point deadline) {
    std::array<epoll_event, 512> events;
    for (;;) {
      const std::int64_t left = std::max<std::int64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - Clock::now()).count(), 0);
      const timespec wait{left / 1'000'000'000, left % 1'000'000'000};
      const int count = epoll_pwait2(epoll_, events.data(), events.size(), &wait, nullptr);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.u64 == clients_.size()) return false;
        on_event(events[i].data.u64, events[i].events);
      }
      if (left == 0) return true;
    }
  }

  void on_event(std::size_t index, std::uint32_t what) {
    Client& client = clients_[index];
    if (client.fd < 0) return;
    if ((what & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) return drop(index);
    if (client.connected) return;
    client.connected = true;
    ++connected_;
    client.begin = Clock::now();
    ++figures_[kind_of(index)].opened;
    const std::string_view begin = kBegins[kind_of(index)];
    send(client.fd, begin.data(), begin.size(), MSG_NOSIGNAL);
    epoll_event event{};
    event.events = EPOLLRDHUP;
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
  }

  /// Opened again at once; at its next turn where it did not live for a second, so as not to spin.
  void drop(std::size_t index) {
    Client& client = clients_[index];
    double lived = 0;
    if (client.connected) {
      --connected_;
      lived = std::chrono::duration<double>(Clock::now() - client.begin).count();
      Figures& figures = figures_[kind_of(index)];
      ++figures.dropped;
      figures.longest = std::max(figures.longest, lived);
    }
    close(client.fd);
    client.fd = -1;
    client.connected = false;
    if (lived >= 1) open(index);
  }

  void report() const {
    std::printf("{\"held\": %.0f", static_cast<double>(connected_sum_) /
                                       static_cast<double>(std::max<std::uint64_t>(samples_, 1)));
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      const Figures& figures = figures_[kind];
      std::printf(", \"%s\": {\"opened\": %llu, \"dropped\": %llu, \"longest_s\": %.2f}", kNames[kind],
                  static_cast<unsigned long long>(figures.opened),
                  static_cast<unsigned long long>(figures.dropped), figures.longest);
    }
    std::printf("}\n");
    std::fflush(stdout);
  }

  Options options_;
  int epoll_;
  std::vector<Client> clients_;
  std::array<Figures, kKinds> figures_{};
  std::size_t connected_ = 0;
  std::uint64_t connected_sum_ = 0;
  std::uint64_t samples_ = 0;
  bool ready_ = false;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const long value = std::atol(argv[i + 1]);
    if (name == "--port") options.port = static_cast<int>(value);
    if (name == "--clients") options.clients = static_cast<std::size_t>(value);
    if (name == "--interval") options.interval = milliseconds(value);
    if (name == "--ramp") options.ramp = milliseconds(value);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  // The good clients' load generator may share the core, and must not be measured by how long it waits for
  // it.
  const sched_param none{};
  sched_setscheduler(0, SCHED_IDLE, &none);
  static Slow slow(parse(argc, argv));
  slow.run();
}
