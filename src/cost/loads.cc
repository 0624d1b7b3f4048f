#include "cleave/cost/loads.h"

#include <cassert>
#include <cstddef>

namespace cleave::cost {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;

model::DeviceLoad summarise(const model::Problem& problem, const DeviceSums& sums, Bytes memory) {
  const auto& [forward, backward] = sums;
  model::DeviceLoad load;
  load.in = forward.in + backward.in;
  load.compute = forward.compute + backward.compute;
  load.out = forward.out + backward.out;
  load.memory = memory;
  const model::Transfers transfers = problem.transfers();
  if (problem.schedule() == model::Schedule::gpipe) {
    load.forward = combine(transfers, forward.in, forward.compute, forward.out);
    load.backward = combine(transfers, backward.in, backward.compute, backward.out);
    load.load = load.forward + load.backward;
  } else {
    load.load = combine(transfers, load.in, load.compute, load.out);
  }
  return load;
}

Duration objective(model::Schedule schedule, std::span<const model::DeviceLoad> devices) {
  Duration load{0}, forward{0}, backward{0};
  for (const model::DeviceLoad& device : devices) {
    load = std::max(load, device.load);
    forward = std::max(forward, device.forward);
    backward = std::max(backward, device.backward);
  }
  return schedule == model::Schedule::gpipe ? forward + backward : load;
}

Evaluation evaluate(const model::Problem& problem, const model::Placement& placement) {
  const model::Graph& graph = problem.graph();
  const model::Machine& machine = problem.machine();
  const std::size_t devices = machine.num_devices();
  assert(placement.size() == graph.num_operators());

  std::vector<DeviceSums> sums(devices);
  std::vector<Bytes> memory(devices);
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    const DeviceId device = placement[v];
    const auto time = problem.time(op, machine.class_of(device));
    assert(time.has_value());
    sums[device.index()][static_cast<std::size_t>(graph.phase(op))].compute += *time;
    memory[device.index()] += graph.memory(op);
  }

  // The last tensor that was moved into each device: a tensor is moved in at most once.
  std::vector<TensorId> moved_in(devices);
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    const OperatorId producer = graph.producer(tensor);
    const auto phase = static_cast<std::size_t>(graph.phase(producer));
    const DeviceId home = placement[producer.index()];
    bool leaves = false;
    for (const OperatorId consumer : graph.consumers(tensor)) {
      const DeviceId device = placement[consumer.index()];
      if (device == home) continue;
      leaves = true;
      if (moved_in[device.index()] == tensor) continue;
      moved_in[device.index()] = tensor;
      sums[device.index()][phase].in += problem.transfer(tensor, machine.class_of(device));
    }
    if (leaves) sums[home.index()][phase].out += problem.transfer(tensor, machine.class_of(home));
  }

  Evaluation result;
  result.devices.reserve(devices);
  for (std::size_t d = 0; d < devices; ++d) {
    result.devices.push_back(summarise(problem, sums[d], memory[d]));
    const auto limit = problem.memory(machine.class_of(DeviceId(d)));
    result.fits = result.fits && (!limit || memory[d] <= *limit);
  }
  result.objective = objective(problem.schedule(), result.devices);
  return result;
}

}  // namespace cleave::cost
