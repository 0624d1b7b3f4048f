#pragma once

#include <vector>

#include "cleave/base/ids.h"
#include "cleave/model/machine.h"

namespace cleave::baselines {

/// What people spread a model over: the devices that pay transfers, or all where none does.
/// Ascending, not empty.
[[nodiscard]] std::vector<base::DeviceId> accelerators(const model::Machine& machine);

}  // namespace cleave::baselines
