#include "proxy/process_usage.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace lintel::proxy {

namespace {

struct Closer {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  void operator()(DIR* folder) const noexcept { closedir(folder); }
};

void read_memory(ProcessUsage& usage) {
  const std::unique_ptr<std::FILE, Closer> file(std::fopen("/proc/self/statm", "re"));
  unsigned long total = 0;
  unsigned long resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%lu %lu", &total, &resident) != 2) return;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  usage.virtual_bytes = total * page;
  usage.resident_bytes = resident * page;
}

void count_descriptors(ProcessUsage& usage) {
  const std::unique_ptr<DIR, Closer> folder(opendir("/proc/self/fd"));
  if (folder == nullptr) return;
  std::uint64_t entries = 0;
  while (readdir(folder.get()) != nullptr) ++entries;
  // "." and "..", and the descriptor of the folder itself.
  usage.open_fds = entries > 3 ? entries - 3 : 0;
}

}  // namespace

ProcessUsage read_process_usage() {
  ProcessUsage usage;
  rusage times{};
  if (getrusage(RUSAGE_SELF, &times) == 0) {
    const auto seconds = static_cast<std::uint64_t>(times.ru_utime.tv_sec + times.ru_stime.tv_sec);
    usage.cpu_us =
        seconds * 1'000'000 + static_cast<std::uint64_t>(times.ru_utime.tv_usec + times.ru_stime.tv_usec);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_fds = limit.rlim_cur;
  read_memory(usage);
  count_descriptors(usage);
  return usage;
}

}  // namespace lintel::proxy
