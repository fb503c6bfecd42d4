#include "net/signals.h"

#include <uv.h>

#include <system_error>
#include <utility>

namespace lintel::net {

/// A handle of libuv, which lives until libuv has closed it.
struct Signals::Watched {
  uv_signal_t handle{};
  Handler handler;
};

void Signals::watch(int signal, Handler handler) {
  auto watched = std::make_unique<Watched>();
  watched->handler = std::move(handler);
  watched->handle.data = watched.get();
  int err = uv_signal_init(loop_.uv(), &watched->handle);
  if (err != 0) throw std::system_error(-err, std::generic_category(), "uv_signal_init");
  watched_.push_back(watched.release());  // From here on only uv_close may end it.
  const auto call = [](uv_signal_t* handle, int number) {
    static_cast<Watched*>(handle->data)->handler(number);
  };
  err = uv_signal_start(&watched_.back()->handle, call, signal);
  if (err != 0) throw std::system_error(-err, std::generic_category(), "uv_signal_start");
}

Signals::~Signals() {
  for (Watched* watched : watched_) {
    const auto release = [](uv_handle_t* handle) { delete static_cast<Watched*>(handle->data); };
    uv_close(reinterpret_cast<uv_handle_t*>(&watched->handle), release);
  }
}

void ignore_signals() noexcept {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGWINCH, SIG_IGN);
}

}  // namespace lintel::net
