#include "base/log.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/buffer.h"
#include "base/json.h"
#include "base/output_file.h"

namespace lintel::log {

namespace {

constexpr std::size_t kQueueLines = 1024;

struct LevelNames {
  std::string_view text;
  std::string_view json;
};
constexpr std::array<LevelNames, 6> kLevelNames = {{{"TRACE", "trace"},
                                                    {"DEBUG", "debug"},
                                                    {"INFO", "info"},
                                                    {"WARN", "warn"},
                                                    {"ERROR", "error"},
                                                    {"CRITICAL", "critical"}}};

/// Appends whole lines to a target that can change. What cannot be written is lost: there is nowhere to say
/// so.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void set_target(const std::string& path, OutputFile file) {
    const std::lock_guard lock(mutex_);
    path_ = path;
    file_ = std::move(file);
  }
  Result<void> reopen() {
    const std::lock_guard lock(mutex_);
    auto fresh = OutputFile::open(path_);
    if (!fresh) return unexpected(fresh.error());
    file_ = std::move(*fresh);
    return {};
  }
  /// How many flush requests have come through the queue.
  std::uint64_t flushes() {
    const std::lock_guard lock(mutex_);
    return flushes_;
  }
  /// Waits until there have been more than `seen`. False when `time` has passed.
  bool wait_flush(std::uint64_t seen, std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return flushed_.wait_for(lock, time, [&] { return flushes_ > seen; });
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string_view text(message.payload.data(), message.payload.size());
    while (!text.empty()) {
      const auto n = file_.write_some(text, std::chrono::milliseconds(500));
      if (!n || *n == 0) return;
      text.remove_prefix(*n);
    }
  }
  void flush_() override {
    ++flushes_;
    flushed_.notify_all();
  }

  std::string path_;
  OutputFile file_;
  std::uint64_t flushes_ = 0;
  std::condition_variable flushed_;
};

/// Made by the first init, before there are other threads; the parts then stay until shutdown.
struct State {
  std::atomic<Format> format{Format::text};
  std::shared_ptr<FileSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

State& state() noexcept {
  static State instance;
  return instance;
}

void start(State& log) {
  // Signals are the main thread's.
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  log.sink = std::make_shared<FileSink>();
  log.pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  log.logger = std::make_shared<spdlog::async_logger>("lintel", log.sink, log.pool,
                                                      spdlog::async_overflow_policy::overrun_oldest);
  log.logger->set_level(spdlog::level::trace);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void append_time(Buffer& line) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t second = ms / 1000;
  std::tm parts{};
  gmtime_r(&second, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  line.append(std::string_view(text, size));
  const auto end = fmt::format_to_n(text, sizeof text, ".{:03}Z", ms % 1000).out;
  line.append(std::string_view(text, end));
}

/// A value stands bare if it is a plain word; all others are quoted, so that no value can forge a field or a
/// line.
void append_text_value(Buffer& line, std::string_view value) {
  const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  });
  if (plain) return line.append(value);
  line.append('"');
  append_json_text(line, value);
  line.append('"');
}

/// Control characters of the message are escaped, because a message is one line.
void append_message(Buffer& line, std::string_view message) {
  for (const char c : message) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x20 && octet != 0x7f) {
      line.append(c);
    } else {
      const auto text = fmt::format("\\x{:02x}", octet);
      line.append(std::string_view(text));
    }
  }
}

void append_text_line(Buffer& line, Level level, std::string_view message, Fields fields) {
  append_time(line);
  line.append(' ');
  line.append(kLevelNames[static_cast<std::size_t>(level)].text);
  line.append(' ');
  append_message(line, message);
  for (const Field& field : fields) {
    line.append(' ');
    line.append(field.key);
    line.append('=');
    append_text_value(line, field.value);
  }
  line.append('\n');
}

void append_json_line(Buffer& line, Level level, std::string_view message, Fields fields) {
  line.append(std::string_view("{\"ts\":\""));
  append_time(line);
  line.append(std::string_view("\",\"level\":\""));
  line.append(kLevelNames[static_cast<std::size_t>(level)].json);
  line.append(std::string_view("\",\"msg\":\""));
  append_json_text(line, message);
  for (const Field& field : fields) {
    line.append(std::string_view("\",\""));
    append_json_text(line, field.key);
    line.append(std::string_view("\":\""));
    append_json_text(line, field.value);
  }
  line.append(std::string_view("\"}\n"));
}

void write_directly(std::string_view text) {
  auto file = OutputFile::open("stderr");
  if (file) (void)file->write_some(text, std::chrono::milliseconds(100));
}

}  // namespace

namespace detail {

void write(Level level, Fields fields, fmt::string_view format, fmt::format_args args) noexcept try {
  fmt::memory_buffer message;
  fmt::vformat_to(fmt::appender(message), format, args);
  Buffer line;
  State& log = state();
  if (log.format.load(std::memory_order_relaxed) == Format::json) {
    append_json_line(line, level, {message.data(), message.size()}, fields);
  } else {
    append_text_line(line, level, {message.data(), message.size()}, fields);
  }
  if (log.logger == nullptr) return write_directly(line.view());
  log.logger->log(spdlog::level::critical, spdlog::string_view_t(line.data(), line.size()));
} catch (...) {
  // Out of memory or a value that cannot be formatted: a lost log line must not end the program.
}

}  // namespace detail

Result<void> init(const LogSettings& settings) {
  auto file = OutputFile::open(settings.target);
  if (!file) return unexpected(file.error());
  State& log = state();
  if (log.logger == nullptr) start(log);
  flush();
  log.sink->set_target(settings.target, std::move(*file));
  log.format.store(settings.format, std::memory_order_relaxed);
  set_level(settings.level);
  return {};
}

Result<void> reopen() {
  flush();
  return state().sink == nullptr ? Result<void>() : state().sink->reopen();
}

void flush() {
  State& log = state();
  if (log.logger == nullptr) return;
  const std::uint64_t seen = log.sink->flushes();
  // The request waits in the queue as lines do, and may be dropped like one.
  for (int tries = 0; tries < 5; ++tries) {
    log.logger->flush();
    if (log.sink->wait_flush(seen, std::chrono::milliseconds(500))) return;
  }
}

void shutdown() {
  State& log = state();
  flush();
  log.logger.reset();
  log.pool.reset();  // Ends the thread when the queue is empty.
  log.sink.reset();
}

std::uint64_t dropped() noexcept {
  State& log = state();
  return log.pool == nullptr ? 0 : log.pool->overrun_counter();
}

void set_level(Level level) noexcept {
  detail::threshold.store(level, std::memory_order_relaxed);
}

std::optional<std::uint64_t> RateLimit::pass(std::int64_t now_ns) noexcept {
  if (began_ < 0 || now_ns - began_ >= period_ns_) {
    began_ = now_ns;
    passed_ = 0;
  }
  if (passed_ == most_) {
    ++unsaid_;
    return std::nullopt;
  }
  ++passed_;
  return std::exchange(unsaid_, 0);
}

}  // namespace lintel::log
