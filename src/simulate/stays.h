#pragma once

#include <vector>

#include "cleave/simulate/simulate.h"

namespace cleave::simulate {

/// How long a micro-batch is in flight on a device: from the start of the first thing that is done
/// for it there to the end of the last.
struct Stay {
  base::Duration begin{0};
  base::Duration end{0};
};

/// One of each micro-batch that has slices on the device, given all of them. O(n log n).
[[nodiscard]] std::vector<Stay> find_stays(const std::vector<const Slice*>& slices_of_device);

}  // namespace cleave::simulate
