#include "app/worker_set.h"

#include <utility>

namespace lintel::app {

void WorkerSet::publish(std::vector<std::shared_ptr<Publication>> publications, std::function<void()> done) {
  if (publications.size() < workers_.size()) retire(publications.size());
  while (workers_.size() < publications.size()) {
    stats_.push_back(std::make_unique<proxy::WorkerStats>());
    workers_.push_back(std::make_unique<Worker>(last_index_++, *stats_.back(), pools_));
  }
  unconfirmed_ = workers_.size();
  const auto confirmed = [this, done = std::move(done)] {
    main_.post([this, done] {
      if (--unconfirmed_ == 0) done();
    });
  };
  for (std::size_t i = 0; i < workers_.size(); ++i) workers_[i]->publish(publications[i], confirmed);
}

void WorkerSet::retire(std::size_t keep) {
  while (workers_.size() > keep) {
    Worker* worker = workers_.back().get();
    retiring_.push_back(std::move(workers_.back()));
    workers_.pop_back();
    worker->drain([this, worker] { main_.post([this, worker] { ended(worker); }); });
  }
}

void WorkerSet::ended(Worker* worker) {
  retiring_.remove_if([worker](const auto& one) { return one.get() == worker; });
  if (retiring_.empty() && drained_) std::exchange(drained_, nullptr)();
}

void WorkerSet::drain(std::function<void()> done) {
  if (workers_.empty() && retiring_.empty()) return done();
  drained_ = std::move(done);
  retire(0);
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
