#include "simulate/memory.h"

#include <algorithm>
#include <map>
#include <utility>

namespace cleave::simulate {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;
using model::Plan;
using model::Problem;
using model::Stage;

namespace {

// What a micro-batch leaves on a stage.
struct Kept {
  std::int64_t inputs = 0;
  std::int64_t stash = 0;
  bool trained = false;  // until its backward pass, which the stage has
};

std::vector<Kept> find_kept(const Graph& graph, const Plan& plan) {
  std::vector<std::size_t> stage_of(graph.num_operators());
  std::vector<Kept> kept(plan.stages.size());
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    for (const OperatorId op : plan.stages[s].operators) {
      stage_of[op.index()] = s;
      kept[s].stash += graph.stash(op).count();
      kept[s].trained = kept[s].trained || graph.phase(op) == Phase::backward;
    }
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    const auto bytes = graph.bytes(TensorId(x));
    if (graph.phase(producer) == Phase::backward || !bytes) continue;
    std::vector<std::size_t> receivers;
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      const std::size_t s = stage_of[consumer.index()];
      if (graph.phase(consumer) == Phase::forward && s != stage_of[producer.index()]) {
        receivers.push_back(s);
      }
    }
    std::sort(receivers.begin(), receivers.end());
    receivers.erase(std::unique(receivers.begin(), receivers.end()), receivers.end());
    for (const std::size_t s : receivers) kept[s].inputs += bytes->count();
  }
  return kept;
}

struct Change {
  Duration at{0};
  std::int64_t bytes = 0;

  // What ends makes room for what begins at the same time.
  friend bool operator<(const Change& a, const Change& b) {
    return a.at != b.at ? a.at < b.at : a.bytes < b.bytes;
  }
};

}  // namespace

void fill_memory(const Problem& problem, const Plan& plan, const std::vector<int>& versions,
                 Timeline& timeline) {
  const Graph& graph = problem.graph();
  const std::vector<Kept> kept = find_kept(graph, plan);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const Stage& stage = plan.stages[s];
    std::int64_t held = 0;
    for (const OperatorId op : stage.operators) {
      held += graph.memory(op).count();
      held += std::max(versions[s] - 1, 0) * graph.weights(op).count();
    }
    timeline.devices[stage.device.index()].memory += Bytes(held);
    if (!stage.choice) continue;
    for (const base::DeviceId device : stage.choice->replicas) {
      timeline.devices[device.index()].memory += Bytes(held);
    }
  }

  std::vector<std::vector<Change>> changes(timeline.devices.size());
  std::map<std::pair<std::int32_t, std::int32_t>, std::pair<Duration, Duration>> stays;
  for (const Slice& slice : timeline.slices) {
    if (slice.activity != Activity::compute) continue;
    const auto [at, first] =
        stays.try_emplace({slice.stage, slice.micro_batch}, slice.start, slice.end);
    if (!first) at->second.second = std::max(at->second.second, slice.end);
  }
  for (const Slice& slice : timeline.slices) {
    if (slice.activity != Activity::compute) continue;
    const auto s = static_cast<std::size_t>(slice.stage);
    const auto& choice = plan.stages[s].choice;
    const bool recompute = choice && choice->recompute;
    auto& own = changes[slice.device.index()];
    if (kept[s].trained && recompute && slice.phase == Phase::backward) {
      own.push_back({slice.start, kept[s].stash});
      own.push_back({slice.end, -kept[s].stash});
    }
    const auto stay = stays.find({slice.stage, slice.micro_batch});
    if (!kept[s].trained || stay == stays.end()) continue;
    const std::int64_t bytes = kept[s].inputs + (recompute ? 0 : kept[s].stash);
    own.push_back({stay->second.first, bytes});
    own.push_back({stay->second.second, -bytes});
    stays.erase(stay);
  }
  for (std::size_t d = 0; d < changes.size(); ++d) {
    std::sort(changes[d].begin(), changes[d].end());
    std::int64_t now = 0;
    std::int64_t most = 0;
    for (const Change& change : changes[d]) most = std::max(most, now += change.bytes);
    timeline.devices[d].memory += Bytes(most);
  }
}

}  // namespace cleave::simulate
