#include "net/file_watch.h"

#include <sys/stat.h>
#include <uv.h>

#include <filesystem>
#include <utility>

namespace lintel::net {
namespace {

std::string version_of(const std::string& file) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) return {};
  return std::to_string(info.st_dev) + ' ' + std::to_string(info.st_ino) + ' ' +
         std::to_string(info.st_size) + ' ' + std::to_string(info.st_mtim.tv_sec) + ' ' +
         std::to_string(info.st_mtim.tv_nsec);
}

}  // namespace

struct FileWatch::Handle {
  uv_fs_event_t handle{};
  FileWatch* owner = nullptr;
};

FileWatch::FileWatch(Loop& loop, std::string path, std::function<void()> changed)
    : loop_(loop), path_(std::move(path)), changed_(std::move(changed)), handle_(new Handle) {
  handle_->owner = this;
  handle_->handle.data = handle_;
  uv_fs_event_init(loop_.uv(), &handle_->handle);
  const auto on_event = [](uv_fs_event_t* event, const char*, int, int) {
    FileWatch& self = *static_cast<Handle*>(event->data)->owner;
    self.loop_.set_deadline(self.deadline_, self.loop_.clock().now() + kQuiet);
  };
  std::string folder = std::filesystem::path(path_).parent_path().string();
  if (folder.empty()) folder = ".";
  // Where it cannot be watched (no inotify left, say) looking has to do.
  uv_fs_event_start(&handle_->handle, on_event, folder.c_str(), 0);
  loop_.set_deadline(deadline_, loop_.clock().now() + kQuiet);
}

FileWatch::~FileWatch() {
  const auto release = [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); };
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->handle), release);
}

void FileWatch::on_deadline(Deadline& deadline) {
  static_cast<FileWatch*>(deadline.owner())->look();
}

void FileWatch::look() {
  loop_.set_deadline(deadline_, loop_.clock().now() + kLook);
  std::string version = version_of(path_);
  if (told_ && version == version_) return;
  told_ = true;
  version_ = std::move(version);
  changed_();
}

}  // namespace lintel::net
