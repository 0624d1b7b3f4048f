#include "check/contiguity.h"

#include <algorithm>

namespace cleave::check {

using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;

namespace {

// [operators]: whether some operator of the same colocation unit is a forward one.
std::vector<bool> follows_forward(const Graph& graph) {
  std::vector<bool> result(graph.num_operators(), false);
  for (std::size_t v = 0; v < result.size(); ++v) {
    const OperatorId op(v);
    if (graph.phase(op) == Phase::backward) continue;
    result[v] = true;
    if (!graph.group(op)) continue;
    for (const OperatorId member : graph.members(*graph.group(op))) result[member.index()] = true;
  }
  return result;
}

}  // namespace

std::vector<Arc> contiguity_arcs(const Graph& graph) {
  const std::vector<bool> follows = follows_forward(graph);
  std::vector<Arc> arcs;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      if (graph.phase(producer) != graph.phase(consumer)) continue;
      if (graph.phase(producer) == Phase::forward) {
        arcs.push_back({producer, consumer, false});
      } else if (!follows[producer.index()] || !follows[consumer.index()]) {
        arcs.push_back({consumer, producer, true});
      }
    }
  }
  return arcs;
}

std::vector<Arc> find_device_cycle(const std::vector<Arc>& arcs, const model::Placement& placement,
                                   std::size_t num_devices) {
  const auto from = [&](const Arc& arc) { return placement[arc.from.index()].index(); };
  const auto to = [&](const Arc& arc) { return placement[arc.to.index()].index(); };

  std::vector<std::vector<const Arc*>> leaving(num_devices);
  std::vector<std::size_t> waiting(num_devices, 0);  // arcs that arrive from unfinished devices
  for (const Arc& arc : arcs) {
    if (from(arc) == to(arc)) continue;
    leaving[from(arc)].push_back(&arc);
    ++waiting[to(arc)];
  }
  std::vector<std::size_t> finished;
  for (std::size_t d = 0; d < num_devices; ++d) {
    if (waiting[d] == 0) finished.push_back(d);
  }
  for (std::size_t i = 0; i < finished.size(); ++i) {
    for (const Arc* arc : leaving[finished[i]]) {
      if (--waiting[to(*arc)] == 0) finished.push_back(to(*arc));
    }
  }
  if (finished.size() == num_devices) return {};

  // Every device that waits is reached from one that waits: go back until a device repeats.
  std::vector<const Arc*> arriving(num_devices, nullptr);
  std::size_t at = 0;
  for (std::size_t d = 0; d < num_devices; ++d) {
    if (waiting[d] == 0) continue;
    at = d;
    for (const Arc* arc : leaving[d]) arriving[to(*arc)] = arc;
  }
  std::vector<bool> seen(num_devices, false);
  while (!seen[at]) {
    seen[at] = true;
    at = from(*arriving[at]);
  }
  std::vector<Arc> cycle;
  const std::size_t start = at;
  do {
    cycle.push_back(*arriving[at]);
    at = from(*arriving[at]);
  } while (at != start);
  std::reverse(cycle.begin(), cycle.end());
  return cycle;
}

}  // namespace cleave::check
