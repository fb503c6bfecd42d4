#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <vector>

#include "app/worker.h"
#include "net/loop.h"
#include "proxy/stats.h"

namespace lintel::app {

/// All workers, those that end included. Belongs to the main thread; every `done` is called on its loop.
class WorkerSet {
 public:
  explicit WorkerSet(net::Loop& main) noexcept : main_(main) {}
  WorkerSet(const WorkerSet&) = delete;
  WorkerSet& operator=(const WorkerSet&) = delete;
  /// All workers must have drained.
  ~WorkerSet() = default;

  /// What the workers have in common of their pools.
  [[nodiscard]] pool::SharedPools& pools() noexcept { return *pools_; }
  /// Workers in service.
  [[nodiscard]] std::size_t count() const noexcept { return workers_.size(); }
  /// How many workers will be ending once only `workers` are in service.
  [[nodiscard]] std::size_t retiring(std::size_t workers) const noexcept {
    return retiring_.size() + (workers < count() ? count() - workers : 0);
  }
  /// Hands each worker its publication. The first ones are for the workers in service, as many as they say:
  /// new ones are started, or the last ones retire and end in the background. The others, retiring() in
  /// number, are for those. `done` follows when every worker has it in force; nothing else may be asked for
  /// before.
  void publish(std::vector<std::shared_ptr<Publication>> publications, std::function<void()> done);
  /// Drains all workers; `done` follows when the last has ended.
  void drain(std::function<void()> done);
  /// Ends all sessions of workers that drain.
  void cut();

  /// Of all workers there ever were.
  [[nodiscard]] proxy::StatsTotal totals() const;
  /// Forgets the figures of what is in no configuration any more.
  void prune_stats();

 private:
  void retire(std::size_t keep, bool gently);
  void confirmed(Worker* worker);
  void ended(Worker* worker);

  net::Loop& main_;
  std::shared_ptr<pool::SharedPools> pools_ = std::make_shared<pool::SharedPools>();
  std::vector<std::unique_ptr<proxy::WorkerStats>> stats_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::list<std::unique_ptr<Worker>> retiring_;
  std::set<Worker*> unconfirmed_;  ///< Have not taken the last publication.
  std::function<void()> in_force_;
  std::uint32_t last_index_ = 0;
  std::function<void()> drained_;
};

}  // namespace lintel::app
