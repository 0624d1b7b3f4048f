// Baselines for the latency objective that are a placement, run as calls.

#include "cleave/cost/latency.h"

#include <array>

#include "baselines/order.h"
#include "baselines/runs.h"
#include "cleave/baselines/baseline.h"
#include "cleave/cost/unit_graph.h"

namespace cleave::baselines {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::KindId;
using base::OperatorId;
using cost::UnitId;
using model::Placement;
using model::Problem;

namespace {

// All on one device of those that `fits` picks, where its times add up to the least.
template <class Fits>
std::optional<Placement> place_together(const Problem& problem, Fits&& fits) {
  std::optional<DeviceId> best;
  Duration least{0};
  for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
    const model::Kind& kind = problem.kind(KindId(k));
    if (!fits(kind.devices.front())) continue;
    Duration time{0};
    bool allowed = true;
    for (std::size_t v = 0; v < problem.graph().num_operators(); ++v) {
      allowed = allowed && problem.allowed(OperatorId(v), KindId(k));
      time += problem.time(OperatorId(v), kind.device_class).value_or(Duration::zero());
    }
    if (!allowed || (best && time >= least)) continue;
    best = kind.devices.front();
    least = time;
  }
  if (!best) return std::nullopt;
  return Placement(problem.graph().num_operators(), *best);
}

Row arrange(const Problem& problem, const std::optional<Placement>& placement) {
  if (!placement) return std::nullopt;
  return cost::arrange_calls(problem, *placement);
}

// Devices in the order in which they are filled: accelerators, then pools.
std::vector<DeviceId> fill_order(const model::Machine& machine) {
  std::vector<DeviceId> order;
  for (const bool pools : {false, true}) {
    for (std::size_t d = 0; d < machine.num_devices(); ++d) {
      if (machine.is_pool(DeviceId(d)) == pools) order.emplace_back(d);
    }
  }
  return order;
}

constexpr std::array kLatencyBaselines{
    LatencyBaseline{"pool-only", "all on one pool", false, true, run_pool_only},
    LatencyBaseline{"one-accelerator", "one call with everything; ignores memory", false, true,
                    run_one_accelerator},
    LatencyBaseline{"greedy", "blocks of a topological order, as large as memory lets", true, true,
                    run_greedy_calls},
    LatencyBaseline{"heft", "list scheduling, each operator where it would end first", true, false,
                    run_heft},
    LatencyBaseline{"scotch", "graph partitioning by Scotch; ignores memory", true, false,
                    run_scotch_calls},
};

}  // namespace

std::span<const LatencyBaseline> latency_baselines() { return kLatencyBaselines; }

Row run_pool_only(const Problem& problem, std::uint64_t) {
  return arrange(problem, place_together(problem, [&](DeviceId device) {
                   return problem.machine().is_pool(device);
                 }));
}

Row run_one_accelerator(const Problem& problem, std::uint64_t) {
  return arrange(problem, place_together(problem, [&](DeviceId device) {
                   return !problem.machine().is_pool(device);
                 }));
}

Row run_greedy_calls(const Problem& problem, std::uint64_t) {
  const cost::UnitGraph units = cost::fuse_cycles(cost::UnitGraph(problem));
  const std::vector<DeviceId> devices = fill_order(problem.machine());
  std::vector<Bytes> used(problem.machine().num_devices());
  const auto takes = [&](DeviceId device, UnitId unit) {
    const auto limit = problem.memory(problem.machine().class_of(device));
    return units.allowed(unit, problem.kind_of(device)) &&
           (!limit || used[device.index()] + units.memory(unit) <= *limit);
  };
  std::vector<DeviceId> device_of(units.size());
  std::size_t current = 0;
  for (const UnitId unit : depth_first_order(units)) {
    std::size_t chosen = current;
    while (chosen < devices.size() && !takes(devices[chosen], unit)) ++chosen;
    if (chosen == devices.size()) return std::nullopt;
    // What only a pool takes does not end the accelerator's block.
    if (!problem.machine().is_pool(devices[chosen])) current = chosen;
    device_of[unit.index()] = devices[chosen];
    used[devices[chosen].index()] += units.memory(unit);
  }
  return cost::arrange_calls(problem, units.expand(device_of));
}

Row run_scotch_calls(const Problem& problem, std::uint64_t seed) {
  return arrange(problem, run_scotch(problem, seed));
}

}  // namespace cleave::baselines
