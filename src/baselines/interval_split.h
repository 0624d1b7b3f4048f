#pragma once

#include <optional>
#include <span>

#include "cleave/cost/unit_graph.h"
#include "cleave/model/plan.h"

namespace cleave::baselines {

/// The best contiguous placement whose stages are intervals of `order`, for the throughput
/// objective; nullopt where no such placement is allowed and fits.
///
/// Dynamic program over (position, devices used of each kind); an interval's load grows by one unit
/// at a time. O(units · longest interval · states), states = Π over kinds of (devices + 1). For
/// gpipe it is repeated under falling limits on the forward load, each time minimising the backward
/// load, which visits the trade-offs of the two that can still win.
///
/// Exact for the order up to kMaxPositions units and kMaxWork steps (see interval_split.cc);
/// beyond, neighbours in the order are fused and devices left out until the effort is bounded, and
/// gpipe's trade-offs end after the one that reaches kMaxStepsOfRounds.
///
/// REQUIRES: `order` is a topological order of the acyclic arcs of `units`.
[[nodiscard]] std::optional<model::Placement> split_into_intervals(
    const cost::UnitGraph& units, std::span<const cost::UnitId> order);

}  // namespace cleave::baselines
