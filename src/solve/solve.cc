#include "cleave/solve/solve.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cleave/baselines/baseline.h"
#include "cleave/check/check.h"
#include "cleave/cost/loads.h"
#include "solve/stages.h"

namespace cleave::solve {

using base::Duration;
using base::StopReason;
using baselines::Baseline;
using model::Placement;
using model::Plan;
using model::PlanStatus;
using model::Problem;

namespace {

void fill_loads_and_stages(const Problem& problem, Plan& plan) {
  cost::Evaluation evaluation = cost::evaluate(problem, plan.placement);
  plan.objective = evaluation.objective;
  plan.devices = std::move(evaluation.devices);
  plan.stages = arrange_stages(problem, plan.placement);
}

bool improves(const Plan& plan, const check::Verdict& verdict) {
  return verdict.feasible() && (!plan.has_placement() || verdict.objective < plan.objective);
}

// Takes the best baseline that keeps the rules where it beats the search. When time is up, only of
// the quick ones, unless there is nothing yet.
void fall_back_on_baselines(const Problem& problem, const base::Limits& limits, Plan& plan) {
  const bool hurry = plan.limit == StopReason::time || plan.limit == StopReason::cancelled;
  for (const Baseline& baseline : baselines::baselines()) {
    if (hurry && !baseline.quick && plan.has_placement()) break;
    if (!baseline.supports(problem)) continue;
    auto placement = baseline.run(problem, limits.seed);
    if (!placement) continue;
    const check::Verdict verdict = check::examine(problem, *placement);
    if (!improves(plan, verdict)) continue;
    plan.placement = std::move(*placement);
    plan.objective = verdict.objective;
    plan.solver = baseline.name;
  }
  if (!plan.has_placement()) return;
  plan.reason.clear();
  plan.status = plan.objective == plan.bound.value ? PlanStatus::optimal : PlanStatus::feasible;
}

// Where the search ended: as the last report said, or better where a baseline did better.
void record_end(Plan& plan) {
  model::SearchStep end{plan.effort, plan.seconds, std::nullopt, plan.bound.value};
  if (plan.has_placement()) end.incumbent = plan.objective;
  const bool told = !plan.history.empty() && plan.history.back().effort == end.effort &&
                    plan.history.back().incumbent == end.incumbent &&
                    plan.history.back().lower_bound == end.lower_bound;
  if (!told) plan.history.push_back(end);
}

base::Error no_algorithm(const Problem& problem) {
  return base::bad_input(fmt::format(
      "no algorithm plans for objective '{}' with placement '{}' yet",
      to_string(problem.question().objective), to_string(problem.question().placement)));
}

Alternative run_baseline(const Problem& problem, const Baseline& baseline, std::uint64_t seed) {
  const base::Deadline clock{base::Limits{}};
  Alternative alternative;
  alternative.name = baseline.name;
  auto placement = baseline.run(problem, seed);
  alternative.seconds = clock.elapsed_seconds();
  if (!placement) {
    alternative.note = "found no placement";
    return alternative;
  }
  const check::Verdict verdict = check::examine(problem, *placement);
  alternative.placement = std::move(*placement);
  alternative.objective = verdict.objective;
  alternative.feasible = verdict.feasible();
  if (!verdict.feasible()) alternative.note = verdict.violations.front();
  return alternative;
}

Alternative replicas_only(const Problem& problem) {
  Alternative alternative;
  alternative.name = "replicas-only";
  alternative.objective = baselines::replicas_only(problem);
  alternative.feasible = alternative.objective.has_value();
  alternative.note = !alternative.feasible            ? "no device holds the whole model"
                     : problem.graph().has_backward() ? "without the time to synchronise weights"
                                                      : "";
  return alternative;
}

}  // namespace

Plan describe(const Problem& problem, Placement placement) {
  Plan plan;
  plan.status = PlanStatus::feasible;
  plan.placement = std::move(placement);
  plan.bound.method = "none";
  fill_loads_and_stages(problem, plan);
  return plan;
}

base::Result<Plan> solve(const Problem& problem, const base::Limits& limits,
                         const base::ProgressSink& progress) {
  const base::Deadline clock(limits);
  const auto all = algorithms();
  const auto algorithm =
      std::find_if(all.begin(), all.end(), [&](const Algorithm& a) { return a.supports(problem); });
  if (algorithm == all.end()) return no_algorithm(problem);

  std::vector<model::SearchStep> history;
  const auto watch = [&](const base::Progress& now) {
    history.push_back({now.effort, now.seconds, now.incumbent, now.lower_bound});
    if (progress) progress(now);
  };
  Plan plan = algorithm->run(problem, limits, watch);
  plan.solver = algorithm->name;
  plan.history = std::move(history);
  if (plan.status == PlanStatus::feasible || plan.status == PlanStatus::none) {
    fall_back_on_baselines(problem, limits, plan);
  }
  if (plan.has_placement()) fill_loads_and_stages(problem, plan);
  plan.seconds = clock.elapsed_seconds();
  record_end(plan);
  if (auto sound = check::verify(problem, plan); !sound) return sound.error();
  return plan;
}

std::vector<Alternative> simple_alternatives(const Problem& problem) {
  std::vector<Alternative> found;
  if (problem.question().objective != model::Objective::throughput) return found;
  found.push_back(replicas_only(problem));
  for (const Baseline& baseline : baselines::baselines()) {
    if (baseline.name != "one-device" || !baseline.supports(problem)) continue;
    found.push_back(run_baseline(problem, baseline, 0));
  }
  return found;
}

std::vector<Alternative> alternatives(const Problem& problem, std::uint64_t seed) {
  std::vector<Alternative> found;
  if (problem.question().objective != model::Objective::throughput) return found;
  found.push_back(replicas_only(problem));
  for (const Baseline& baseline : baselines::baselines()) {
    if (baseline.supports(problem)) found.push_back(run_baseline(problem, baseline, seed));
  }
  return found;
}

}  // namespace cleave::solve
