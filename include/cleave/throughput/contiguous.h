#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cleave/base/limits.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::throughput {

/// What a search found and proved. `placement` is empty where it found none.
struct Answer {
  model::PlanStatus status = model::PlanStatus::none;
  std::string reason;  ///< infeasible or none: one sentence, with operator, device and bytes
  model::Placement placement;
  base::Duration objective{0};
  model::Bound bound;
  std::optional<model::Proof> proof{};  ///< as of model::Plan
  base::StopReason stop = base::StopReason::finished;
  std::uint64_t states = 0;
};

/// The contiguous placement with the smallest load of the busiest device, with a proven bound:
/// exact and anytime. Throughput objective, every schedule and transfer model, any machine.
///
/// optimal:    placement, objective = bound
/// feasible:   placement, objective > bound; `stop` says which limit ended the search
/// infeasible: proven that no contiguous placement exists
/// none:       a limit came before a placement; the bound is still valid
[[nodiscard]] Answer plan_contiguous(const model::Problem& problem, const base::Limits& limits,
                                     const base::ProgressSink& progress = {});

}  // namespace cleave::throughput
