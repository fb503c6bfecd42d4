#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/loop.h"

namespace lintel::net {

/// Tells when a file may have changed: written in place, renamed over, made, or reached by another symbolic
/// link than before. Watches the folder (inotify), and looks at the file itself every few seconds, for file
/// systems that tell nothing and folders that are replaced.
class FileWatch {
 public:
  /// How often the file is looked at, and how long it must have been left alone to be told of.
  static constexpr Nanos kLook = 2'000'000'000;
  static constexpr Nanos kQuiet = 50'000'000;

  /// `changed` is called on the loop's thread: once soon, and whenever the file may have changed since.
  FileWatch(Loop& loop, std::string path, std::function<void()> changed);
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch();

 private:
  struct Handle;

  static void on_deadline(Deadline& deadline);
  void look();

  Loop& loop_;
  std::string path_;
  std::function<void()> changed_;
  bool told_ = false;
  std::string version_;  ///< What tells versions of the file apart, when it was last told of.
  Handle* handle_;       ///< Lives until libuv has closed it.
  Deadline deadline_{on_deadline, this};
};

}  // namespace lintel::net
