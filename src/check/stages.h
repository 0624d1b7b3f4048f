#pragma once

#include <optional>
#include <string>

#include "cleave/check/check.h"

namespace cleave::check {

/// The first claim of a plan for stages with choices that does not hold: about the devices of its
/// stages, what they hold, their loads and the objective, all recomputed from docs/model.md
/// ("Stages with choices"). nullopt: all hold. REQUIRES: problem.question().stages, and that the
/// stages partition the operators over valid devices.
[[nodiscard]] std::optional<std::string> find_fault_in_choices(const model::Problem& problem,
                                                               const model::Plan& plan);

}  // namespace cleave::check
