#pragma once

#include <vector>

#include "cleave/solve/solve.h"

namespace cleave::solve {

/// Where stages have choices: the whole model as one stage, on one device and on the best number of
/// replicas (data parallelism), each checked. REQUIRES: problem.question().stages.
[[nodiscard]] std::vector<Alternative> one_stage_alternatives(const model::Problem& problem);

}  // namespace cleave::solve
