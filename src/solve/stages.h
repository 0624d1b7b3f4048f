#pragma once

#include <vector>

#include "cleave/cost/stages.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::solve {

/// The stages of a placement, in an order in which a sample passes them.
///
/// Where the devices can be put in a row (docs/model.md, "Contiguity"), one stage a device, in that
/// order; of several orders, the one that follows the graph's topological order. Otherwise each
/// device's operators are cut into virtual stages: again and again, the device with the most work
/// ready takes all that is ready, and what becomes ready on it by that.
///
/// REQUIRES: a device for every operator. O((operators + edges) log operators).
[[nodiscard]] std::vector<model::Stage> arrange_stages(const model::Problem& problem,
                                                       const model::Placement& placement);

/// Makes stages with choices the plan's, and its placement theirs; nothing is priced.
void take_stages(const model::Problem& problem, std::vector<cost::ChosenStage> chosen,
                 model::Plan& plan);

}  // namespace cleave::solve
