#include "throughput/stage_bounds.h"

#include <fmt/format.h>

#include <algorithm>

#include "throughput/growing_stage.h"

namespace cleave::throughput {

using base::Bytes;
using base::Duration;
using cost::Picoseconds;
using model::KindId;
using model::Problem;
using model::Recompute;
using model::Schedule;
using reduce::Contracted;
using reduce::Node;

Bytes least_stage_memory(const Problem& problem, const cost::StageBytes& bytes) {
  if (!problem.graph().has_backward()) return bytes.resident;
  const bool two = problem.schedule() == Schedule::two_bw;
  return bytes.resident + bytes.stash + (two ? bytes.weights : Bytes(0));
}

StageBounds::StageBounds(const Problem& problem, const Contracted& graph)
    : problem_(problem),
      graph_(graph),
      by_phase_(problem.schedule() == Schedule::gpipe),
      batch_(problem.graph().has_backward() ? problem.question().stages->micro_batches : 1) {
  const model::StageChoices& choices = *problem.question().stages;
  const bool training = problem.graph().has_backward();
  for (std::size_t k = 0; k < graph.num_kinds; ++k) {
    const model::Kind& of = problem.kind(KindId(k));
    const model::DeviceClass& c = problem.machine().device_class(of.device_class);
    Kind& kind = kinds_.emplace_back();
    const auto count = static_cast<std::int64_t>(of.devices.size());
    for (std::int64_t r = 1; r <= std::min<std::int64_t>(count, choices.max_replicas); ++r) {
      if (!training || batch_ % r == 0) kind.replicas.push_back(r);
    }
    if (c.pays_transfers && training) kind.ring = c.link;
    if (kind.ring && c.server) {
      const model::Link& inside = c.server->link;
      kind.ring = model::Link{std::max(inside.bytes_per_second, kind.ring->bytes_per_second),
                              std::min(inside.latency, kind.ring->latency)};
    }
    kind.memory = c.memory.value_or(Bytes::max());
    limited_ = limited_ && c.memory;
    all_memory_ += Picoseconds{count} * kind.memory.count();
  }
  const bool again = training && choices.recompute == Recompute::always;
  GrowingStage stage(problem, graph);
  for (Node v = 0; v < graph.num_nodes; ++v) {
    stage.push(v);
    Item& item = items_.emplace_back();
    item.memory = least_stage_memory(problem, stage.bytes());
    item.weights = stage.bytes().weights;
    for (std::size_t k = 0; k < graph.num_kinds; ++k) {
      if (!stage.allowed(k)) continue;
      const Duration forward = stage.compute(k, 0);
      const Duration backward = stage.compute(k, 1) + (again ? forward : Duration(0));
      if (by_phase_) {
        item.options.push_back({k, {forward, backward}});
      } else {
        item.options.push_back({k, {forward + backward, Duration(0)}});
      }
    }
    stage.pop();
  }
}

StageBounds::Need StageBounds::need(const Item& item, std::size_t phase, Duration cap) const {
  const bool synchronises = !by_phase_ || phase == 1;
  Need least;
  for (const Option& option : item.options) {
    const Kind& kind = kinds_[option.kind];
    const bool rings = synchronises && kind.ring;
    const Duration compute = option.compute[phase];
    const auto within = [&](std::int64_t r) {
      // In inference the replicas of a stage take turns with single samples.
      if (batch_ % r != 0) return Picoseconds{compute.count()} <= Picoseconds{r} * cap.count();
      const Duration sync =
          rings && r > 1 ? cost::sync_time(*kind.ring, item.weights, r) : Duration(0);
      return cost::batch_time(compute, batch_ / r, sync) <= Picoseconds{batch_} * cap.count();
    };
    const auto r = std::find_if(kind.replicas.begin(), kind.replicas.end(), within);
    if (r == kind.replicas.end()) continue;
    Picoseconds time = Picoseconds{batch_} * compute.count();
    if (rings) {
      constexpr Picoseconds kPicosecondsPerSecond = 1'000'000'000'000;
      time += 2 * (*r - 1) * (item.weights.count() * kPicosecondsPerSecond) /
              kind.ring->bytes_per_second;
    }
    least.time = least.replicas == 0 ? time : std::min(least.time, time);
    least.replicas = least.replicas == 0 ? *r : std::min(least.replicas, *r);
  }
  return least;
}

bool StageBounds::refuted(std::size_t phase, Duration cap) const {
  Picoseconds time = 0;
  Picoseconds memory = 0;
  for (const Item& item : items_) {
    const Need least = need(item, phase, cap);
    if (least.replicas == 0) return true;
    time += least.time;
    memory += Picoseconds{least.replicas} * item.memory.count();
  }
  const auto devices = static_cast<std::int64_t>(problem_.machine().num_devices());
  return time > Picoseconds{devices} * batch_ * cap.count() || (limited_ && memory > all_memory_);
}

Duration StageBounds::load(std::size_t phase) const {
  // Within all of its compute time, a node is done by one device.
  Duration high{0};
  for (const Item& item : items_) {
    Duration most{0};
    for (const Option& option : item.options) most = std::max(most, option.compute[phase]);
    high += most;
  }
  Duration low{0};
  while (low < high) {
    const Duration cap = low + (high - low) / 2;
    if (refuted(phase, cap)) {
      low = cap + Duration(1);
    } else {
      high = cap;
    }
  }
  return low;
}

Duration StageBounds::objective() const { return load(0) + (by_phase_ ? load(1) : Duration(0)); }

std::optional<std::string> StageBounds::find_shortage() const {
  Picoseconds all = 0;
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    const Item& item = items_[v];
    all += item.memory.count();
    const Option* roomiest = nullptr;
    for (const Option& option : item.options) {
      const Bytes memory = kinds_[option.kind].memory;
      if (roomiest == nullptr || memory > kinds_[roomiest->kind].memory) roomiest = &option;
    }
    if (roomiest == nullptr) continue;
    const Bytes most = kinds_[roomiest->kind].memory;
    if (item.memory <= most) continue;
    const auto device_class = problem_.kind(KindId(roomiest->kind)).device_class;
    return fmt::format(
        "operator '{}' and what must be with it need at least {} bytes alone on a device, with "
        "one micro-batch in flight; a device of class '{}' has {}: {} bytes short",
        problem_.graph().id(graph_.members[v].front()), item.memory.count(),
        problem_.machine().device_class(device_class).name, most.count(),
        (item.memory - most).count());
  }
  if (!limited_ || all <= all_memory_) return std::nullopt;
  return fmt::format(
      "the model needs at least {} bytes, with one micro-batch in flight; the {} devices have {} "
      "together: {} bytes short",
      static_cast<std::int64_t>(all), problem_.machine().num_devices(),
      static_cast<std::int64_t>(all_memory_), static_cast<std::int64_t>(all - all_memory_));
}

}  // namespace cleave::throughput
