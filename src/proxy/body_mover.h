#pragma once

#include <cstdint>

#include "base/result.h"
#include "http/transaction.h"
#include "net/splice.h"
#include "net/task.h"

namespace lintel::proxy {

/// What became of one piece of a body.
struct MovedPiece {
  enum class Failed : std::uint8_t { no, read, write };
  std::uint64_t bytes = 0;  ///< Passed on.
  bool last = false;        ///< The body is complete.
  Failed failed = Failed::no;
  Error error;
};

/// Moves a body from its source to its sink, a bounded piece at a time. Bulk that needs no framing is spliced
/// from socket to socket, everything else read and written. Lives as long as the body is on its way.
class BodyMover {
 public:
  BodyMover(net::Loop& loop, http::BodySource& source, http::BodySink& sink) noexcept
      : loop_(loop), source_(source), sink_(sink), pipe_(loop) {
    flow_.assume_bulk();
  }

  /// Waits for a piece and passes it on. Suspends. Not to be called again after the last piece or a failure.
  net::Task<MovedPiece> move();

 private:
  net::Task<MovedPiece> splice(http::DirectBody from, http::DirectBody to);
  net::Task<MovedPiece> copy();

  net::Loop& loop_;
  http::BodySource& source_;
  http::BodySink& sink_;
  net::BulkFlow flow_;
  net::SplicePipe pipe_;
};

}  // namespace lintel::proxy
