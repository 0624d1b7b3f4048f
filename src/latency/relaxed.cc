#include "latency/relaxed.h"

#include <algorithm>

namespace cleave::latency {
namespace {

using base::ClassId;
using base::KindId;
using base::OperatorId;
using base::TensorId;

bool pays(const model::Problem& problem, ClassId c) {
  return problem.machine().device_class(c).pays_transfers;
}

std::vector<ClassId> accelerator_classes(const model::Problem& problem) {
  std::vector<ClassId> classes;
  for (std::size_t c = 0; c < problem.machine().num_classes(); ++c) {
    if (pays(problem, ClassId(c))) classes.emplace_back(c);
  }
  return classes;
}

}  // namespace

Relaxed::Relaxed(const model::Problem& problem)
    : size(problem.graph().num_operators()),
      transfers(problem.transfers()),
      slots(problem.slots()),
      call_time(size, kNever),
      pool_time(size, kNever),
      memory(size),
      group(size),
      inputs(size),
      outputs(size),
      successors(size),
      predecessors(size) {
  const model::Graph& graph = problem.graph();
  const auto accelerators = accelerator_classes(problem);
  for (const ClassId c : accelerators) {
    const auto limit = problem.memory(c);
    memory_limit = std::max(memory_limit, limit ? limit->count() : kNever);
    const auto count = static_cast<std::size_t>(problem.machine().device_class(c).count);
    calls = std::min(size, calls + std::min(size, count * slots));
  }

  std::vector<Vertex> vertex_of(size);
  const auto order = graph.topological_order();
  for (Vertex v = 0; v < size; ++v) vertex_of[order[v].index()] = v;
  constexpr std::uint32_t kNone = 0xffffffff;
  std::vector<std::uint32_t> group_number(graph.num_groups(), kNone);
  for (Vertex v = 0; v < size; ++v) {
    const OperatorId op = order[v];
    memory[v] = graph.memory(op).count();
    for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
      if (!problem.allowed(op, KindId(k))) continue;
      const ClassId c = problem.kind(KindId(k)).device_class;
      Amount& time = pays(problem, c) ? call_time[v] : pool_time[v];
      time = std::min(time, problem.time(op, c)->count());
    }
    const auto label = graph.group(op);
    std::uint32_t fresh = kNone;
    std::uint32_t& number = label ? group_number[label->index()] : fresh;
    if (number == kNone) {
      number = static_cast<std::uint32_t>(members.size());
      members.emplace_back();
    }
    group[v] = number;
    members[number].push_back(v);
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    Tensor tensor;
    tensor.producer = vertex_of[graph.producer(TensorId(x)).index()];
    for (const OperatorId op : graph.consumers(TensorId(x))) {
      tensor.consumers.push_back(vertex_of[op.index()]);
    }
    if (tensor.consumers.empty()) continue;  // moves nowhere
    std::sort(tensor.consumers.begin(), tensor.consumers.end());
    tensor.price = accelerators.empty() ? 0 : kNever;
    for (const ClassId c : accelerators) {
      tensor.price = std::min(tensor.price, problem.transfer(TensorId(x), c).count());
    }
    const auto number = static_cast<std::uint32_t>(tensors.size());
    outputs[tensor.producer].push_back(number);
    for (const Vertex v : tensor.consumers) {
      inputs[v].push_back(number);
      successors[tensor.producer].push_back(v);
      predecessors[v].push_back(tensor.producer);
    }
    tensors.push_back(std::move(tensor));
  }
  for (auto* adjacent : {&successors, &predecessors}) {
    for (auto& list : *adjacent) {
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
    }
  }
}

}  // namespace cleave::latency
