#pragma once

#include <vector>

#include "cleave/model/plan.h"
#include "cleave/model/problem.h"
#include "cleave/simulate/simulate.h"

namespace cleave::simulate {

/// Fills DeviceUse::memory. `versions` [stages] of the weights are alive at most.
/// O(operators + edges + slices · log(slices)).
void fill_memory(const model::Problem& problem, const model::Plan& plan,
                 const std::vector<int>& versions, Timeline& timeline);

}  // namespace cleave::simulate
