#include "tls/bio.h"

#include <openssl/bio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "tls/tls_stream.h"

namespace lintel::tls {
namespace {

/// An operation that gets this far without a byte of plain text is an attack: no record is longer than 17
/// KiB.
constexpr std::size_t kMostWithoutText = std::size_t{256} * 1024;

}  // namespace

bio_st* Bio::of_thread() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lintel stream");
    if (!made) throw std::bad_alloc();
    BIO_meth_set_read_ex(made, &Bio::read);
    BIO_meth_set_write_ex(made, &Bio::write);
    BIO_meth_set_ctrl(made, &Bio::control);
    return made;
  }();
  thread_local const BioPtr bio = [] {
    BioPtr made(BIO_new(method));
    if (!made) throw std::bad_alloc();
    BIO_set_init(made.get(), 1);
    return made;
  }();
  return bio.get();
}

BioPtr Bio::acquire() {
  bio_st* bio = of_thread();
  BIO_up_ref(bio);
  return BioPtr(bio);
}

void Bio::serve(TlsStream& stream) noexcept {
  BIO_set_data(of_thread(), &stream);
}

std::span<char> Bio::scratch() {
  thread_local const std::unique_ptr<char[]> memory(new char[kScratch]);
  return {memory.get(), kScratch};
}

Buffer& Bio::staged() {
  thread_local Buffer buffer;
  return buffer;
}

int Bio::read(bio_st* bio, char* out, std::size_t size, std::size_t* got) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *got = 0;
  if (stream.incoming_.empty()) {
    if (stream.receive_size_ == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    const ssize_t n = stream.try_read_below(scratch().first(stream.receive_size_));
    if (n == -EAGAIN) {
      BIO_set_retry_read(bio);
      return 0;
    }
    if (n <= 0) {
      stream.below_ended_ = n == 0;
      if (n < 0) stream.read_error_ = static_cast<int>(-n);
      return 0;
    }
    stream.received_ += static_cast<std::size_t>(n);
    if (stream.received_ > kMostWithoutText) {
      stream.read_error_ = EPROTO;
      return 0;
    }
    stream.incoming_ = scratch().first(static_cast<std::size_t>(n));
  }
  *got = std::min(size, stream.incoming_.size());
  std::memcpy(out, stream.incoming_.data(), *got);
  stream.incoming_ = stream.incoming_.subspan(*got);
  return 1;
}

int Bio::write(bio_st* bio, const char* data, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  if (stream.deferred_) stream.stage_deferred();
  staged().append({data, size});
  *written = size;
  return 1;
}

long Bio::control(bio_st* bio, int command, long /*number*/, void* /*pointer*/) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return static_cast<TlsStream*>(BIO_get_data(bio))->below_ended_ ? 1 : 0;
    default:
      return 0;
  }
}

}  // namespace lintel::tls
