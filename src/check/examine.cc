#include <fmt/format.h>

#include <algorithm>

#include "check/contiguity.h"
#include "check/rules.h"
#include "cleave/check/check.h"

namespace cleave::check {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::DeviceLoad;
using model::Graph;
using model::Phase;
using model::Placement;
using model::Problem;

namespace {

void check_contiguity(const Problem& problem, const Placement& placement, Violations& out) {
  const auto cycle = find_device_cycle(contiguity_arcs(problem.graph()), placement,
                                       problem.machine().num_devices());
  if (cycle.empty()) return;
  const auto device_name = [&](OperatorId op) {
    return problem.machine().device_name(placement[op.index()]);
  };
  std::string text = "the placement is not contiguous: ";
  for (const Arc& arc : cycle) {
    text += fmt::format("{} -> ('{}' -> '{}'{}) -> ", device_name(arc.from),
                        problem.graph().id(arc.from), problem.graph().id(arc.to),
                        arc.mirrored ? ", mirrored" : "");
  }
  out.push_back(text + device_name(cycle.front().from));
}

// The shares of every device in one phase: operators of that phase and the tensors they produce.
std::vector<Share> shares_of_phase(const Problem& problem, const Placement& placement,
                                   Phase phase) {
  const Graph& graph = problem.graph();
  std::vector<Share> shares(problem.machine().num_devices());
  const auto class_of = [&](DeviceId device) { return problem.machine().class_of(device); };
  for (std::size_t v = 0; v < placement.size(); ++v) {
    if (graph.phase(OperatorId(v)) != phase) continue;
    const auto time = problem.time(OperatorId(v), class_of(placement[v]));
    shares[placement[v].index()].compute += time.value_or(Duration::zero());
  }
  std::vector<DeviceId> receivers;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    const OperatorId producer = graph.producer(tensor);
    if (graph.phase(producer) != phase) continue;
    const DeviceId sender = placement[producer.index()];
    receivers.clear();
    for (const OperatorId consumer : graph.consumers(tensor)) {
      if (placement[consumer.index()] != sender) receivers.push_back(placement[consumer.index()]);
    }
    std::sort(receivers.begin(), receivers.end());
    receivers.erase(std::unique(receivers.begin(), receivers.end()), receivers.end());
    for (const DeviceId receiver : receivers) {
      shares[receiver.index()].in += problem.transfer(tensor, class_of(receiver));
    }
    if (!receivers.empty()) {
      shares[sender.index()].out += problem.transfer(tensor, class_of(sender));
    }
  }
  return shares;
}

void compute_loads(const Problem& problem, const Placement& placement, Verdict& verdict) {
  const auto forward = shares_of_phase(problem, placement, Phase::forward);
  const auto backward = shares_of_phase(problem, placement, Phase::backward);
  const bool by_phase = problem.schedule() == model::Schedule::gpipe;

  verdict.devices.resize(problem.machine().num_devices());
  for (std::size_t d = 0; d < verdict.devices.size(); ++d) {
    DeviceLoad& device = verdict.devices[d];
    const Share both = forward[d] + backward[d];
    device.in = both.in;
    device.compute = both.compute;
    device.out = both.out;
    if (by_phase) {
      device.forward = combine(problem.transfers(), forward[d]);
      device.backward = combine(problem.transfers(), backward[d]);
      device.load = device.forward + device.backward;
    } else {
      device.load = combine(problem.transfers(), both);
    }
  }
  for (std::size_t v = 0; v < placement.size(); ++v) {
    verdict.devices[placement[v].index()].memory += problem.graph().memory(OperatorId(v));
  }

  Duration load{0};
  Duration most_forward{0};
  Duration most_backward{0};
  for (const DeviceLoad& device : verdict.devices) {
    load = std::max(load, device.load);
    most_forward = std::max(most_forward, device.forward);
    most_backward = std::max(most_backward, device.backward);
  }
  verdict.objective = by_phase ? most_forward + most_backward : load;
}

}  // namespace

Verdict examine(const Problem& problem, const Placement& placement) {
  Verdict verdict;
  Violations& violations = verdict.violations;
  BrokenRules broken(verdict);
  const bool placed = everywhere_placed(problem, placement, violations);
  broken.close(Rule::placed);
  if (!placed) return verdict;
  compute_loads(problem, placement, verdict);
  check_allowed(problem, placement, violations);
  broken.close(Rule::allowed);
  check_colocation(problem, placement, violations);
  broken.close(Rule::colocation);
  check_memory(problem, verdict.devices, violations);
  broken.close(Rule::memory);
  if (problem.question().placement == model::PlacementRule::contiguous) {
    check_contiguity(problem, placement, violations);
    broken.close(Rule::contiguity);
  }
  return verdict;
}

}  // namespace cleave::check
