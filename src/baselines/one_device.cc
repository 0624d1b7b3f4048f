#include <cstddef>
#include <optional>

#include "baselines/runs.h"
#include "cleave/baselines/baseline.h"

namespace cleave::baselines {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::KindId;
using base::OperatorId;

namespace {

// Time of the whole model on one device of the kind; nullopt where it cannot be there.
std::optional<Duration> time_of_all(const model::Problem& problem, KindId kind) {
  const base::ClassId device_class = problem.kind(kind).device_class;
  Duration time{0};
  Bytes memory;
  for (std::size_t v = 0; v < problem.graph().num_operators(); ++v) {
    const OperatorId op(v);
    if (!problem.allowed(op, kind)) return std::nullopt;
    time += *problem.time(op, device_class);
    memory += problem.graph().memory(op);
  }
  const auto limit = problem.memory(device_class);
  return limit && memory > *limit ? std::nullopt : std::optional(time);
}

}  // namespace

std::optional<model::Placement> run_one_device(const model::Problem& problem, std::uint64_t) {
  std::optional<Duration> best;
  DeviceId device;
  for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
    const auto time = time_of_all(problem, KindId(k));
    if (!time || (best && *time >= *best)) continue;
    best = time;
    device = problem.kind(KindId(k)).devices.front();
  }
  if (!best) return std::nullopt;
  return model::Placement(problem.graph().num_operators(), device);
}

std::optional<Duration> replicas_only(const model::Problem& problem) {
  const std::size_t classes = problem.machine().num_classes();
  std::vector<std::optional<Duration>> time(classes);
  std::vector<std::int64_t> copies(classes, 0);
  for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
    const model::Kind& kind = problem.kind(KindId(k));
    const auto whole = time_of_all(problem, KindId(k));
    if (!whole) continue;
    time[kind.device_class.index()] = whole;
    copies[kind.device_class.index()] += static_cast<std::int64_t>(kind.devices.size());
  }
  std::optional<Duration> best;
  for (std::size_t c = 0; c < classes; ++c) {
    if (!time[c]) continue;
    const Duration each((time[c]->count() + copies[c] - 1) / copies[c]);
    best = best ? std::min(*best, each) : each;
  }
  return best;
}

}  // namespace cleave::baselines
