#pragma once

#include <string>
#include <vector>

#include "cleave/check/check.h"
#include "cleave/report/text.h"
#include "cleave/solve/solve.h"

namespace cleave::app {

/// The first rule that a placement breaks, in a few words, such as "not contiguous" or "over memory
/// on accelerator1 by 1.20 GiB"; empty where it is feasible.
[[nodiscard]] std::string describe_breach(const model::Problem& problem,
                                          const check::Verdict& verdict);

/// An alternative as the report shows it.
[[nodiscard]] report::Rival to_rival(const model::Problem& problem,
                                     const solve::Alternative& alternative);
[[nodiscard]] std::vector<report::Rival> to_rivals(
    const model::Problem& problem, const std::vector<solve::Alternative>& alternatives);

/// The answer in a sentence, beside the best that needs no planner: how much faster it is, or that
/// splitting does not pay. REQUIRES: the plan has a placement.
[[nodiscard]] std::string describe_against_simple(const model::Problem& problem,
                                                  const model::Plan& plan);

}  // namespace cleave::app
