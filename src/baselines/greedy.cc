#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "baselines/accelerators.h"
#include "baselines/order.h"
#include "baselines/runs.h"
#include "cleave/cost/unit_graph.h"

namespace cleave::baselines {

using base::Bytes;
using base::DeviceId;
using cost::UnitId;

namespace {

// The accelerators, and after them the other devices, which take what is left over.
struct FillOrder {
  std::vector<DeviceId> devices;
  std::size_t main = 0;  // the number of accelerators
};

FillOrder fill_order(const model::Machine& machine) {
  FillOrder order{accelerators(machine), 0};
  order.main = order.devices.size();
  for (std::size_t d = 0; d < machine.num_devices(); ++d) {
    const auto accelerators_end = order.devices.begin() + static_cast<std::ptrdiff_t>(order.main);
    if (!std::binary_search(order.devices.begin(), accelerators_end, DeviceId(d))) {
      order.devices.push_back(DeviceId(d));
    }
  }
  return order;
}

// Where each accelerator's part of the model ends, as a fraction of the model: in proportion to the
// devices' memory where all have a limit, else equal parts.
std::vector<double> part_ends(const model::Problem& problem, const FillOrder& order) {
  std::vector<double> ends;
  bool limited = true;
  double total = 0;
  for (std::size_t i = 0; i < order.main; ++i) {
    const auto memory = problem.memory(problem.machine().class_of(order.devices[i]));
    limited = limited && memory && memory->count() > 0;
    total += memory ? static_cast<double>(memory->count()) : 0;
    ends.push_back(total);
  }
  for (std::size_t i = 0; i < ends.size(); ++i) {
    ends[i] =
        limited ? ends[i] / total : static_cast<double>(i + 1) / static_cast<double>(ends.size());
  }
  return ends;
}

// A unit's share of the model: of the memory, or of the number of units where all memory is 0.
std::vector<double> shares(const cost::UnitGraph& units) {
  double total = 0;
  std::vector<double> shares;
  for (std::size_t u = 0; u < units.size(); ++u) {
    shares.push_back(static_cast<double>(units.memory(UnitId(u)).count()));
    total += shares.back();
  }
  for (double& share : shares) {
    share = total > 0 ? share / total : 1.0 / static_cast<double>(units.size());
  }
  return shares;
}

}  // namespace

std::optional<model::Placement> run_greedy(const model::Problem& problem, std::uint64_t) {
  const cost::UnitGraph units = cost::fuse_cycles(cost::UnitGraph(problem));
  const FillOrder order = fill_order(problem.machine());
  const std::vector<double> ends = part_ends(problem, order);
  const std::vector<double> share = shares(units);

  const auto has_room = [&](DeviceId device, Bytes memory) {
    const auto limit = problem.memory(problem.machine().class_of(device));
    return !limit || memory <= *limit;
  };
  std::vector<DeviceId> device_of(units.size());
  std::size_t current = 0;
  Bytes used;         // on the current device
  double before = 0;  // share of the model that is placed
  for (const UnitId unit : depth_first_order(units)) {
    const double middle = before + share[unit.index()] / 2;
    while (current + 1 < order.main && middle > ends[current]) {
      ++current;
      used = Bytes();
    }
    const Bytes needed = units.memory(unit);
    while (current < order.devices.size() &&
           !(units.allowed(unit, problem.kind_of(order.devices[current])) &&
             has_room(order.devices[current], used + needed))) {
      ++current;
      used = Bytes();
    }
    if (current == order.devices.size()) return std::nullopt;
    device_of[unit.index()] = order.devices[current];
    used += needed;
    before += share[unit.index()];
  }
  return units.expand(device_of);
}

}  // namespace cleave::baselines
