#pragma once

#include <span>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/units.h"
#include "cleave/cost/loads.h"
#include "cleave/cost/unit_graph.h"
#include "cleave/model/plan.h"

namespace cleave::cost {

/// Loads of a placement that changes one unit at a time, for local search. At any moment equal to
/// evaluate() of placement(); times are integers, so nothing drifts, and moving a unit back to
/// where it was undoes the move exactly.
///
/// REQUIRES throughout: a unit is only on devices whose class supports all of its operators.
/// Refers to `units`, which must outlive it. Not thread-safe.
class IncrementalLoads {
 public:
  /// `device_of` is [units]. O(units + devices + pins · log pins).
  IncrementalLoads(const UnitGraph& units, std::vector<base::DeviceId> device_of);

  [[nodiscard]] const UnitGraph& units() const { return units_; }
  [[nodiscard]] base::DeviceId device(UnitId unit) const { return device_of_[unit.index()]; }
  /// [devices]
  [[nodiscard]] std::span<const model::DeviceLoad> devices() const { return loads_; }
  [[nodiscard]] const model::DeviceLoad& load(base::DeviceId device) const {
    return loads_[device.index()];
  }
  /// Whether the device holds at most its memory.
  [[nodiscard]] bool fits(base::DeviceId device) const;
  /// O(devices).
  [[nodiscard]] base::Duration objective() const;
  [[nodiscard]] model::Placement placement() const { return units_.expand(device_of_); }

  /// Returns where the unit was. Touches the loads of these two devices only.
  /// O(pins of the unit's hyperedges).
  base::DeviceId move(UnitId unit, base::DeviceId to);

 private:
  // Adds (sign 1) or takes back (sign −1) what the device pays while it holds `held` of the pins.
  void book(HyperedgeId edge, base::DeviceId device, std::size_t held, base::DeviceId home,
            int sign);
  void book(UnitId unit, base::DeviceId device, int sign);
  void summarise_device(base::DeviceId device);

  const UnitGraph& units_;
  std::vector<base::DeviceId> device_of_;  // [units]
  std::vector<DeviceSums> sums_;           // [devices]
  std::vector<base::Bytes> memory_;        // [devices]
  std::vector<model::DeviceLoad> loads_;   // [devices]
};

}  // namespace cleave::cost
