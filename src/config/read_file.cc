#include "config/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace lintel::config {
namespace {

constexpr std::size_t kMaxFileSize = 16UL << 20U;

}  // namespace

std::optional<std::string> read_file(const std::string& path, std::string& why) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO must not block
  if (fd < 0) {
    why = std::generic_category().message(errno);
    return std::nullopt;
  }
  std::string content;
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    why = S_ISDIR(info.st_mode) ? "it is a directory" : "it is not a regular file";
  } else {
    char buffer[65536];
    ssize_t got = 0;
    while (content.size() <= kMaxFileSize && (got = read(fd, buffer, sizeof(buffer))) > 0) {
      content.append(buffer, static_cast<std::size_t>(got));
    }
    if (got < 0) why = std::generic_category().message(errno);
    if (content.size() > kMaxFileSize) why = "it is larger than 16 MiB";
  }
  close(fd);
  if (!why.empty()) return std::nullopt;
  return content;
}

}  // namespace lintel::config
