#pragma once

#include <cstddef>

namespace lintel::proxy {

class Sessions;

/// One client connection as its worker sees it, whatever is spoken on it. Registers itself for as long as it
/// lives.
class Session {
 public:
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Lets go of the generation used last, if nothing goes on that needs it.
  virtual void forget_generation() noexcept = 0;
  /// Begins nothing new; ends as soon as what goes on is over.
  virtual void drain() noexcept = 0;
  /// As drain(), but what waits for its client is left to it: a request that comes in time is the last one.
  virtual void retire() noexcept { drain(); }
  /// Ends now.
  virtual void cut() noexcept = 0;

 protected:
  explicit Session(Sessions& sessions) noexcept;
  virtual ~Session();

 private:
  friend class Sessions;
  Sessions& sessions_;
  Session* prev_ = nullptr;
  Session* next_ = nullptr;
};

/// A worker's client connections, for draining and for handing over a new generation. One per worker and
/// listener.
class Sessions {
 public:
  Sessions() noexcept = default;
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions();

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  /// Each as Session says.
  void forget_generation() noexcept;
  void drain() noexcept;
  void retire() noexcept;
  void cut() noexcept;

 private:
  friend class Session;
  Session* first_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace lintel::proxy
