#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/cost/stages.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::throughput {

/// What the search for stages with choices found and proved. `stages` is empty where it found none.
struct StagesAnswer {
  model::PlanStatus status = model::PlanStatus::none;
  std::string reason;                     ///< infeasible or none: one sentence
  std::vector<cost::ChosenStage> stages;  ///< in the order of the pipeline
  base::Duration objective{0};
  model::Bound bound;
  base::StopReason stop = base::StopReason::finished;
  std::uint64_t states = 0;
};

/// The contiguous pipeline with the smallest objective over stages × replicas × recomputation, with
/// a proven bound (docs/algorithms/stages.md). Exact where the contracted graph has few ideals and
/// the memory limit allows for them; else the best pipeline whose borders lie on one of several
/// topological orders, with a bound from the work there is.
///
/// The result's cases are those of plan_contiguous(). REQUIRES: problem.question().stages.
[[nodiscard]] StagesAnswer plan_stages(const model::Problem& problem, const base::Limits& limits,
                                       const base::ProgressSink& progress = {});

}  // namespace cleave::throughput
