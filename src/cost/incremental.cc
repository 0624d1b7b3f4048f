#include "cleave/cost/incremental.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>

namespace cleave::cost {

using base::Bytes;
using base::DeviceId;
using base::Duration;

IncrementalLoads::IncrementalLoads(const UnitGraph& units, std::vector<DeviceId> device_of)
    : units_(units),
      device_of_(std::move(device_of)),
      sums_(units.problem().machine().num_devices()),
      memory_(sums_.size()),
      loads_(sums_.size()) {
  assert(device_of_.size() == units.size());
  for (std::size_t u = 0; u < units.size(); ++u) book(UnitId(u), device_of_[u], 1);
  std::vector<DeviceId> at_pins;
  for (std::size_t e = 0; e < units.num_hyperedges(); ++e) {
    const HyperedgeId edge(e);
    at_pins.clear();
    for (const UnitId pin : units.pins(edge)) at_pins.push_back(device(pin));
    const DeviceId home = at_pins.front();
    std::sort(at_pins.begin(), at_pins.end());
    for (auto run = at_pins.begin(); run != at_pins.end();) {
      const auto end = std::upper_bound(run, at_pins.end(), *run);
      book(edge, *run, static_cast<std::size_t>(end - run), home, 1);
      run = end;
    }
  }
  for (std::size_t d = 0; d < loads_.size(); ++d) summarise_device(DeviceId(d));
}

bool IncrementalLoads::fits(DeviceId device) const {
  const model::Problem& problem = units_.problem();
  const auto limit = problem.memory(problem.machine().class_of(device));
  return !limit || memory_[device.index()] <= *limit;
}

Duration IncrementalLoads::objective() const {
  return cost::objective(units_.problem().schedule(), loads_);
}

DeviceId IncrementalLoads::move(UnitId unit, DeviceId to) {
  const DeviceId from = device(unit);
  if (from == to) return from;
  for (const HyperedgeId edge : units_.hyperedges(unit)) {
    const auto pins = units_.pins(edge);
    std::size_t on_from = 0, on_to = 0;
    for (const UnitId pin : pins) {
      on_from += device(pin) == from ? 1 : 0;
      on_to += device(pin) == to ? 1 : 0;
    }
    const DeviceId home = device(pins.front());
    book(edge, from, on_from, home, -1);
    book(edge, to, on_to, home, -1);
    const DeviceId new_home = pins.front() == unit ? to : home;
    book(edge, from, on_from - 1, new_home, 1);
    book(edge, to, on_to + 1, new_home, 1);
  }
  book(unit, from, -1);
  book(unit, to, 1);
  device_of_[unit.index()] = to;
  summarise_device(from);
  summarise_device(to);
  return from;
}

void IncrementalLoads::book(HyperedgeId edge, DeviceId device, std::size_t held, DeviceId home,
                            int sign) {
  if (held == 0 || held == units_.pins(edge).size()) return;
  PhaseSums& sums = sums_[device.index()][static_cast<std::size_t>(units_.phase(edge))];
  const Duration transfer =
      units_.transfer(edge, units_.problem().machine().class_of(device)) * sign;
  (device == home ? sums.out : sums.in) += transfer;
}

void IncrementalLoads::book(UnitId unit, DeviceId device, int sign) {
  const auto& compute = units_.compute(unit, units_.problem().machine().class_of(device));
  for (std::size_t phase = 0; phase < compute.size(); ++phase) {
    sums_[device.index()][phase].compute += compute[phase] * sign;
  }
  memory_[device.index()] += Bytes(units_.memory(unit).count() * sign);
}

void IncrementalLoads::summarise_device(DeviceId device) {
  const std::size_t d = device.index();
  loads_[d] = summarise(units_.problem(), sums_[d], memory_[d]);
}

}  // namespace cleave::cost
