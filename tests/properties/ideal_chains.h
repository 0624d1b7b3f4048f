#pragma once

#include "cleave/model/problem.h"
#include "cleave/throughput/contiguous.h"

namespace cleave::properties {

/// The best contiguous placement as docs/model.md puts it: a chain of ideals (down-sets) of the
/// colocation units, one stage a device, each stage priced by the definition of its load. No
/// pruning but dominance between chains to the same ideal.
///
/// Where brute force asks whether the devices of a placement can be ordered, this asks which
/// placements an order of devices allows: that both agree tests the definitions themselves.
/// Always optimal or infeasible. At most 20 units and devices; exponential.
[[nodiscard]] throughput::Answer plan_by_ideal_chains(const model::Problem& problem);

}  // namespace cleave::properties
