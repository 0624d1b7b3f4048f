#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::latency {

/// What a search found and proved. `placement` and `stages` are empty where it found none.
struct Answer {
  model::PlanStatus status = model::PlanStatus::none;
  std::string reason;  ///< infeasible or none: one sentence
  model::Placement placement;
  std::vector<model::Stage> stages;  ///< the row that makes the plan, with start and finish
  base::Duration objective{0};
  model::Bound bound;
  base::StopReason stop = base::StopReason::finished;
  std::uint64_t states = 0;
};

/// The plan with the smallest makespan of one sample, with a proven bound: anytime, and exact where
/// the graph is small. Latency objective, any number of slots, every transfer model, pools with or
/// without workers, any machine. docs/algorithms/latency.md has the proofs.
///
/// optimal:    a plan, objective = bound
/// feasible:   a plan, objective > bound; `stop` says which limit ended the search
/// infeasible: proven that no plan exists
/// none:       a limit came before a plan; the bound is still valid
///
/// Without any limit the search ends when the gap is closed, or when it has tried for long: see
/// docs/algorithms/latency.md. With one thread and no time limit equal input gives equal output;
/// limits.threads restarts of the local search run side by side.
[[nodiscard]] Answer plan(const model::Problem& problem, const base::Limits& limits,
                          const base::ProgressSink& progress = {});

}  // namespace cleave::latency
