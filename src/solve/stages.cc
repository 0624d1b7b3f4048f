#include "solve/stages.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <span>
#include <utility>

namespace cleave::solve {

using base::DeviceId;
using base::Duration;
using base::GroupId;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;
using model::Placement;
using model::Problem;
using model::Stage;

namespace {

// `to` may not be in an earlier stage than `from`.
struct Arc {
  std::uint32_t from;
  std::uint32_t to;
};

// Arcs by where they start: row i is targets[offsets[i] … offsets[i + 1]).
class Successors {
 public:
  Successors(std::size_t n, std::span<const Arc> arcs) : offsets_(n + 1, 0), arrivals_(n, 0) {
    for (const Arc& arc : arcs) {
      ++offsets_[arc.from + 1];
      ++arrivals_[arc.to];
    }
    for (std::size_t i = 1; i <= n; ++i) offsets_[i] += offsets_[i - 1];
    targets_.resize(arcs.size());
    std::vector<std::size_t> next(offsets_.begin(), offsets_.end() - 1);
    for (const Arc& arc : arcs) targets_[next[arc.from]++] = arc.to;
  }
  [[nodiscard]] std::span<const std::uint32_t> of(std::size_t i) const {
    return std::span(targets_).subspan(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }
  // [n]: how many arcs arrive.
  [[nodiscard]] const std::vector<std::uint32_t>& arrivals() const { return arrivals_; }

 private:
  std::vector<std::size_t> offsets_;
  std::vector<std::uint32_t> targets_;
  std::vector<std::uint32_t> arrivals_;
};

// [operators]: backward operators whose group has a forward one. They pipeline where that one does;
// any other backward operator does so on its own, against the direction of its tensors.
std::vector<bool> find_followers(const Graph& graph) {
  std::vector<bool> leads(graph.num_groups(), false);
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const auto group = graph.group(OperatorId(v));
    if (group && graph.phase(OperatorId(v)) == Phase::forward) leads[group->index()] = true;
  }
  std::vector<bool> follows(graph.num_operators());
  for (std::size_t v = 0; v < follows.size(); ++v) {
    const auto group = graph.group(OperatorId(v));
    follows[v] = graph.phase(OperatorId(v)) == Phase::backward && group && leads[group->index()];
  }
  return follows;
}

// What contiguity is about: tensors between forward operators as they run; tensors between
// backward operators mirrored, where one of the two follows no forward operator.
std::vector<Arc> pipeline_arcs(const Graph& graph, const std::vector<bool>& follows) {
  std::vector<Arc> arcs;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    const auto from = static_cast<std::uint32_t>(producer.index());
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      if (graph.phase(consumer) != graph.phase(producer)) continue;
      const auto to = static_cast<std::uint32_t>(consumer.index());
      if (graph.phase(producer) == Phase::forward) {
        arcs.push_back({from, to});
      } else if (!follows[from] || !follows[to]) {
        arcs.push_back({to, from});
      }
    }
  }
  return arcs;
}

// [operators]: positions in the graph's topological order.
std::vector<std::uint32_t> topological_ranks(const Graph& graph) {
  std::vector<std::uint32_t> ranks(graph.num_operators());
  std::uint32_t rank = 0;
  for (const OperatorId op : graph.topological_order()) ranks[op.index()] = rank++;
  return ranks;
}

// The devices in a row that no arc leads back along; fewer than all where there is none.
// Of the devices that may come next, the one whose first operator comes first.
std::vector<std::uint32_t> order_devices(std::span<const Arc> arcs, const Placement& placement,
                                         const Graph& graph, std::size_t num_devices) {
  const auto device_of = [&](std::uint32_t op) {
    return static_cast<std::uint32_t>(placement[op].index());
  };
  std::vector<Arc> between;
  for (const Arc& arc : arcs) {
    const Arc projected{device_of(arc.from), device_of(arc.to)};
    if (projected.from != projected.to) between.push_back(projected);
  }
  std::vector<std::size_t> first_rank(num_devices, graph.num_operators());
  std::size_t rank = 0;
  for (const OperatorId op : graph.topological_order()) {
    std::size_t& first = first_rank[placement[op.index()].index()];
    first = std::min(first, rank++);
  }

  const Successors successors(num_devices, between);
  std::vector<std::uint32_t> waiting = successors.arrivals();
  using Entry = std::pair<std::size_t, std::uint32_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (std::uint32_t d = 0; d < num_devices; ++d) {
    if (waiting[d] == 0) ready.emplace(first_rank[d], d);
  }
  std::vector<std::uint32_t> order;
  while (!ready.empty()) {
    const std::uint32_t device = ready.top().second;
    ready.pop();
    order.push_back(device);
    for (const std::uint32_t next : successors.of(device)) {
      if (--waiting[next] == 0) ready.emplace(first_rank[next], next);
    }
  }
  return order;
}

std::vector<Stage> one_stage_a_device(std::span<const std::uint32_t> order,
                                      const Placement& placement, const Graph& graph) {
  std::vector<std::size_t> position(order.size());
  std::vector<Stage> stages(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    position[order[i]] = i;
    stages[i].device = DeviceId(std::size_t{order[i]});
  }
  for (const OperatorId op : graph.topological_order()) {
    stages[position[placement[op.index()].index()]].operators.push_back(op);
  }
  std::erase_if(stages, [](const Stage& stage) { return stage.operators.empty(); });
  return stages;
}

// Cuts each device's operators into virtual stages. Followers become ready when all forward
// operators of their group are done, and so join the last one's stage.
class StageCutter {
 public:
  StageCutter(const Problem& problem, const Placement& placement, std::span<const Arc> arcs,
              const std::vector<bool>& follows)
      : problem_(problem),
        graph_(problem.graph()),
        placement_(placement),
        successors_(graph_.num_operators(), arcs),
        waiting_(successors_.arrivals()),
        forward_left_(graph_.num_groups(), 0),
        ready_(problem.machine().num_devices()),
        ready_work_(problem.machine().num_devices(), Duration::zero()) {
    for (std::size_t v = 0; v < waiting_.size(); ++v) {
      const auto group = graph_.group(OperatorId(v));
      if (group && graph_.phase(OperatorId(v)) == Phase::forward) ++forward_left_[group->index()];
      if (follows[v]) ++waiting_[v];  // for the last forward operator of the group
    }
    for (std::size_t v = 0; v < waiting_.size(); ++v) {
      if (waiting_[v] == 0) make_ready(OperatorId(v));
    }
  }

  std::vector<Stage> cut() && {
    std::vector<Stage> stages;
    const std::vector<std::uint32_t> ranks = topological_ranks(graph_);
    while (!queue_.empty()) {
      const auto [work, device] = queue_.top();
      queue_.pop();
      const bool stale = ready_[device.index()].empty() || ready_work_[device.index()] != work;
      if (stale) continue;
      Stage stage{device, drain(device)};
      std::sort(stage.operators.begin(), stage.operators.end(),
                [&](OperatorId a, OperatorId b) { return ranks[a.index()] < ranks[b.index()]; });
      stages.push_back(std::move(stage));
    }
    return stages;
  }

 private:
  // All that is ready on the device, and what becomes ready there by that.
  std::vector<OperatorId> drain(DeviceId device) {
    std::vector<OperatorId>& ready = ready_[device.index()];
    for (std::size_t i = 0; i < ready.size(); ++i) finish(ready[i]);
    ready_work_[device.index()] = Duration::zero();
    return std::exchange(ready, {});
  }

  void finish(OperatorId op) {
    for (const std::uint32_t next : successors_.of(op.index()))
      arrive(OperatorId(std::size_t{next}));
    const auto group = graph_.group(op);
    if (!group || graph_.phase(op) != Phase::forward) return;
    if (--forward_left_[group->index()] > 0) return;
    for (const OperatorId member : graph_.members(*group)) {
      if (graph_.phase(member) == Phase::backward) arrive(member);
    }
  }

  void arrive(OperatorId op) {
    if (--waiting_[op.index()] == 0) make_ready(op);
  }

  void make_ready(OperatorId op) {
    const DeviceId device = placement_[op.index()];
    ready_[device.index()].push_back(op);
    Duration& work = ready_work_[device.index()];
    work += problem_.time(op, problem_.machine().class_of(device)).value_or(Duration::zero());
    queue_.emplace(work, device);
  }

  const Problem& problem_;
  const Graph& graph_;
  const Placement& placement_;
  Successors successors_;
  std::vector<std::uint32_t> waiting_;          // [operators]: arcs from unfinished ones
  std::vector<std::uint32_t> forward_left_;     // [groups]: forward operators not finished
  std::vector<std::vector<OperatorId>> ready_;  // [devices]
  std::vector<Duration> ready_work_;            // [devices]
  // Most work first; an entry for each change of a device's work, of which the newest counts.
  std::priority_queue<std::pair<Duration, DeviceId>> queue_;
};

}  // namespace

std::vector<Stage> arrange_stages(const Problem& problem, const Placement& placement) {
  const Graph& graph = problem.graph();
  const std::size_t num_devices = problem.machine().num_devices();
  const std::vector<bool> follows = find_followers(graph);
  const std::vector<Arc> arcs = pipeline_arcs(graph, follows);
  const auto order = order_devices(arcs, placement, graph, num_devices);
  if (order.size() == num_devices) return one_stage_a_device(order, placement, graph);
  return StageCutter(problem, placement, arcs, follows).cut();
}

void take_stages(const Problem& problem, std::vector<cost::ChosenStage> chosen, model::Plan& plan) {
  plan.placement.resize(problem.graph().num_operators());
  for (cost::ChosenStage& from : chosen) {
    const DeviceId device = from.devices.front();
    for (const OperatorId op : from.operators) plan.placement[op.index()] = device;
    Stage& stage = plan.stages.emplace_back();
    stage.device = device;
    stage.operators = std::move(from.operators);
    stage.choice = model::StageChoice{};
    stage.choice->replicas.assign(from.devices.begin() + 1, from.devices.end());
    stage.choice->recompute = from.recompute;
  }
}

}  // namespace cleave::solve
