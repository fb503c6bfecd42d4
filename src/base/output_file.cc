#include "base/output_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace lintel {

namespace {

/// A descriptor of our own for stdout or stderr. Pipes and terminals are opened anew, so that they do not
/// block here and go on blocking for everybody else who shares them.
int open_standard(int fd) noexcept {
  struct stat info {};
  if (fstat(fd, &info) != 0) return -1;
  if (S_ISFIFO(info.st_mode) || isatty(fd) == 1) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const int own = ::open(path.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) return own;
  }
  return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

}  // namespace

OutputFile::OutputFile(OutputFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), socket_(other.socket_) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(socket_, other.socket_);
  return *this;
}

OutputFile::~OutputFile() {
  if (fd_ >= 0) close(fd_);
}

Result<OutputFile> OutputFile::open(const std::string& path) {
  OutputFile file;
  if (path == "stdout" || path == "stderr") {
    file.fd_ = open_standard(path == "stdout" ? STDOUT_FILENO : STDERR_FILENO);
  } else {
    file.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
  }
  if (file.fd_ < 0) return unexpected(make_system_error(errno, "open log"));
  struct stat info {};
  file.socket_ = fstat(file.fd_, &info) == 0 && S_ISSOCK(info.st_mode);
  return file;
}

Result<std::size_t> OutputFile::write_some(std::string_view text, std::chrono::milliseconds patience) {
  while (true) {
    const ssize_t n = socket_ ? send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(fd_, text.data(), text.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return unexpected(make_system_error(errno, "write log"));
    pollfd ready{fd_, POLLOUT, 0};
    if (poll(&ready, 1, static_cast<int>(patience.count())) == 0) return 0;
  }
}

}  // namespace lintel
