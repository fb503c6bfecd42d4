#include "app/worker_set.h"

#include <utility>

namespace lintel::app {

void WorkerSet::publish(std::vector<std::shared_ptr<Publication>> publications, std::function<void()> done) {
  const std::size_t in_service = publications.front()->workers;
  if (in_service < workers_.size()) retire(in_service, true);
  while (workers_.size() < in_service) {
    stats_.push_back(std::make_unique<proxy::WorkerStats>());
    workers_.push_back(std::make_unique<Worker>(last_index_++, *stats_.back(), pools_));
  }
  std::vector<Worker*> all;
  for (const auto& worker : workers_) all.push_back(worker.get());
  for (const auto& worker : retiring_) all.push_back(worker.get());
  in_force_ = std::move(done);
  unconfirmed_.insert(all.begin(), all.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i]->publish(publications[i],
                    [this, worker = all[i]] { main_.post([this, worker] { confirmed(worker); }); });
  }
}

/// `worker` has its publication in force, or has ended, perhaps without having taken it.
void WorkerSet::confirmed(Worker* worker) {
  if (unconfirmed_.erase(worker) != 0 && unconfirmed_.empty()) std::exchange(in_force_, nullptr)();
}

void WorkerSet::retire(std::size_t keep, bool gently) {
  while (workers_.size() > keep) {
    Worker* worker = workers_.back().get();
    retiring_.push_back(std::move(workers_.back()));
    workers_.pop_back();
    const auto done = [this, worker] { main_.post([this, worker] { ended(worker); }); };
    if (gently) {
      worker->retire(done);
    } else {
      worker->drain(done);
    }
  }
}

void WorkerSet::ended(Worker* worker) {
  confirmed(worker);
  retiring_.remove_if([worker](const auto& one) { return one.get() == worker; });
  if (retiring_.empty() && drained_) std::exchange(drained_, nullptr)();
}

void WorkerSet::drain(std::function<void()> done) {
  if (workers_.empty() && retiring_.empty()) return done();
  drained_ = std::move(done);
  for (const auto& worker : retiring_) worker->hurry();
  retire(0, false);
}

void WorkerSet::cut() {
  for (const auto& worker : retiring_) worker->cut();
}

proxy::StatsTotal WorkerSet::totals() const {
  std::vector<const proxy::WorkerStats*> all;
  all.reserve(stats_.size());
  for (const auto& stats : stats_) all.push_back(stats.get());
  return proxy::collect(all);
}

void WorkerSet::prune_stats() {
  for (const auto& stats : stats_) stats->prune();
}

}  // namespace lintel::app
