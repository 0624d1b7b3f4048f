#pragma once

#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"
#include "cleave/simulate/simulate.h"

namespace cleave::simulate {

/// Runs one sample through a latency plan, event by event (docs/model.md, "Objective: latency"):
/// what the devices do, by start. Error: bad_input for stages that wait for one another for ever,
/// or for one that has an operator twice or where it cannot run.
[[nodiscard]] base::Result<std::vector<Slice>> run_one_sample(const model::Problem& problem,
                                                              const model::Plan& plan);

}  // namespace cleave::simulate
