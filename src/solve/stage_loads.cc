#include <set>
#include <utility>

#include "cleave/cost/loads.h"
#include "cleave/solve/solve.h"

namespace cleave::solve {
namespace {

using base::DeviceId;
using base::OperatorId;
using base::TensorId;
using model::DeviceLoad;

// [operators]: the stage that each is in.
std::vector<std::size_t> stages_of(const model::Graph& graph, const model::Plan& plan) {
  std::vector<std::size_t> stage_of(graph.num_operators());
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    for (const OperatorId op : plan.stages[s].operators) stage_of[op.index()] = s;
  }
  return stage_of;
}

}  // namespace

std::vector<DeviceLoad> stage_loads(const model::Problem& problem, const model::Plan& plan) {
  const model::Graph& graph = problem.graph();
  const std::vector<std::size_t> stage_of = stages_of(graph, plan);
  std::vector<cost::DeviceSums> sums(plan.stages.size());
  std::vector<base::Bytes> memory(plan.stages.size());
  const auto class_of = [&](DeviceId device) { return problem.machine().class_of(device); };
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    const std::size_t stage = stage_of[v];
    const auto phase = static_cast<std::size_t>(graph.phase(op));
    sums[stage][phase].compute += *problem.time(op, class_of(plan.placement[v]));
    memory[stage] += graph.memory(op);
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    const OperatorId producer = graph.producer(tensor);
    const DeviceId home = plan.placement[producer.index()];
    const auto phase = static_cast<std::size_t>(graph.phase(producer));
    std::set<std::pair<DeviceId, std::size_t>> readers;  // elsewhere, and in which stage
    for (const OperatorId consumer : graph.consumers(tensor)) {
      const DeviceId device = plan.placement[consumer.index()];
      if (device != home) readers.insert({device, stage_of[consumer.index()]});
    }
    if (readers.empty()) continue;
    const auto price = [&](DeviceId device) { return problem.transfer(tensor, class_of(device)); };
    sums[stage_of[producer.index()]][phase].out += price(home);
    DeviceId last;
    for (const auto& [device, stage] : readers) {
      if (device != last) sums[stage][phase].in += price(device);
      last = device;
    }
  }
  const bool latency = problem.question().objective == model::Objective::latency;
  std::vector<DeviceLoad> loads;
  for (std::size_t s = 0; s < sums.size(); ++s) {
    loads.push_back(cost::summarise(problem, sums[s], memory[s]));
    const model::Stage& stage = plan.stages[s];
    if (latency) loads.back().load = stage.finish - stage.start;  // pools compute in parallel
  }
  return loads;
}

}  // namespace cleave::solve
