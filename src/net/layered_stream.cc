#include "net/layered_stream.h"

#include <utility>

namespace lintel::net {

LayeredStream::LayeredStream(StreamPtr below) noexcept : Stream(below->loop()), below_(std::move(below)) {}

LayeredStream::~LayeredStream() {
  if (!armed_) return;
  below_->reader_ = nullptr;
  below_->writer_ = nullptr;
}

int LayeredStream::arm() noexcept {
  if (armed_) return 0;
  if (const int err = below_->arm(); err != 0) return err;
  below_->set_read_deadline(kNever);
  below_->set_write_timeout(kNever);
  below_->reader_ = &reader_below_;
  below_->writer_ = &writer_below_;
  armed_ = true;
  return 0;
}

// A waiter is taken away when it is called. It is put back first: the call may destroy both streams.

void LayeredStream::Reader::on_ready(Ready /*why*/) {
  stream.below_->reader_ = this;
  if (stream.has_reader()) stream.on_readable_below();
}

void LayeredStream::Writer::on_ready(Ready /*why*/) {
  stream.below_->writer_ = this;
  stream.on_writable_below();
}

}  // namespace lintel::net
