#include "support/brute_force_latency.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>

#include "cleave/check/check.h"

namespace cleave::support {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::KindId;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Problem;
using model::Stage;

namespace {

constexpr std::size_t kMaxOperators = 8;
constexpr std::size_t kMaxDevices = 4;
using Set = std::uint32_t;  // of operators

bool has(Set set, std::size_t v) { return (set >> v & 1) != 0; }

// A call, or one operator of a pool.
struct Job {
  std::size_t device = 0;
  Set operators = 0;
  Set producers = 0;  // of tensors that come from outside
  Duration time{0};
};

class Search {
 public:
  explicit Search(const Problem& problem)
      : problem_(problem),
        graph_(problem.graph()),
        n_(graph_.num_operators()),
        devices_(problem.machine().num_devices()) {
    assert(n_ <= kMaxOperators && devices_ <= kMaxDevices);
    for (const OperatorId op : graph_.topological_order()) order_.push_back(op.index());
    for (std::size_t d = 0; d < devices_; ++d) {
      pool_[d] = problem.machine().is_pool(DeviceId(d));
      const auto limit = problem.memory(problem.machine().class_of(DeviceId(d)));
      memory_[d] = limit.value_or(Bytes::max());
    }
  }

  std::optional<LatencyOptimum> run() {
    place_from(0);
    if (!best_) return std::nullopt;
    const check::Verdict verdict = check::examine(problem_, best_->stages);
    assert(verdict.feasible() && verdict.objective == best_->objective);
    best_->stages = verdict.stages;
    return std::move(best_);
  }

 private:
  void place_from(std::size_t next) {
    if (next == n_) {
      if (slots_without_gaps()) time_placement();
      return;
    }
    const std::size_t v = order_[next];
    for (const std::size_t d : candidates(v)) {
      held_[d] += graph_.memory(OperatorId(v));
      device_[v] = d;
      placed_ |= Set{1} << v;
      const std::size_t slots = pool_[d] ? 1 : problem_.slots();
      for (std::size_t slot = 0; slot < slots && held_[d] <= memory_[d]; ++slot) {
        slot_[v] = slot;
        if (!pool_[d] && slot < least_slot(v, d)) continue;
        if (pool_[d] || !best_ || call_time(d, slot, placed_) < best_->objective) {
          place_from(next + 1);
        }
      }
      held_[d] -= graph_.memory(OperatorId(v));
      placed_ &= ~(Set{1} << v);
    }
  }

  // Devices that may hold the operator: its group's, if that has one, else those in use and the
  // first unused one of each kind.
  std::vector<std::size_t> candidates(std::size_t v) const {
    Set used = 0;
    for (std::size_t u = 0; u < n_; ++u) {
      if (!has(placed_, u)) continue;
      used |= Set{1} << device_[u];
      const auto group = graph_.group(OperatorId(v));
      if (!group || graph_.group(OperatorId(u)) != group) continue;
      if (problem_.allowed(OperatorId(v), DeviceId(device_[u]))) return {device_[u]};
      return {};
    }
    std::vector<std::size_t> result;
    for (std::size_t k = 0; k < problem_.num_kinds(); ++k) {
      if (!problem_.allowed(OperatorId(v), KindId(k))) continue;
      for (const DeviceId device : problem_.kind(KindId(k)).devices) {
        result.push_back(device.index());
        if (!has(used, device.index())) break;
      }
    }
    return result;
  }

  // A call may not come before one whose results it needs.
  std::size_t least_slot(std::size_t v, std::size_t device) const {
    std::size_t least = 0;
    for (const TensorId tensor : graph_.inputs(OperatorId(v))) {
      const std::size_t producer = graph_.producer(tensor).index();
      if (device_[producer] == device) least = std::max(least, slot_[producer]);
    }
    return least;
  }

  // An empty slot before a used one gives nothing new.
  bool slots_without_gaps() const {
    std::array<Set, kMaxDevices> used{};
    for (std::size_t v = 0; v < n_; ++v) used[device_[v]] |= Set{1} << slot_[v];
    return std::all_of(used.begin(), used.end(), [](Set set) { return (set & (set + 1)) == 0; });
  }

  Set call_of(std::size_t device, std::size_t slot, Set among) const {
    Set call = 0;
    for (std::size_t v = 0; v < n_; ++v) {
      if (has(among, v) && device_[v] == device && slot_[v] == slot) call |= Set{1} << v;
    }
    return call;
  }

  Duration price(TensorId tensor, std::size_t device) const {
    return problem_.transfer(tensor, problem_.machine().class_of(DeviceId(device)));
  }

  // The time of a call as far as `among` are placed: it only grows with more.
  Duration call_time(std::size_t device, std::size_t slot, Set among) const {
    const Set call = call_of(device, slot, among);
    Duration in{0};
    Duration compute{0};
    Duration out{0};
    for (std::size_t v = 0; v < n_; ++v) {
      if (!has(call, v)) continue;
      compute += *problem_.time(OperatorId(v), problem_.machine().class_of(DeviceId(device)));
    }
    for (std::size_t x = 0; x < graph_.num_tensors(); ++x) {
      const TensorId tensor(x);
      const std::size_t producer = graph_.producer(tensor).index();
      Set consumers = 0;
      for (const OperatorId consumer : graph_.consumers(tensor)) {
        consumers |= Set{1} << consumer.index();
      }
      consumers &= among;
      if (has(call, producer) && (consumers & ~call) != 0) out += price(tensor, device);
      if (has(among, producer) && !has(call, producer) && (consumers & call) != 0) {
        in += price(tensor, device);
      }
    }
    switch (problem_.transfers()) {
      case model::Transfers::serial:
        break;
      case model::Transfers::half_duplex:
        return std::max(in + out, compute);
      case model::Transfers::full_duplex:
        return std::max({in, compute, out});
    }
    return in + compute + out;
  }

  void time_placement() {
    jobs_.clear();
    for (std::size_t v = 0; v < n_; ++v) {
      const std::size_t d = device_[v];
      const Set call = pool_[d] ? Set{1} << v : call_of(d, slot_[v], placed_);
      if ((call & ((Set{1} << v) - 1)) != 0) continue;  // listed by an earlier operator
      Job job{d, call, 0, Duration::zero()};
      job.time = pool_[d] ? *problem_.time(OperatorId(v), problem_.machine().class_of(DeviceId(d)))
                          : call_time(d, slot_[v], placed_);
      for (std::size_t u = 0; u < n_; ++u) {
        if (!has(call, u)) continue;
        for (const TensorId tensor : graph_.inputs(OperatorId(u))) {
          job.producers |= Set{1} << graph_.producer(tensor).index();
        }
        // The accelerator's call before.
        if (!pool_[d] && slot_[u] > 0) job.producers |= call_of(d, slot_[u] - 1, placed_);
      }
      job.producers &= ~call;
      jobs_.push_back(job);
    }
    row_.clear();
    extend_row(0, Duration::zero());
  }

  // Puts jobs in a row, depth first; the order matters only among those of pools with workers.
  void extend_row(Set done, Duration makespan) {
    if (best_ && makespan >= best_->objective) return;
    if (row_.size() == jobs_.size()) {
      record(makespan);
      return;
    }
    for (std::size_t j = 0; j < jobs_.size(); ++j) {
      const Job& job = jobs_[j];
      if ((job.operators & done) != 0 || (job.producers & ~done) != 0) continue;
      const bool ordered = pool_[job.device] && problem_.question().workers.has_value();
      const Duration finish = start_of(job) + job.time;
      row_.push_back(j);
      for (std::size_t v = 0; v < n_; ++v) {
        if (has(job.operators, v)) finish_[v] = finish;
      }
      extend_row(done | job.operators, std::max(makespan, finish));
      row_.pop_back();
      if (!ordered) return;
    }
  }

  Duration start_of(const Job& job) const {
    Duration start{0};
    for (std::size_t v = 0; v < n_; ++v) {
      if (has(job.producers, v)) start = std::max(start, finish_[v]);
    }
    const auto workers = problem_.question().workers;
    if (!pool_[job.device] || !workers) return start;
    std::vector<Duration> ends;
    for (const std::size_t j : row_) {
      const Job& before = jobs_[j];
      if (before.device != job.device) continue;
      const Duration end = finish_of(before);
      start = std::max(start, end - before.time);
      ends.push_back(end);
    }
    std::sort(ends.rbegin(), ends.rend());
    const auto limit = static_cast<std::size_t>(*workers);
    return ends.size() < limit ? start : std::max(start, ends[limit - 1]);
  }

  Duration finish_of(const Job& job) const {
    std::size_t v = 0;
    while (!has(job.operators, v)) ++v;
    return finish_[v];
  }

  void record(Duration makespan) {
    best_.emplace();
    best_->objective = makespan;
    for (const std::size_t j : row_) {
      Stage& stage = best_->stages.emplace_back();
      stage.device = DeviceId(jobs_[j].device);
      for (const std::size_t v : order_) {
        if (has(jobs_[j].operators, v)) stage.operators.emplace_back(v);
      }
    }
  }

  const Problem& problem_;
  const Graph& graph_;
  std::size_t n_;
  std::size_t devices_;
  std::vector<std::size_t> order_;
  std::array<bool, kMaxDevices> pool_{};
  std::array<Bytes, kMaxDevices> memory_{};
  std::array<Bytes, kMaxDevices> held_{};
  std::array<std::size_t, kMaxOperators> device_{};
  std::array<std::size_t, kMaxOperators> slot_{};
  Set placed_ = 0;
  std::vector<Job> jobs_;
  std::vector<std::size_t> row_;  // indices into jobs_
  std::array<Duration, kMaxOperators> finish_{};
  std::optional<LatencyOptimum> best_;
};

}  // namespace

std::optional<LatencyOptimum> brute_force_latency(const Problem& problem) {
  return Search(problem).run();
}

}  // namespace cleave::support
