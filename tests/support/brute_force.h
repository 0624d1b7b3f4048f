#pragma once

#include <optional>

#include "cleave/base/units.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::support {

struct Optimum {
  model::Placement placement;
  base::Duration objective{0};
};

/// The best of all placements by check::examine(); nullopt: none is feasible.
///
/// Colocation groups are placed as one; of the unused devices of a kind only the first is tried; a
/// partial placement is dropped when what is placed already breaks a rule or is no better than the
/// best so far (loads, memory and cycles of devices only grow). For at most 16 devices and about
/// 10 groups: exponential.
[[nodiscard]] std::optional<Optimum> brute_force(const model::Problem& problem);

}  // namespace cleave::support
