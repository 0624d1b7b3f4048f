#pragma once

#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::check {

/// The rules of a placement, in the order in which they are checked.
enum class Rule {
  placed,      ///< every operator is on a device
  allowed,     ///< and may be there
  colocation,  ///< groups are together
  memory,      ///< devices hold no more than they have
  contiguity,  ///< devices can be put in a row
  slots,       ///< latency: no accelerator has more calls than it may have
  order,       ///< latency: every tensor's producer comes before its consumers
};

/// What a placement is worth, recomputed from the definitions in docs/model.md. Shares no code
/// with cost or with any solver.
struct Verdict {
  std::vector<std::string> violations;     ///< one sentence each; empty: feasible
  std::vector<Rule> broken;                ///< what the violations are about; each rule once
  std::vector<model::DeviceLoad> devices;  ///< [devices]; empty where an operator has no device
  base::Duration objective{0};
  std::vector<model::Stage> stages;  ///< latency: with start and finish; empty: they cannot run

  [[nodiscard]] bool feasible() const { return violations.empty(); }
};

/// Checks that every operator is on one allowed device, colocation, memory and the placement rule,
/// and computes loads and the throughput objective. Never fails on any `placement`, whatever is in
/// it. An operator on a device that does not support it counts no time there.
/// O(operators + edges · log(consumers) + devices). Thread-safe.
///
/// Contiguous: the devices can be put in a row that no tensor between forward operators runs back
/// along, and no tensor between backward operators runs forward along. Of the latter, only those
/// count of which an end has no forward operator in its colocation group (or no group): the rest
/// of the backward pass follows its forward twins.
[[nodiscard]] Verdict examine(const model::Problem& problem, const model::Placement& placement);

/// The same for the latency objective: a row of stages, of which every operator has to be in one.
/// Never fails, whatever is in them. Times are computed where the row can run, even if it breaks
/// other rules. O((operators + edges) · log operators). Thread-safe.
[[nodiscard]] Verdict examine(const model::Problem& problem,
                              const std::vector<model::Stage>& stages);

/// Checks all that a plan claims: its placement is feasible, loads and objective are what the
/// definitions say, the lower bound does not exceed the objective, "optimal" is said only where
/// they meet, stages partition the operators, are in topological order (producers before consumers
/// inside a stage; stages as contiguity orders devices) and agree with the placement, a device of a
/// contiguous plan has one stage, and the history of the search, where there is one, never gets
/// worse and ends with the plan's claims. A plan without a placement has a reason and no loads or
/// stages. Error: internal, with the first claim that does not hold.
///
/// Of a latency plan: its row of stages can run, keeps the rules, and agrees with the placement;
/// start and finish of the stages are what the definitions say.
[[nodiscard]] base::Status verify(const model::Problem& problem, const model::Plan& plan);

}  // namespace cleave::check
