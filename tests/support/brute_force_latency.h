#pragma once

#include <optional>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::support {

struct LatencyOptimum {
  std::vector<model::Stage> stages;  ///< with start and finish
  base::Duration objective{0};
};

/// The best of all plans for one sample, by check::examine(); nullopt: there is none.
///
/// Every operator is tried in every slot of every device; with workers, for each of these, every
/// order in which pools may take up operators. Of the unused devices of a kind only the first is
/// tried; what is placed is dropped when it breaks a rule or a call alone takes as long as the best
/// so far. REQUIRES: objective latency, at most 8 operators and 4 devices. Exponential.
[[nodiscard]] std::optional<LatencyOptimum> brute_force_latency(const model::Problem& problem);

}  // namespace cleave::support
