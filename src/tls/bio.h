#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/buffer.h"
#include "tls/handles.h"

namespace lintel::tls {

class TlsStream;

/// How OpenSSL reaches the stream below: its reads take what TlsStream has received, its writes are put
/// together in `staged()` and sent by TlsStream when the operation is over.
///
/// One BIO serves all streams of a thread, since no operation waits: each begins by saying whose it is.
class Bio {
 public:
  /// A reference to the BIO of this thread.
  [[nodiscard]] static BioPtr acquire();
  /// The operation that begins is `stream`'s.
  static void serve(TlsStream& stream) noexcept;

  static constexpr std::size_t kScratch = std::size_t{64} * 1024;
  /// Memory of this thread for ciphertext coming in; what it holds is gone with the operation.
  [[nodiscard]] static std::span<char> scratch();
  /// Ciphertext of the operation under way that is to go out. Of this thread; empty between operations.
  [[nodiscard]] static Buffer& staged();

 private:
  [[nodiscard]] static bio_st* of_thread();
  static int read(bio_st* bio, char* out, std::size_t size, std::size_t* got);
  static int write(bio_st* bio, const char* data, std::size_t size, std::size_t* written);
  static long control(bio_st* bio, int command, long number, void* pointer);
};

}  // namespace lintel::tls
