#pragma once

#include <optional>

#include "check/heavy_sets.h"
#include "cleave/model/problem.h"

namespace cleave::check {

/// Whether some placement keeps all rules but contiguity and has an objective of at most
/// `threshold`, by trying all of them; nullopt where the effort did not suffice. What is placed
/// already only gets dearer, so that a partial placement above the threshold ends a branch, and of
/// a kind's empty devices the first is enough. Effort: operators and consumers looked at.
/// REQUIRES: the throughput objective.
[[nodiscard]] std::optional<bool> some_placement_within(const model::Problem& problem,
                                                        base::Duration threshold, Effort& effort);

}  // namespace cleave::check
