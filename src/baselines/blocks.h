#pragma once

#include "cleave/cost/unit_graph.h"

namespace cleave::baselines {

/// Blocks of the graph of arcs, taken without direction: every articulation point is a part of its
/// own; the other units of a biconnected component are one part, if they are not just two units in
/// a chain. Branches that leave one unit and meet again in another lie in one part.
///
/// Arcs at side units do not count, and each side unit is a part of its own: sources, sinks, and
/// units before or after which at most a hundredth of the work is done. Otherwise one attention
/// mask that every layer reads would make the whole model one block. (PipeDream's published use on
/// such graphs names these operators by hand.) O(units + arcs). REQUIRES: the arcs are acyclic.
[[nodiscard]] cost::Partition find_blocks(const cost::UnitGraph& units);

}  // namespace cleave::baselines
