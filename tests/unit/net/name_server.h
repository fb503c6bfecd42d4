#pragma once

// A name server on the loopback, on a thread of its own, whose every answer the test decides.

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/address.h"

namespace lintel::net {

enum RecordType : std::uint16_t { kA = 1, kCname = 5, kAaaa = 28, kSrv = 33 };

struct Record {
  std::string owner;  ///< Empty: the name that is asked for.
  std::uint16_t type = kA;
  std::uint32_t ttl = 60;
  std::string data;
};

/// What is said to one question.
struct Says {
  enum class Kind : std::uint8_t { records, nothing, garbage };
  Kind kind = Kind::records;
  int code = 0;  ///< 2: SERVFAIL, 3: NXDOMAIN.
  std::vector<Record> records{};
  int from = 1;  ///< The first so many questions less one are answered with SERVFAIL.
};

inline std::string number(std::uint32_t value, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes) & 0xffU);
  return text;
}

inline std::string wire_name(std::string_view name) {
  std::string text;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find('.'), name.size());
    text += static_cast<char>(end);
    text += name.substr(0, end);
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return text + '\0';
}

/// An A or AAAA record of the name that is asked for.
inline Record address_record(std::string_view ip, std::uint32_t ttl = 60) {
  const SocketAddress address = SocketAddress::from_ip(ip, 0).value();
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.get());
    return {{}, kA, ttl, std::string(reinterpret_cast<const char*>(&v4->sin_addr), 4)};
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.get());
  return {{}, kAaaa, ttl, std::string(reinterpret_cast<const char*>(&v6->sin6_addr), 16)};
}

inline Record cname_record(std::string owner, std::string_view target, std::uint32_t ttl = 60) {
  return {std::move(owner), kCname, ttl, wire_name(target)};
}

inline Record srv_record(std::string_view target, std::uint16_t port, std::uint32_t ttl = 60) {
  return {{}, kSrv, ttl, number(1, 2) + number(2, 2) + number(port, 2) + wire_name(target)};
}

class NameServer {
 public:
  NameServer() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof any;
    static_cast<void>(bind(fd_, reinterpret_cast<const sockaddr*>(&any), length));
    static_cast<void>(getsockname(fd_, reinterpret_cast<sockaddr*>(&any), &length));
    address_ = SocketAddress(reinterpret_cast<const sockaddr*>(&any), length);
    thread_ = std::thread([this] { serve(); });
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  ~NameServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }

  [[nodiscard]] const SocketAddress& address() const { return address_; }
  /// From now on this is said to questions of `type` about `name`; others are answered with NXDOMAIN.
  void say(const std::string& name, std::uint16_t type, Says says) {
    const std::lock_guard lock(mutex_);
    zone_[{name, type}] = std::move(says);
    asked_[{name, type}] = 0;
  }
  /// How often that was asked since say().
  [[nodiscard]] int asked(const std::string& name, std::uint16_t type) {
    const std::lock_guard lock(mutex_);
    return asked_[{name, type}];
  }

 private:
  void serve() {
    for (;;) {
      std::array<char, 4096> buffer;
      sockaddr_in client{};
      socklen_t length = sizeof client;
      const ssize_t size =
          recvfrom(fd_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&client), &length);
      if (size < 17) return;  // The end: shutdown().
      const std::string reply = answer({buffer.data(), static_cast<std::size_t>(size)});
      if (!reply.empty())
        sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&client), length);
    }
  }

  std::string answer(std::string_view query) {
    std::string name;
    std::size_t at = 12;
    while (query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      name += (name.empty() ? "" : ".") + std::string(query.substr(at + 1, length));
      at += 1 + length;
    }
    const auto type = static_cast<std::uint16_t>(static_cast<unsigned char>(query[at + 1]) << 8U |
                                                 static_cast<unsigned char>(query[at + 2]));
    const std::string_view question = query.substr(12, at + 5 - 12);
    const std::lock_guard lock(mutex_);
    const int count = ++asked_[{name, type}];
    const auto found = zone_.find({name, type});
    Says says = found == zone_.end() ? Says{.code = 3} : found->second;
    if (says.kind == Says::Kind::nothing) return {};
    if (says.kind == Says::Kind::garbage) return std::string(query.substr(0, 2)) + std::string(40, '\xc0');
    if (count < says.from) says = Says{.code = 2};
    std::string text(query.substr(0, 2));
    text += number(0x8180U | static_cast<unsigned>(says.code), 2) + number(1, 2) +
            number(static_cast<std::uint32_t>(says.records.size()), 2) + number(0, 4);
    text += question;
    for (const Record& record : says.records) {
      text += record.owner.empty() ? std::string("\xc0\x0c") : wire_name(record.owner);
      text += number(record.type, 2) + number(1, 2) + number(record.ttl, 4) +
              number(static_cast<std::uint32_t>(record.data.size()), 2) + record.data;
    }
    return text;
  }

  int fd_;
  SocketAddress address_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::uint16_t>, Says> zone_;
  std::map<std::pair<std::string, std::uint16_t>, int> asked_;
  std::thread thread_;
};

}  // namespace lintel::net
