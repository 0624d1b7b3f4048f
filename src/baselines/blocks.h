#pragma once

#include "cleave/cost/unit_graph.h"

namespace cleave::baselines {

/// Blocks of the graph of arcs, taken without direction: every articulation point is a part of its
/// own; the other units of a biconnected component are one part, if they are not just two units in
/// a chain. Branches that leave one unit and
/// meet again in another lie in one part. O(units + arcs).
[[nodiscard]] cost::Partition find_blocks(const cost::UnitGraph& units);

}  // namespace cleave::baselines
