#include "cleave/solve/solve.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "cleave/baselines/baseline.h"
#include "cleave/check/check.h"
#include "cleave/cost/latency.h"
#include "cleave/cost/loads.h"
#include "cleave/cost/stages.h"
#include "cleave/throughput/contiguous.h"
#include "solve/one_stage.h"
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

bool is_latency(const Problem& problem) {
  return problem.question().objective == model::Objective::latency;
}

void fill_latency(const Problem& problem, Plan& plan) {
  if (plan.stages.empty()) plan.stages = cost::arrange_calls(problem, plan.placement);
  cost::LatencyEvaluation evaluation = cost::evaluate_latency(problem, std::move(plan.stages));
  plan.objective = evaluation.objective;
  plan.devices = std::move(evaluation.devices);
  plan.stages = std::move(evaluation.stages);
}

// Of stages with choices, who say which devices they are on.
void fill_choices(const Problem& problem, Plan& plan) {
  std::vector<cost::ChosenStage> chosen;
  for (model::Stage& stage : plan.stages) {
    std::vector<base::DeviceId> devices{stage.device};
    const auto& replicas = stage.choice->replicas;
    devices.insert(devices.end(), replicas.begin(), replicas.end());
    chosen.push_back({std::move(devices), std::move(stage.operators), stage.choice->recompute});
  }
  cost::StagesEvaluation evaluation = cost::evaluate_stages(problem, chosen);
  plan.objective = evaluation.objective;
  plan.devices = std::move(evaluation.devices);
  plan.stages = std::move(evaluation.stages);
}

void fill_loads_and_stages(const Problem& problem, Plan& plan) {
  if (is_latency(problem)) return fill_latency(problem, plan);
  if (problem.question().stages) return fill_choices(problem, plan);
  cost::Evaluation evaluation = cost::evaluate(problem, plan.placement);
  plan.objective = evaluation.objective;
  plan.devices = std::move(evaluation.devices);
  plan.stages = arrange_stages(problem, plan.placement);
}

Placement placement_of(const Problem& problem, const std::vector<model::Stage>& stages) {
  Placement placement(problem.graph().num_operators());
  for (const model::Stage& stage : stages) {
    for (const base::OperatorId op : stage.operators) placement[op.index()] = stage.device;
  }
  return placement;
}

bool improves(const Plan& plan, const check::Verdict& verdict) {
  return verdict.feasible() && (!plan.has_placement() || verdict.objective < plan.objective);
}

// Takes the best baseline that keeps the rules where it beats the search. When time is up, only of
// the quick ones, unless there is nothing yet.
void take_better_row(const Problem& problem, const base::Limits& limits, bool hurry, Plan& plan) {
  for (const baselines::LatencyBaseline& baseline : baselines::latency_baselines()) {
    if (hurry && !baseline.quick && plan.has_placement()) break;
    auto stages = baseline.run(problem, limits.seed);
    if (!stages) continue;
    const check::Verdict verdict = check::examine(problem, *stages);
    if (!improves(plan, verdict)) continue;
    plan.placement = placement_of(problem, *stages);
    plan.stages = std::move(*stages);
    plan.objective = verdict.objective;
    plan.solver = baseline.name;
  }
}

void take_better_placement(const Problem& problem, const base::Limits& limits, bool hurry,
                           Plan& plan) {
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
}

void fall_back_on_baselines(const Problem& problem, const base::Limits& limits, Plan& plan) {
  const bool hurry = plan.limit == StopReason::time || plan.limit == StopReason::cancelled;
  if (is_latency(problem)) {
    take_better_row(problem, limits, hurry, plan);
  } else {
    take_better_placement(problem, limits, hurry, plan);
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
  return base::bad_input(
      fmt::format("no algorithm plans for objective '{}' with placement '{}' yet",
                  to_string(problem.question().objective), describe_placement(problem.question())));
}

// Fills in what the definitions say of the placement, or of the stages where there are some.
void examine(const Problem& problem, Alternative& alternative) {
  const check::Verdict verdict = alternative.stages.empty()
                                     ? check::examine(problem, alternative.placement)
                                     : check::examine(problem, alternative.stages);
  alternative.objective = verdict.objective;
  alternative.feasible = verdict.feasible();
  if (!verdict.feasible()) alternative.note = verdict.violations.front();
}

Alternative run_baseline(const Problem& problem, const baselines::LatencyBaseline& baseline,
                         std::uint64_t seed) {
  const base::Deadline clock{base::Limits{}};
  Alternative alternative;
  alternative.name = baseline.name;
  auto stages = baseline.run(problem, seed);
  alternative.seconds = clock.elapsed_seconds();
  if (!stages) {
    alternative.note = "found no placement";
    return alternative;
  }
  alternative.placement = placement_of(problem, *stages);
  alternative.stages = std::move(*stages);
  examine(problem, alternative);
  return alternative;
}

// The split that a pipeline would like best, timed as one sample. A pool is one device to it.
Alternative max_load_split(const Problem& problem, std::uint64_t seed) {
  constexpr std::chrono::seconds kTimeLimit{10};
  const base::Deadline clock{base::Limits{}};
  Alternative none;
  none.name = "max-load-split";
  model::Question question = problem.question();
  question.objective = model::Objective::throughput;
  question.placement = model::PlacementRule::contiguous;
  question.workers.reset();
  const auto pipeline = Problem::create(problem.shared_graph(), problem.machine(), question);
  if (!pipeline) {
    none.note = pipeline.error().message;
    return none;
  }
  base::Limits limits;
  limits.time = kTimeLimit;
  limits.seed = seed;
  auto answer = throughput::plan_contiguous(*pipeline, limits);
  none.seconds = clock.elapsed_seconds();
  if (answer.placement.empty()) {
    none.note = "found no placement";
    return none;
  }
  Alternative alternative = judge(problem, none.name, std::move(answer.placement));
  alternative.seconds = none.seconds;
  return alternative;
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
  alternative.placement = std::move(*placement);
  examine(problem, alternative);
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

Alternative equal_blocks(const Problem& problem) {
  const base::Deadline clock{base::Limits{}};
  Alternative alternative;
  alternative.name = "equal-blocks";
  auto found = baselines::equal_blocks(problem);
  alternative.seconds = clock.elapsed_seconds();
  if (!found) {
    alternative.note = "no repeated blocks, or nothing fits";
    return alternative;
  }
  alternative.note = fmt::format("depth {} x width {}{}", found->stages.size(), found->width,
                                 found->stages.front().recompute ? ", recomputing" : "");
  Plan plan;
  plan.status = PlanStatus::feasible;
  take_stages(problem, std::move(found->stages), plan);
  fill_loads_and_stages(problem, plan);
  alternative.objective = plan.objective;
  const auto sound = check::verify(problem, plan);
  alternative.feasible = sound.ok();
  if (!sound) alternative.note = sound.error().message;
  return alternative;
}

}  // namespace

Alternative judge(const Problem& problem, std::string name, Placement placement) {
  Alternative alternative;
  alternative.name = std::move(name);
  if (is_latency(problem)) {
    for (std::size_t v = 0; v < placement.size(); ++v) {
      if (problem.allowed(base::OperatorId(v), placement[v])) continue;
      alternative.note = fmt::format("puts operator '{}' where it may not be",
                                     problem.graph().id(base::OperatorId(v)));
      return alternative;
    }
    alternative.stages = cost::arrange_calls(problem, placement);
  }
  alternative.placement = std::move(placement);
  examine(problem, alternative);
  return alternative;
}

Plan describe(const Problem& problem, Placement placement) {
  Plan plan;
  plan.status = PlanStatus::feasible;
  plan.placement = std::move(placement);
  plan.bound.method = "none";
  if (const auto& asked = problem.question().stages) {
    plan.stages = arrange_stages(problem, plan.placement);
    for (model::Stage& stage : plan.stages) {
      stage.choice = model::StageChoice{};
      stage.choice->recompute =
          problem.graph().has_backward() && asked->recompute == model::Recompute::always;
    }
  }
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
  const base::Limits standard;
  base::Limits effort = limits;
  const bool unlimited = limits.time == standard.time && limits.states == standard.states;
  if (unlimited) effort.states = algorithm->usual_states;
  Plan plan = algorithm->run(problem, effort, watch);
  if (unlimited && plan.limit == StopReason::states) plan.limit = StopReason::effort;
  plan.solver = algorithm->name;
  plan.history = std::move(history);
  const bool plain = !problem.question().stages;
  if (plain && (plan.status == PlanStatus::feasible || plan.status == PlanStatus::none)) {
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
  if (is_latency(problem)) {
    for (const auto& baseline : baselines::latency_baselines()) {
      if (!baseline.needs_planner) found.push_back(run_baseline(problem, baseline, 0));
    }
    return found;
  }
  if (problem.question().stages) return one_stage_alternatives(problem);
  found.push_back(replicas_only(problem));
  for (const Baseline& baseline : baselines::baselines()) {
    if (baseline.name != "one-device" || !baseline.supports(problem)) continue;
    found.push_back(run_baseline(problem, baseline, 0));
  }
  return found;
}

std::vector<Alternative> alternatives(const Problem& problem, std::uint64_t seed) {
  std::vector<Alternative> found;
  if (is_latency(problem)) {
    for (const auto& baseline : baselines::latency_baselines()) {
      found.push_back(run_baseline(problem, baseline, seed));
    }
    found.push_back(max_load_split(problem, seed));
    return found;
  }
  if (problem.question().stages) {
    found = one_stage_alternatives(problem);
    found.push_back(equal_blocks(problem));
    return found;
  }
  found.push_back(replicas_only(problem));
  for (const Baseline& baseline : baselines::baselines()) {
    if (baseline.supports(problem)) found.push_back(run_baseline(problem, baseline, seed));
  }
  return found;
}

}  // namespace cleave::solve
