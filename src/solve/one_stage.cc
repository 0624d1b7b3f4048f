#include "solve/one_stage.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "cleave/check/check.h"
#include "cleave/cost/stages.h"

namespace cleave::solve {

using base::OperatorId;
using model::Plan;
using model::Problem;

namespace {

// The model as one stage on the last r devices of a kind; nullopt: not all of it may be there.
std::optional<Plan> one_stage(const Problem& problem, const model::Kind& kind, std::int64_t r,
                              bool recompute) {
  cost::ChosenStage stage;
  stage.devices.assign(kind.devices.end() - r, kind.devices.end());
  stage.recompute = recompute;
  for (std::size_t v = 0; v < problem.graph().num_operators(); ++v) {
    if (!problem.allowed(OperatorId(v), stage.devices.front())) return std::nullopt;
    stage.operators.emplace_back(v);
  }
  Plan plan;
  plan.status = model::PlanStatus::feasible;
  plan.placement.assign(problem.graph().num_operators(), stage.devices.front());
  cost::StagesEvaluation evaluation = cost::evaluate_stages(problem, {&stage, 1});
  plan.objective = evaluation.objective;
  plan.devices = std::move(evaluation.devices);
  plan.stages = std::move(evaluation.stages);
  return plan;
}

// The best of so many replicas that keeps the rules, or what one of them breaks.
Alternative best_of(const Problem& problem, std::string name, std::int64_t most) {
  Alternative best;
  best.name = std::move(name);
  best.note = "no device may hold the whole model";
  for (std::size_t k = 0; k < problem.num_kinds(); ++k) {
    const model::Kind& kind = problem.kind(base::KindId(k));
    const auto count = static_cast<std::int64_t>(kind.devices.size());
    for (std::int64_t r = 1; r <= std::min(count, most); ++r) {
      const std::int64_t batch = problem.question().stages->micro_batches;
      if (problem.graph().has_backward() && batch % r != 0) continue;
      for (const bool recompute : {false, true}) {
        auto plan = one_stage(problem, kind, r, recompute);
        if (!plan || (best.feasible && plan->objective >= *best.objective)) continue;
        const auto holds = check::verify(problem, *plan);
        if (!holds && (best.feasible || best.objective)) continue;
        best.objective = plan->objective;
        best.feasible = holds.ok();
        best.note = holds ? "" : "breaks a rule: " + holds.error().message;
        best.placement = std::move(plan->placement);
      }
    }
  }
  return best;
}

}  // namespace

std::vector<Alternative> one_stage_alternatives(const Problem& problem) {
  std::vector<Alternative> found{best_of(problem, "one-device", 1)};
  const int most = problem.question().stages->max_replicas;
  if (most > 1) found.push_back(best_of(problem, "data-parallel", most));
  return found;
}

}  // namespace cleave::solve
