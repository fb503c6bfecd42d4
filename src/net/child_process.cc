#include "net/child_process.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <cassert>
#include <csignal>
#include <memory>
#include <utility>

namespace lintel::net {
namespace {

/// As execve wants them. Valid for as long as `words`.
std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

/// libuv's part, which lives until libuv has closed it.
struct ChildProcess::Handle {
  uv_process_t process{};
  ChildProcess* owner = nullptr;

  void close() noexcept {
    const auto release = [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); };
    uv_close(reinterpret_cast<uv_handle_t*>(&process), release);
  }
};

ChildProcess::~ChildProcess() {
  assert(pid_ == 0);
  close_output();
}

Result<void> ChildProcess::start(const std::vector<std::string>& command,
                                 const std::vector<std::string>& environment) {
  std::array<int, 2> pipe{-1, -1};
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) return unexpected(make_system_error(errno, "pipe"));
  output_fd_ = pipe[0];
  int err = fcntl(output_fd_, F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
  if (err == 0) err = loop_.watch(output_fd_, *this, EPOLLIN);

  std::vector<char*> arguments = pointers(command);
  std::vector<char*> variables = pointers(environment);
  std::array<uv_stdio_container_t, 3> outputs{};
  outputs[0].flags = UV_IGNORE;
  for (const std::size_t output : {1, 2}) {
    outputs[output].flags = UV_INHERIT_FD;
    outputs[output].data.fd = pipe[1];
  }
  uv_process_options_t options{};
  options.file = arguments.front();
  options.args = arguments.data();
  options.env = variables.data();
  options.cwd = "/";
  options.flags = UV_PROCESS_DETACHED;  // A group of its own.
  options.stdio_count = static_cast<int>(outputs.size());
  options.stdio = outputs.data();
  options.exit_cb = [](uv_process_t* process, std::int64_t status, int signal) {
    auto* handle = static_cast<Handle*>(process->data);
    handle->owner->ended(status, signal);
    handle->close();
  };
  if (err == 0) {
    auto* handle = new Handle;
    handle->process.data = handle;
    handle->owner = this;
    err = -uv_spawn(loop_.uv(), &handle->process, &options);
    if (err == 0) pid_ = handle->process.pid;
    if (err != 0) handle->close();
  }
  close(pipe[1]);
  if (err == 0) return {};
  close_output();
  return unexpected(make_system_error(err, "spawn"));
}

void ChildProcess::kill() noexcept {
  if (pid_ != 0) ::kill(-pid_, SIGKILL);
}

void ChildProcess::on_io(std::uint32_t) {
  read_output();
}

void ChildProcess::read_output() noexcept {
  const std::span<char> scratch = loop_.scratch();
  for (;;) {
    const ssize_t got = read(output_fd_, scratch.data(), scratch.size());
    if (got <= 0) return;
    const std::size_t room = kMostOutput - output_.size();
    output_.append(scratch.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

void ChildProcess::close_output() noexcept {
  if (output_fd_ < 0) return;
  loop_.forget(*this);
  close(std::exchange(output_fd_, -1));
}

void ChildProcess::ended(std::int64_t status, int signal) {
  read_output();
  close_output();
  pid_ = 0;
  exit_status_ = status;
  signal_ = signal;
  if (waiter_) loop_.resume_soon(std::exchange(waiter_, nullptr));
}

}  // namespace lintel::net
