#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/layered_stream.h"
#include "net/task.h"
#include "tls/handles.h"

struct bio_method_st;

namespace lintel::tls {

class SessionSlot;

/// TLS over another stream: what is read and written here is plain, what goes over the stream below is not.
/// Made by ServerContext::accept and ClientContext::connect; of no use before handshake() has succeeded.
///
/// Holds no buffer while nothing is under way: ciphertext is received into memory of the thread, and sent
/// from there with one call for each write. Only what cannot be delivered or sent at once is kept here.
///
/// A stream below that ends without TLS's own end (close_notify) was cut off, perhaps by somebody on the way:
/// reads then fail with `reset`. A peer that breaks the protocol makes them fail with `protocol`.
class TlsStream final : public net::LayeredStream {
 public:
  /// `ssl` is set up for its side. For the two contexts.
  TlsStream(net::StreamPtr below, SslPtr ssl);
  /// Ends well: tells the peer so, as far as the kernel takes it at once.
  ~TlsStream() override;

  /// Agrees on keys with the peer; at `deadline` (kNever: never) it gives up. The context that made the
  /// stream must outlive it. Suspends. Errors: timeout, canceled, closed, reset; protocol where the two sides
  /// do not come to terms; untrusted where a certificate is not accepted. `context` says why, in OpenSSL's
  /// words.
  net::Task<Result<void>> handshake(Nanos deadline);
  /// Makes a pending handshake return `canceled` in the next turn of the loop.
  void cancel_handshake() noexcept;

  // After the handshake. The texts live as long as the stream.
  [[nodiscard]] std::string_view version() const noexcept;      ///< "TLSv1.3".
  [[nodiscard]] std::string_view cipher() const noexcept;       ///< "TLS_AES_128_GCM_SHA256".
  [[nodiscard]] std::string_view server_name() const noexcept;  ///< SNI as the client sent it; empty: none.
  [[nodiscard]] std::string_view protocol() const noexcept;     ///< By ALPN; empty: none.
  [[nodiscard]] bool resumed() const noexcept;
  [[nodiscard]] ssl_st* ssl() const noexcept { return ssl_.get(); }

  [[nodiscard]] bool is_readable() const noexcept override;
  [[nodiscard]] bool probe_readable() const noexcept override;
  [[nodiscard]] net::PeerState peer_state() const noexcept override;
  [[nodiscard]] bool is_writable() const noexcept override;
  [[nodiscard]] std::size_t unacknowledged() const noexcept override;
  void shutdown_write() noexcept override;
  void end_after_write() noexcept override { ends_ = true; }
  void set_abortive() noexcept override;

 private:
  friend class Bio;
  friend class ClientContext;

  [[nodiscard]] ssize_t try_read(std::span<char> out) noexcept override;
  [[nodiscard]] ssize_t try_write(std::span<const iovec> parts) noexcept override;
  void on_readable_below() override;
  void on_writable_below() override;

  void begin_operation() noexcept;
  [[nodiscard]] std::size_t decrypt(std::span<char> out, bool peek) noexcept;
  void note_failed_read() noexcept;
  [[nodiscard]] bool has_news() noexcept;
  [[nodiscard]] std::size_t encrypt(std::span<const iovec> parts) noexcept;
  void stage_close() noexcept;
  void send_close() noexcept;

  [[nodiscard]] Error handshake_error(int step) noexcept;
  void keep_incoming();
  void wipe_handshake_keys() noexcept;
  [[nodiscard]] bool may_defer() const noexcept;
  [[nodiscard]] int arm() noexcept override;
  void stage_deferred() noexcept;
  void send_staged() noexcept;
  void flush_unsent() noexcept;

  SslPtr ssl_;
  std::span<char> incoming_;      ///< Ciphertext that an operation under way has still to consume.
  std::size_t receive_size_ = 0;  ///< What the operation under way may receive at once; 0: nothing more.
  std::size_t received_ = 0;      ///< What it has received.
  Buffer ahead_;                  ///< Ciphertext that was received before its turn, from ahead_begin_.
  std::size_t ahead_begin_ = 0;
  Buffer unsent_;  ///< Ciphertext that the stream below has not taken, from unsent_begin_.
  std::size_t unsent_begin_ = 0;
  bool deferred_ = false;  ///< unsent_ was not offered yet: it goes out with what is written next.
  bool ends_ = false;      ///< What is written next is the last.
  /// Plain bytes that are encrypted but were not reported as written, because some of unsent_ is theirs.
  std::size_t held_ = 0;
  std::shared_ptr<SessionSlot> session_slot_;  ///< Client side: where new sessions go; null: nowhere.
  int read_error_ = 0;                         ///< An errno; reads fail with it once all is delivered.
  int write_error_ = 0;                        ///< An errno; writes fail with it.
  bool established_ = false;
  bool ended_ = false;        ///< The peer has said that it will send no more.
  bool below_ended_ = false;  ///< The stream below has ended.
  bool close_sent_ = false;
  bool shut_when_flushed_ = false;
  bool abortive_ = false;
};

using TlsStreamPtr = std::unique_ptr<TlsStream>;

}  // namespace lintel::tls
