#pragma once

#include <vector>

#include "cleave/cost/unit_graph.h"

namespace cleave::baselines {

/// The units in a topological order of the arcs that goes deep before it goes wide: after a unit
/// comes one of its successors wherever one is ready. O(units + arcs).
/// REQUIRES: the arcs are acyclic (fuse_cycles()).
[[nodiscard]] std::vector<cost::UnitId> depth_first_order(const cost::UnitGraph& units);

}  // namespace cleave::baselines
