// What a row of stages is worth to one sample: the latency objective of docs/model.md.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "check/rules.h"
#include "cleave/check/check.h"

namespace cleave::check {

using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::DeviceLoad;
using model::Graph;
using model::Placement;
using model::Problem;
using model::Stage;

namespace {

// The devices of the operators; nullopt where the stages are no partition of them.
std::optional<Placement> placement_of(const Problem& problem, const std::vector<Stage>& stages,
                                      Violations& out) {
  Placement placement(problem.graph().num_operators());
  for (std::size_t s = 0; s < stages.size(); ++s) {
    if (stages[s].operators.empty()) out.push_back(fmt::format("stage {} has no operators", s));
    for (const OperatorId op : stages[s].operators) {
      if (!op.valid() || op.index() >= placement.size()) {
        out.push_back(fmt::format("stage {} names an operator that the graph does not have", s));
      } else if (placement[op.index()].valid()) {
        out.push_back(fmt::format("operator '{}' is in two stages", problem.graph().id(op)));
      } else {
        placement[op.index()] = stages[s].device;
      }
    }
  }
  const bool partition = out.empty();
  return everywhere_placed(problem, placement, out) && partition ? std::optional(placement)
                                                                 : std::nullopt;
}

void check_order(const Graph& graph, const std::vector<Stage>& stages, Violations& out) {
  std::vector<std::size_t> place(graph.num_operators());
  std::size_t next = 0;
  for (const Stage& stage : stages) {
    for (const OperatorId op : stage.operators) place[op.index()] = next++;
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      if (place[producer.index()] < place[consumer.index()]) continue;
      out.push_back(fmt::format("operator '{}' comes before '{}', whose output it consumes",
                                graph.id(consumer), graph.id(producer)));
      return;
    }
  }
}

void check_slots(const Problem& problem, const std::vector<Stage>& stages, Violations& out) {
  const model::Machine& machine = problem.machine();
  std::vector<std::size_t> calls(machine.num_devices(), 0);
  for (const Stage& stage : stages) ++calls[stage.device.index()];
  for (std::size_t d = 0; d < calls.size(); ++d) {
    if (machine.is_pool(DeviceId(d)) || calls[d] <= problem.slots()) continue;
    out.push_back(fmt::format("{} has {} calls and may have {}", machine.device_name(DeviceId(d)),
                              calls[d], problem.slots()));
  }
}

// What a call moves and computes, from the sets of tensors that cross its border.
Share share_of_call(const Problem& problem, const Stage& stage) {
  const Graph& graph = problem.graph();
  const ClassId c = problem.machine().class_of(stage.device);
  const std::set<OperatorId> inside(stage.operators.begin(), stage.operators.end());
  std::set<TensorId> arriving;
  Share share;
  for (const OperatorId op : stage.operators) {
    share.compute += problem.time(op, c).value_or(Duration::zero());
    for (const TensorId tensor : graph.inputs(op)) {
      if (!inside.contains(graph.producer(tensor))) arriving.insert(tensor);
    }
    for (const TensorId tensor : graph.outputs(op)) {
      const auto consumers = graph.consumers(tensor);
      const bool leaves = std::any_of(consumers.begin(), consumers.end(), [&](OperatorId consumer) {
        return !inside.contains(consumer);
      });
      if (leaves) share.out += problem.transfer(tensor, c);
    }
  }
  for (const TensorId tensor : arriving) share.in += problem.transfer(tensor, c);
  return share;
}

// Of a pool: what its operators have done so far.
struct PoolHistory {
  Duration last_start{0};
  std::multiset<Duration> latest_ends;  // as many as there are workers, the latest
};

class Timing {
 public:
  explicit Timing(const Problem& problem)
      : problem_(problem),
        tensor_ready_(problem.graph().num_tensors()),
        last_call_end_(problem.machine().num_devices()),
        pools_(problem.machine().num_devices()) {}

  void run_call(Stage& stage, Duration load) {
    Duration start = last_call_end_[stage.device.index()];
    const std::set<OperatorId> inside(stage.operators.begin(), stage.operators.end());
    for (const OperatorId op : stage.operators) {
      for (const TensorId tensor : problem_.graph().inputs(op)) {
        if (inside.contains(problem_.graph().producer(tensor))) continue;
        start = std::max(start, tensor_ready_[tensor.index()]);
      }
    }
    stage.start = start;
    stage.finish = last_call_end_[stage.device.index()] = start + load;
    for (const OperatorId op : stage.operators) publish(op, stage.finish);
  }

  void run_pooled(Stage& stage) {
    std::vector<Duration> starts;
    std::vector<Duration> ends;
    for (const OperatorId op : stage.operators) {
      Duration start{0};
      for (const TensorId tensor : problem_.graph().inputs(op)) {
        start = std::max(start, tensor_ready_[tensor.index()]);
      }
      const ClassId c = problem_.machine().class_of(stage.device);
      const Duration time = problem_.time(op, c).value_or(Duration::zero());
      if (problem_.question().workers) start = take_turn(stage.device, start, time);
      starts.push_back(start);
      ends.push_back(start + time);
      publish(op, ends.back());
    }
    stage.start = *std::min_element(starts.begin(), starts.end());
    stage.finish = *std::max_element(ends.begin(), ends.end());
  }

 private:
  void publish(OperatorId op, Duration time) {
    for (const TensorId tensor : problem_.graph().outputs(op)) tensor_ready_[tensor.index()] = time;
  }

  // A worker is free when fewer operators than workers have not ended.
  Duration take_turn(DeviceId pool, Duration ready, Duration time) {
    auto& [last_start, latest_ends] = pools_[pool.index()];
    const auto workers = static_cast<std::size_t>(*problem_.question().workers);
    Duration start = std::max(ready, last_start);
    if (latest_ends.size() == workers) start = std::max(start, *latest_ends.begin());
    last_start = start;
    latest_ends.insert(start + time);
    if (latest_ends.size() > workers) latest_ends.erase(latest_ends.begin());
    return start;
  }

  const Problem& problem_;
  std::vector<Duration> tensor_ready_;   // [tensors]
  std::vector<Duration> last_call_end_;  // [devices]
  std::vector<PoolHistory> pools_;       // [devices]
};

void compute_times(const Problem& problem, const std::vector<Stage>& stages, Verdict& verdict) {
  Timing timing(problem);
  for (Stage stage : stages) {
    DeviceLoad& device = verdict.devices[stage.device.index()];
    Share share = share_of_call(problem, stage);
    if (problem.machine().is_pool(stage.device)) {
      timing.run_pooled(stage);
      device.load += share.compute;
      share.in = share.out = Duration::zero();
    } else {
      const Duration load = combine(problem.transfers(), share);
      timing.run_call(stage, load);
      device.load += load;
    }
    device.in += share.in;
    device.compute += share.compute;
    device.out += share.out;
    verdict.objective = std::max(verdict.objective, stage.finish);
    verdict.stages.push_back(std::move(stage));
  }
}

}  // namespace

Verdict examine(const Problem& problem, const std::vector<Stage>& stages) {
  Verdict verdict;
  Violations& violations = verdict.violations;
  BrokenRules broken(verdict);
  const auto placement = placement_of(problem, stages, violations);
  broken.close(Rule::placed);
  if (!placement) return verdict;
  verdict.devices.resize(problem.machine().num_devices());
  for (std::size_t v = 0; v < placement->size(); ++v) {
    verdict.devices[(*placement)[v].index()].memory += problem.graph().memory(OperatorId(v));
  }
  check_allowed(problem, *placement, violations);
  broken.close(Rule::allowed);
  check_colocation(problem, *placement, violations);
  broken.close(Rule::colocation);
  check_memory(problem, verdict.devices, violations);
  broken.close(Rule::memory);
  check_slots(problem, stages, violations);
  broken.close(Rule::slots);
  check_order(problem.graph(), stages, violations);
  broken.close(Rule::order);
  if (verdict.broken.empty() || verdict.broken.back() != Rule::order) {
    compute_times(problem, stages, verdict);
  }
  return verdict;
}

}  // namespace cleave::check
