#pragma once

#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/machine.h"
#include "estimate/work.h"

namespace cleave::estimate {

/// All that is to be known of a device class to estimate a time.
struct Speed {
  std::vector<model::Peak> peaks;  ///< float32 is among them
  std::int64_t memory_bytes_per_second = 0;
  base::Duration launch{0};
  double efficiency = 1;

  /// The peak for a type: its own, or that of the next wider one that has one. float64 without one
  /// has half of float32's.
  [[nodiscard]] double operations_per_second(model::ElementType type) const;
  /// Of work, by the roofline; at most kMaxDuration.
  [[nodiscard]] base::Duration time(const Work& work) const;
};

/// What the class says of itself, completed by the catalogue. Error: it says nothing.
[[nodiscard]] base::Result<Speed> speed_of(const model::DeviceClass& device_class);

}  // namespace cleave::estimate
