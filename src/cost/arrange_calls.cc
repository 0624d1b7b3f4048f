#include <algorithm>
#include <utility>

#include "cleave/cost/latency.h"

namespace cleave::cost {

using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Placement;
using model::Problem;
using model::Stage;

namespace {

// [operators]: the operator with the longest path of smallest times to an end has rank 0.
std::vector<std::uint32_t> ranks_by_path(const Problem& problem) {
  const Graph& graph = problem.graph();
  const std::size_t n = graph.num_operators();
  std::vector<Duration> path(n);
  const auto order = graph.topological_order();
  for (auto op = order.rbegin(); op != order.rend(); ++op) {
    Duration rest{0};
    for (const TensorId tensor : graph.outputs(*op)) {
      for (const OperatorId consumer : graph.consumers(tensor)) {
        rest = std::max(rest, path[consumer.index()]);
      }
    }
    Duration least = base::kMaxDuration;
    for (std::size_t c = 0; c < problem.machine().num_classes(); ++c) {
      least = std::min(least, problem.time(*op, ClassId(c)).value_or(base::kMaxDuration));
    }
    path[op->index()] = rest + least;
  }
  std::vector<OperatorId> sorted(order.begin(), order.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](OperatorId a, OperatorId b) { return path[a.index()] > path[b.index()]; });
  std::vector<std::uint32_t> ranks(n);
  for (std::size_t i = 0; i < n; ++i) ranks[sorted[i].index()] = static_cast<std::uint32_t>(i);
  return ranks;
}

// Cuts devices' operators into stages that can run one after the other.
class CallCutter {
 public:
  CallCutter(const Problem& problem, const Placement& placement)
      : problem_(problem),
        placement_(placement),
        waiting_(placement.size(), 0),
        ready_(problem.machine().num_devices()),
        work_(problem.machine().num_devices()) {
    const Graph& graph = problem.graph();
    for (std::size_t v = 0; v < waiting_.size(); ++v) {
      waiting_[v] = graph.inputs(OperatorId(v)).size();
    }
    for (const OperatorId op : graph.topological_order()) {
      if (waiting_[op.index()] == 0) make_ready(op);
    }
  }

  std::vector<Stage> cut() && {
    std::vector<Stage> stages;
    while (const auto device = next_device()) {
      Stage& stage = stages.emplace_back();
      stage.device = *device;
      std::vector<OperatorId>& ready = ready_[device->index()];
      for (std::size_t i = 0; i < ready.size(); ++i) finish(ready[i]);
      work_[device->index()] = Duration::zero();
      stage.operators = std::exchange(ready, {});  // by when they became ready: topological
    }
    return stages;
  }

 private:
  std::optional<DeviceId> next_device() const {
    std::optional<DeviceId> most;
    for (std::size_t d = 0; d < ready_.size(); ++d) {
      if (ready_[d].empty()) continue;
      if (problem_.machine().is_pool(DeviceId(d))) return DeviceId(d);
      if (!most || work_[d] > work_[most->index()]) most = DeviceId(d);
    }
    return most;
  }

  void finish(OperatorId op) {
    for (const TensorId tensor : problem_.graph().outputs(op)) {
      for (const OperatorId consumer : problem_.graph().consumers(tensor)) {
        if (--waiting_[consumer.index()] == 0) make_ready(consumer);
      }
    }
  }

  void make_ready(OperatorId op) {
    const DeviceId device = placement_[op.index()];
    ready_[device.index()].push_back(op);
    work_[device.index()] += *problem_.time(op, problem_.machine().class_of(device));
  }

  const Problem& problem_;
  const Placement& placement_;
  std::vector<std::size_t> waiting_;            // [operators]: tensors yet to come
  std::vector<std::vector<OperatorId>> ready_;  // [devices]
  std::vector<Duration> work_;                  // [devices]: of what is ready
};

}  // namespace

std::vector<Stage> arrange_calls(const Problem& problem, const Placement& placement) {
  LatencyClock clock(problem, 1);
  std::vector<SlotId> slot_of;
  slot_of.reserve(placement.size());
  for (const DeviceId device : placement) slot_of.push_back(clock.first_slot(device));
  if (!clock.makespan(slot_of)) {
    return evaluate_latency(problem, CallCutter(problem, placement).cut()).stages;
  }
  if (!problem.question().workers) return clock.stages(slot_of);
  return clock.stages(slot_of, ranks_by_path(problem));
}

}  // namespace cleave::cost
