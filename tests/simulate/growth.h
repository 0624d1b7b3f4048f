#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cleave/model/plan.h"
#include "cleave/model/problem.h"
#include "cleave/simulate/simulate.h"

namespace cleave::simulate {

/// A batch of n micro-batches, and one of 2n: what the further n take is steady state, whatever
/// filling and emptying the pipeline cost. Streams without batches are one long batch.
struct Growth {
  std::int64_t n = 0;
  Timeline once;
  Timeline twice;

  [[nodiscard]] base::Duration further() const { return twice.makespan - once.makespan; }
};

struct Judgement {
  std::optional<std::string> fault;  ///< how the simulation contradicts the objective
  bool slow_to_settle = false;       ///< whether a long run was needed
};

/// Whether further micro-batches take the plan's objective each, within a thousandth, under the
/// schedule (default: the one planned for), and a batch of n between n and n + depth − 1 times the
/// objective. Runs a few times the depth, in multiples of `unit` micro-batches; and 1,000 times the
/// depth, which by those bounds is long enough for every plan, where a pipeline whose second
/// busiest device is almost as busy as the busiest has yet to settle. `rounding`: by how much the
/// objective may be off because it is whole picoseconds.
[[nodiscard]] Judgement judge_steady_state(const model::Problem& problem, const model::Plan& plan,
                                           std::optional<Schedule> schedule, std::int64_t unit,
                                           base::Duration rounding);

}  // namespace cleave::simulate
