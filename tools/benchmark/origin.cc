// The origin of tools/bench: one thread, one epoll, keep-alive, nothing per request that could be left out,
// so that the core it shares with the load generator is not what limits a proxy.
//
//   origin [SEGMENT]  listens on a free port of 127.0.0.1, prints the port, serves until standard input
//                     closes; sends segments of at most so many bytes, few of them at a time
//
// The last segment of the path names the answer: /128, /16k, /1m, /16m are bodies of that size; /echo answers
// with the head of the request. A request body is read whole and summed; its sum is in the answer's
// X-Body-Sum.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

struct Connection {
  std::string in;        // an unfinished head
  std::string_view out;  // what the socket did not take yet: of an answer that all share, or of `own`
  std::string own;
  std::uint64_t body_left = 0;
  std::uint64_t sum = 0;
  std::string head;  // of the request whose body is being read
  bool writing = false;
  bool close_after = false;
};

// Bytes that no run-length trick would shrink and that differ by position, so that a checksum sees a shift.
std::string make_body(std::size_t size) {
  std::string body(size, '\0');
  std::uint32_t state = 1;
  for (char& c : body) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>('!' + (state >> 24) % 90);
  }
  return body;
}

std::string answer_with(std::string_view body, std::string_view more = "") {
  std::string text = "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: application/octet-stream\r\n";
  text.append("Cache-Control: no-store\r\n").append(more);
  text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n");
  return text.append(body);
}

// The value of a header field in a head, without its spaces; empty when there is none.
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

class Origin {
 public:
  Origin() : epoll_(epoll_create1(0)) {
    for (auto [name, size] : {std::pair{"128", 128}, {"16k", 16384}, {"1m", 1 << 20}, {"16m", 16 << 20}}) {
      answers_[name] = answer_with(make_body(static_cast<std::size_t>(size)));
    }
    missing_ = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  }

  int listen_on_loopback(int segment) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (segment > 0) {
      setsockopt(listener_, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
      // Thousands of answers that nobody takes must not fill the kernel's memory for TCP from this end.
      const int buffer = 65536;
      setsockopt(listener_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener_, 4096) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      std::perror("origin: listen");
      std::exit(1);
    }
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    watch(STDIN_FILENO, EPOLLIN, EPOLL_CTL_ADD);
    return ntohs(address.sin_port);
  }

  void run() {
    epoll_event events[512];
    for (;;) {
      int ready = epoll_wait(epoll_, events, 512, -1);
      for (int i = 0; i < ready; ++i) {
        int fd = events[i].data.fd;
        if (fd == STDIN_FILENO) return;
        if (fd == listener_) {
          accept_all();
        } else {
          serve(fd, events[i].events);
        }
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t what, int operation) {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void accept_all() {
    for (;;) {
      int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_[fd] = {};
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void serve(int fd, std::uint32_t what) {
    auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    bool open = (what & EPOLLOUT) == 0 || flush(fd, connection);
    if (open && (what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) open = read_some(fd, connection);
    if (!open) {
      close(fd);
      connections_.erase(found);
    }
  }

  bool read_some(int fd, Connection& connection) {
    ssize_t got = recv(fd, scratch_, sizeof scratch_, 0);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    std::string_view bytes(scratch_, static_cast<std::size_t>(got));
    while (!bytes.empty()) {
      if (connection.body_left > 0) {
        std::size_t part = std::min<std::uint64_t>(bytes.size(), connection.body_left);
        for (unsigned char c : bytes.substr(0, part)) connection.sum += c;
        connection.body_left -= part;
        bytes.remove_prefix(part);
        if (connection.body_left == 0) answer(connection);
        continue;
      }
      connection.in.append(bytes);
      std::size_t end = connection.in.find("\r\n\r\n");
      if (end == std::string::npos) break;
      bytes.remove_prefix(bytes.size() - (connection.in.size() - end - 4));
      connection.head.assign(connection.in, 0, end + 2);
      connection.in.clear();
      connection.sum = 0;
      std::string_view length = field(connection.head, "content-length");
      if (!length.empty()) connection.body_left = std::strtoull(length.data(), nullptr, 10);
      if (connection.body_left == 0) answer(connection);
    }
    return flush(fd, connection);
  }

  void answer(Connection& connection) {
    std::string_view head = connection.head;
    std::size_t begin = head.find(' ') + 1;
    std::string_view path = head.substr(begin, head.find(' ', begin) - begin);
    std::string name(path.substr(path.rfind('/') + 1));
    connection.close_after = field(head, "connection").starts_with("close");
    if (name == "echo") {
      put(connection, answer_with(head));
    } else if (head.starts_with("POST")) {
      put(connection, answer_with("ok", "X-Body-Sum: " + std::to_string(connection.sum) + "\r\n"));
    } else if (auto found = answers_.find(name); found == answers_.end()) {
      put(connection, missing_);
    } else if (connection.out.empty()) {
      connection.out = found->second;
    } else {
      put(connection, found->second);
    }
  }

  static void put(Connection& connection, std::string_view answer) {
    connection.own = std::string(connection.out).append(answer);
    connection.out = connection.own;
  }

  bool flush(int fd, Connection& connection) {
    while (!connection.out.empty()) {
      const ssize_t sent = send(fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) return false;
        if (!connection.writing) watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
        connection.writing = true;
        return true;
      }
      connection.out.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (connection.writing) watch(fd, EPOLLIN, EPOLL_CTL_MOD);
    connection.writing = false;
    return !connection.close_after;
  }

  int epoll_;
  int listener_ = -1;
  std::unordered_map<int, Connection> connections_;
  std::unordered_map<std::string, std::string> answers_;
  std::string missing_;
  char scratch_[65536];
};

}  // namespace

int main(int argc, char** argv) {
  static Origin origin;
  std::printf("%d\n", origin.listen_on_loopback(argc > 1 ? std::atoi(argv[1]) : 0));
  std::fflush(stdout);
  origin.run();
  return 0;
}
