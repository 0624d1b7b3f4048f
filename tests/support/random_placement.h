#pragma once

#include "cleave/base/random.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::support {

/// Every group on a random device that all its members may be on, whatever memory and contiguity
/// say; empty where some group has none.
[[nodiscard]] model::Placement random_placement(const model::Problem& problem,
                                                base::Random& random);

}  // namespace cleave::support
