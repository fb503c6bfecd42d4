#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/datagram.h"
#include "net/deadlines.h"
#include "proxy/connection_count.h"
#include "proxy/generation.h"
#include "proxy/record.h"
#include "proxy/sessions.h"
#include "proxy/udp_table.h"

namespace lintel::proxy {

class UdpListener;

/// One client's datagrams with one server. Deletes itself when it ends.
class UdpSession final : public Session, public UdpTable::Node, public net::DatagramSocket::Reader {
 public:
  /// A session for `first`'s sender with the listener's pool; connect() must follow.
  UdpSession(UdpListener& owner, Sessions& sessions, const UdpKey& key, const net::Datagram& first,
             const ListenerContext& listener);
  UdpSession(const UdpSession&) = delete;
  UdpSession& operator=(const UdpSession&) = delete;

  /// Chooses a server: ok, or why there is none; then end() must follow.
  [[nodiscard]] EndReason connect();
  /// Sends datagrams of the batch to the server. What a server refuses goes to another one. False: the
  /// session is gone.
  bool send(std::size_t first, std::size_t count);
  /// Gets a socket of its own towards the client, since the listener's is to be closed, unless it has one.
  /// Where that fails it ends.
  void move_out();
  /// Ends and deletes the session.
  void end(EndReason reason);

  void forget_generation() noexcept override {}
  /// Ends soon when nothing is said any more.
  void drain() noexcept override;
  /// Ends in a later turn.
  void cut() noexcept override;

 private:
  ~UdpSession();

  void on_datagrams(net::DatagramSocket& socket) override;
  [[nodiscard]] bool answer(std::size_t count);
  void send_first_again();
  [[nodiscard]] bool fail_over(int err);
  void leave_server(EndReason reason) noexcept;
  void note_server(EndReason reason) noexcept;
  void touch() noexcept;
  [[nodiscard]] SocketAddress client_address() const noexcept;
  void write_record(EndReason reason);
  static void expire(net::Deadline& deadline);

  UdpListener& owner_;
  std::shared_ptr<const Generation> generation_;
  std::shared_ptr<ConnectionCount> count_;
  std::shared_ptr<ListenerStats> stats_;
  const ListenerContext& listener_;
  const RouteContext& route_;
  net::DatagramRoute client_;
  std::optional<net::DatagramSocket> own_;  ///< Towards the client, once moved out.
  std::optional<net::DatagramSocket> server_;
  pool::Lease lease_;
  std::array<std::uint32_t, Record::kMaxAttempts> tried_{};
  std::size_t tried_count_ = 0;
  /// The first datagram, until the server has answered: if it refuses, another one gets it.
  std::string first_;
  net::Deadline idle_{expire, this};
  Nanos attempt_begun_ = 0;
  bool draining_ = false;
  bool cut_ = false;
  Record record_;
};

}  // namespace lintel::proxy
