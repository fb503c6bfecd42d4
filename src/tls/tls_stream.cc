#include "tls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "tls/bio.h"
#include "tls/problems.h"

namespace lintel::tls {
namespace {

/// The longest plain text of one record (RFC 8446, 5.1).
constexpr std::size_t kRecord = 16384;
/// Plain bytes that are encrypted before they are sent.
constexpr std::size_t kBatch = 8 * kRecord;
/// Ciphertext that waits to be sent: one batch, and answers (alerts, key updates) to a peer that reads
/// nothing.
constexpr std::size_t kMostUnsent = kBatch + std::size_t{64} * 1024;

/// How much ciphertext to receive for `room` bytes of plain text. The plain text of what is received and of
/// the record that OpenSSL may hold already fits; else the rest would have to be kept.
std::size_t receive_size_for(std::size_t room) noexcept {
  return std::clamp(room, 2 * kRecord, Bio::kScratch) - kRecord;
}

std::size_t size_of(std::span<const iovec> parts) noexcept {
  std::size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  return size;
}

/// Wipes a key pair that was made for one handshake: what was agreed on with it is safe from then on, and an
/// idle connection needs no memory for it.
void wipe(EVP_PKEY* key) noexcept {
  if (!key) return;
  EVP_PKEY_set_type(key, EVP_PKEY_get_base_id(key));
  EVP_PKEY_free(key);
}

}  // namespace

TlsStream::TlsStream(net::StreamPtr below, SslPtr ssl)
    : LayeredStream(std::move(below)), ssl_(std::move(ssl)) {
  bio_st* bio = Bio::acquire().release();
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsStream::~TlsStream() {
  if (!abortive_ && (unsent_.empty() || deferred_)) send_close();
}

/// Before each call of OpenSSL's that may do I/O.
void TlsStream::begin_operation() noexcept {
  // What is left over would be taken for the errors of the operation.
  if (ERR_peek_error() != 0) ERR_clear_error();
  Bio::serve(*this);
}

// --- Handshake

net::Task<Result<void>> TlsStream::handshake(Nanos deadline) {
  below().set_read_deadline(deadline);
  below().set_write_timeout(deadline == kNever ? kNever : std::max<Nanos>(deadline - loop().now(), 0));
  for (;;) {
    begin_operation();
    receive_size_ = Bio::kScratch;
    const int step = SSL_do_handshake(ssl_.get());
    receive_size_ = 0;
    Error error;
    if (step != 1) error = handshake_error(step);
    keep_incoming();
    if (!Bio::staged().empty() && step == 1 && may_defer()) {
      unsent_.append(Bio::staged().view());
      Bio::staged().clear();
      deferred_ = true;
    } else if (!Bio::staged().empty()) {
      Buffer out;  // The thread's own must be empty before others are served.
      out.append(Bio::staged().view());
      Bio::staged().clear();
      const Result<void> written = co_await below().write(net::WriteSpans(out.view()));
      if (!written && (step == 1 || error.sys == EAGAIN)) co_return tl::unexpected<Error>(written.error());
    }
    if (step == 1) break;
    if (error.sys != EAGAIN) co_return tl::unexpected<Error>(error);
    const std::span<char> scratch = Bio::scratch();
    const Result<std::size_t> got = co_await below().read(scratch);
    if (!got) co_return tl::unexpected<Error>(got.error());
    if (*got == 0) co_return tl::unexpected<Error>(Error{ErrorCode::closed, {}, false, 0, "handshake"});
    incoming_ = scratch.first(*got);
    received_ = *got;
  }
  established_ = true;
  wipe_handshake_keys();
  co_return Result<void>{};
}

void TlsStream::wipe_handshake_keys() noexcept {
  EVP_PKEY* key = nullptr;
  if (SSL_get_tmp_key(ssl_.get(), &key) == 1) wipe(std::exchange(key, nullptr));
  if (SSL_get_peer_tmp_key(ssl_.get(), &key) == 1) wipe(key);
  ERR_clear_error();
}

/// Whether what the handshake has left to send may wait for the first answer. With TLS 1.3 these are session
/// tickets. The client's first request is here, or else the first wait for it sends them.
bool TlsStream::may_defer() const noexcept {
  return SSL_is_server(ssl_.get()) == 1 && SSL_version(ssl_.get()) == TLS1_3_VERSION && !ahead_.empty();
}

int TlsStream::arm() noexcept {
  if (deferred_) {
    stage_deferred();
    send_staged();
  }
  return LayeredStream::arm();
}

/// Puts what was put off in front of what is about to be staged.
void TlsStream::stage_deferred() noexcept {
  deferred_ = false;
  Bio::staged().append(unsent_.view());
  unsent_.release();
}

/// Why SSL_do_handshake returned `step`; errno EAGAIN when it waits for the peer.
Error TlsStream::handshake_error(int step) noexcept {
  Error error{ErrorCode::protocol, ErrorSource::local, false, 0, "handshake"};
  if (SSL_get_error(ssl_.get(), step) == SSL_ERROR_WANT_READ) {
    error.sys = EAGAIN;
    return error;
  }
  const long verified = SSL_get_verify_result(ssl_.get());
  const unsigned long last = ERR_peek_error();
  const char* reason = take_openssl_reason();
  if (read_error_ != 0 && read_error_ != EPROTO) return make_system_error(read_error_, "handshake");
  if (below_ended_) {
    error.code = ErrorCode::closed;
    Bio::staged().clear();
  } else if (ERR_GET_LIB(last) == ERR_LIB_SSL && ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    error.code = ErrorCode::untrusted;
    error.context = X509_verify_cert_error_string(verified);
  } else if (ERR_GET_LIB(last) == ERR_LIB_SSL &&
             ERR_GET_REASON(last) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    error.code = ErrorCode::untrusted;
    error.context = reason;
  } else if (reason[0] != '\0') {
    error.context = reason;
  }
  return error;
}

void TlsStream::cancel_handshake() noexcept {
  if (established_) return;
  below().cancel_read();
  below().cancel_write();
}

std::string_view TlsStream::version() const noexcept {
  return SSL_get_version(ssl_.get());
}

std::string_view TlsStream::cipher() const noexcept {
  const char* name = SSL_get_cipher_name(ssl_.get());
  return name ? name : "";
}

std::string_view TlsStream::server_name() const noexcept {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name ? name : "";
}

std::string_view TlsStream::protocol() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool TlsStream::resumed() const noexcept {
  return SSL_session_reused(ssl_.get()) == 1;
}

// --- Reading

ssize_t TlsStream::try_read(std::span<char> out) noexcept {
  if (const std::size_t n = decrypt(out, false); n != 0) return static_cast<ssize_t>(n);
  if (read_error_ != 0) return -read_error_;
  return ended_ ? 0 : -EAGAIN;
}

/// Plain bytes into `out`; with `peek` they stay. What ends reading is remembered.
std::size_t TlsStream::decrypt(std::span<char> out, bool peek) noexcept {
  if (ended_ || read_error_ != 0) return 0;
  begin_operation();
  incoming_ = std::span<char>(ahead_.data(), ahead_.size()).subspan(ahead_begin_);
  received_ = 0;
  receive_size_ = receive_size_for(out.size());
  std::size_t total = 0;
  do {
    std::size_t n = 0;
    char* at = out.data() + total;
    const std::size_t room = out.size() - total;
    const int ok = peek ? SSL_peek_ex(ssl_.get(), at, room, &n) : SSL_read_ex(ssl_.get(), at, room, &n);
    if (ok != 1) {
      note_failed_read();
      break;
    }
    total += n;
    receive_size_ = 0;
  } while (!peek && total < out.size() && (!incoming_.empty() || SSL_pending(ssl_.get()) > 0));
  receive_size_ = 0;
  keep_incoming();
  send_staged();
  return total;
}

void TlsStream::note_failed_read() noexcept {
  switch (SSL_get_error(ssl_.get(), 0)) {
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      // OpenSSL takes the end of the stream below for the peer's; only the latter is one.
      if (below_ended_) {
        read_error_ = ECONNRESET;
      } else {
        ended_ = true;
      }
      return;
    default:
      if (read_error_ == 0) read_error_ = below_ended_ ? ECONNRESET : EPROTO;
      if (write_error_ == 0) write_error_ = EPIPE;
      ERR_clear_error();
  }
}

/// Copies what the operation has received and not consumed: its memory is the thread's.
void TlsStream::keep_incoming() {
  if (incoming_.empty()) {
    ahead_.release();
    ahead_begin_ = 0;
  } else if (received_ == 0) {
    ahead_begin_ = ahead_.size() - incoming_.size();
  } else {
    ahead_.clear();
    ahead_.append({incoming_.data(), incoming_.size()});
    ahead_begin_ = 0;
  }
  incoming_ = {};
}

/// True when a read would not have to wait. Takes up what is no data: session tickets, key updates.
bool TlsStream::has_news() noexcept {
  if (ended_ || read_error_ != 0 || SSL_pending(ssl_.get()) > 0) return true;
  if (ahead_.empty() && !below().is_readable()) return false;
  char byte = 0;
  return decrypt({&byte, 1}, true) != 0 || ended_ || read_error_ != 0;
}

bool TlsStream::is_readable() const noexcept {
  return const_cast<TlsStream*>(this)->has_news();
}

bool TlsStream::probe_readable() const noexcept {
  return is_readable() || below().probe_readable();
}

/// The peer's close_notify is its end; the end of the stream below without one is a break.
net::PeerState TlsStream::peer_state() const noexcept {
  if (below().peer_state() == net::PeerState::broken) return net::PeerState::broken;
  static_cast<void>(is_readable());
  if (read_error_ != 0) return net::PeerState::broken;
  return ended_ ? net::PeerState::ended : net::PeerState::open;
}

void TlsStream::on_readable_below() {
  // Who only asked to be told would take a session ticket for data.
  if (reader_tries() || has_news()) notify(true, false);
}

// --- Writing

ssize_t TlsStream::try_write(std::span<const iovec> parts) noexcept {
  if (write_error_ != 0) return -write_error_;
  if (!unsent_.empty() && !deferred_) flush_unsent();
  if (write_error_ != 0) return -write_error_;
  if (held_ == 0) {
    if (!unsent_.empty() && !deferred_) return -EAGAIN;
    held_ = encrypt(parts);
    if (ends_ && held_ == size_of(parts)) {
      stage_close();
      below().end_after_write();
    }
    send_staged();
    if (write_error_ != 0) return -write_error_;
  }
  // As many bytes as could not be sent are not told as written yet: who writes waits for them, and sees that
  // some go out.
  const std::size_t left = std::min(held_, unsent_.size() - unsent_begin_);
  const std::size_t done = std::min(std::exchange(held_, left) - left, size_of(parts));
  return done == 0 ? -EAGAIN : static_cast<ssize_t>(done);
}

/// Encrypts up to kBatch of `parts` in records as long as can be. Returns how many bytes.
std::size_t TlsStream::encrypt(std::span<const iovec> parts) noexcept {
  thread_local std::array<char, kRecord> joined;  // Of parts that do not fill records by themselves.
  begin_operation();
  std::size_t total = 0;
  std::size_t filled = 0;
  const auto put = [this](const char* data, std::size_t size) {
    std::size_t n = 0;
    if (write_error_ != 0 || SSL_write_ex(ssl_.get(), data, size, &n) == 1) return;
    write_error_ = EPIPE;
    ERR_clear_error();
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto* data = static_cast<const char*>(parts[i].iov_base);
    std::size_t left = std::min(parts[i].iov_len, kBatch - total);
    total += left;
    const bool is_last = i + 1 == parts.size() || total == kBatch;
    while (left != 0) {
      std::size_t n = is_last ? left : left - left % kRecord;
      if (filled == 0 && n != 0) {
        put(data, n);
      } else {
        n = std::min(left, kRecord - filled);
        std::memcpy(joined.data() + filled, data, n);
        filled += n;
        if (filled == kRecord) put(joined.data(), std::exchange(filled, 0));
      }
      data += n;
      left -= n;
    }
    if (total == kBatch) break;
  }
  if (filled != 0) put(joined.data(), filled);
  return total;
}

/// Sends what the operation has put together; what is not taken waits. In any case nothing is left behind for
/// the next stream of this thread.
void TlsStream::send_staged() noexcept {
  Buffer& staged = Bio::staged();
  if (staged.empty()) return;
  if (unsent_.empty()) {
    const iovec part{staged.data(), staged.size()};
    const ssize_t n = try_write_below({&part, 1});
    if (n < 0 && n != -EAGAIN && write_error_ == 0) write_error_ = static_cast<int>(-n);
    if (n < 0 || static_cast<std::size_t>(n) < staged.size()) {
      const std::size_t sent = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
      if (write_error_ == 0) unsent_.append(staged.view(sent, staged.size() - sent));
    }
  } else if (write_error_ == 0) {
    unsent_.append(staged.view());
    if (unsent_.size() > kMostUnsent) write_error_ = EPIPE;
  }
  staged.clear();
}

void TlsStream::flush_unsent() noexcept {
  while (unsent_begin_ < unsent_.size()) {
    const iovec part{unsent_.data() + unsent_begin_, unsent_.size() - unsent_begin_};
    const ssize_t n = try_write_below({&part, 1});
    if (n == -EAGAIN) return;
    if (n < 0) {
      write_error_ = static_cast<int>(-n);
      break;
    }
    unsent_begin_ += static_cast<std::size_t>(n);
  }
  unsent_.release();
  unsent_begin_ = 0;
  if (shut_when_flushed_) below().shutdown_write();
}

bool TlsStream::is_writable() const noexcept {
  return write_error_ != 0 || ((unsent_.empty() || deferred_) && below().is_writable());
}

std::size_t TlsStream::unacknowledged() const noexcept {
  return below().unacknowledged() + unsent_.size() - unsent_begin_;
}

void TlsStream::on_writable_below() {
  if (!unsent_.empty() && !deferred_) flush_unsent();
  notify(false, true);
}

// --- The end

void TlsStream::stage_close() noexcept {
  if (!established_ || close_sent_ || write_error_ != 0) return;
  close_sent_ = true;
  begin_operation();
  if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();
}

void TlsStream::send_close() noexcept {
  stage_close();
  send_staged();
}

void TlsStream::shutdown_write() noexcept {
  send_close();
  shut_when_flushed_ = true;
  if (unsent_.empty()) below().shutdown_write();
}

void TlsStream::set_abortive() noexcept {
  abortive_ = true;
  below().set_abortive();
}

}  // namespace lintel::tls
