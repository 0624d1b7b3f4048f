#include "properties/faults.h"

#include <fmt/format.h>

#include <chrono>
#include <stop_token>
#include <utility>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/bounds/cover.h"
#include "cleave/bounds/node_cuts.h"
#include "cleave/check/check.h"
#include "cleave/cost/loads.h"
#include "cleave/reduce/contract.h"
#include "properties/ideal_chains.h"
#include "support/brute_force.h"

namespace cleave::properties {

using base::DeviceId;
using base::Duration;
using base::Limits;
using base::OperatorId;
using base::StopReason;
using model::PlanStatus;
using model::Problem;
using support::Optimum;
using throughput::Answer;

namespace {

using Fault = std::optional<std::string>;

Fault find_fault_in_placement(const Problem& problem, const Answer& answer) {
  const check::Verdict verdict = check::examine(problem, answer.placement);
  if (!verdict.feasible()) return "the placement is not feasible: " + verdict.violations.front();
  if (answer.objective != verdict.objective) {
    return fmt::format("the objective is given as {} and is {}", answer.objective.count(),
                       verdict.objective.count());
  }
  if (answer.bound.value > answer.objective) return "the bound exceeds the objective";
  return std::nullopt;
}

Fault find_fault_in_status(const Answer& answer, const std::optional<Optimum>& optimum) {
  switch (answer.status) {
    case PlanStatus::optimal:
      if (answer.objective != optimum->objective || answer.bound.value != optimum->objective) {
        return fmt::format("'optimal' is said of objective {} and bound {}; the optimum is {}",
                           answer.objective.count(), answer.bound.value.count(),
                           optimum->objective.count());
      }
      return std::nullopt;
    case PlanStatus::feasible:
      if (answer.bound.value == answer.objective) return "'feasible' is said where the gap is 0";
      break;
    case PlanStatus::infeasible:
      if (optimum) {
        return fmt::format("'infeasible' is said; the optimum is {}", optimum->objective.count());
      }
      if (answer.reason.empty()) return "'infeasible' is said without a reason";
      return std::nullopt;
    case PlanStatus::none:
      if (answer.reason.empty()) return "'none' is said without a reason";
      break;
  }
  if (answer.stop == StopReason::finished) {
    return fmt::format("'{}' is said, but no limit ended the search", to_string(answer.status));
  }
  return std::nullopt;
}

Fault find_fault_in_answer(const Problem& problem, const Answer& answer,
                           const std::optional<Optimum>& optimum) {
  const bool expects_placement =
      answer.status == PlanStatus::optimal || answer.status == PlanStatus::feasible;
  if (expects_placement == answer.placement.empty()) {
    return fmt::format("status '{}' {} a placement", to_string(answer.status),
                       answer.placement.empty() ? "without" : "with");
  }
  if (expects_placement) {
    if (Fault fault = find_fault_in_placement(problem, answer)) return fault;
  }
  if (optimum && answer.status != PlanStatus::infeasible &&
      answer.bound.value > optimum->objective) {
    return fmt::format("the bound {} exceeds the optimum {}", answer.bound.value.count(),
                       optimum->objective.count());
  }
  return find_fault_in_status(answer, optimum);
}

Fault find_fault_in_progress(const std::vector<base::Progress>& reports,
                             const std::optional<Optimum>& optimum) {
  Duration bound{0};
  std::optional<Duration> incumbent;
  for (const base::Progress& report : reports) {
    if (report.lower_bound < bound) return "a reported bound is lower than the one before";
    bound = report.lower_bound;
    if (optimum && bound > optimum->objective) return "a reported bound exceeds the optimum";
    if (!report.incumbent) {
      if (incumbent) return "an incumbent was reported and then none";
      continue;
    }
    if (incumbent && *report.incumbent > *incumbent) return "a reported incumbent got worse";
    incumbent = report.incumbent;
    if (!optimum) return "an incumbent is reported of an infeasible problem";
    if (*incumbent < optimum->objective) return "a reported incumbent is below the optimum";
  }
  return std::nullopt;
}

bool equal(const Answer& a, const Answer& b) {
  return a.status == b.status && a.reason == b.reason && a.placement == b.placement &&
         a.objective == b.objective && a.bound.value == b.bound.value &&
         a.bound.method == b.bound.method && a.stop == b.stop && a.states == b.states;
}

// Far longer than any problem of the suite takes: a search that runs on is reported, not awaited.
constexpr std::chrono::seconds kPatience{10};

Limits patient() {
  Limits limits;
  limits.time = kPatience;
  return limits;
}

// One way to run a solver.
struct Run {
  std::string name;
  Limits limits;
  bool repeatable = true;  // a second run has to answer the same
};

// Every way to stop before the end, each early enough to bite on small problems; and two threads.
std::vector<Run> limited_runs() {
  std::vector<Run> runs;
  const auto add = [&](std::string name, bool repeatable = true) -> Limits& {
    return runs.emplace_back(Run{std::move(name), patient(), repeatable}).limits;
  };
  for (const std::uint64_t states : {0u, 1u, 10u, 100u}) {
    add(fmt::format("limited to {} states", states)).states = states;
  }
  add("limited to 4 KiB").memory = base::Bytes(4096);
  add("limited to a gap of a quarter").gap = 0.25;
  add("limited to no time", false).time = std::chrono::seconds(0);
  std::stop_source cancelled;
  cancelled.request_stop();
  add("cancelled", false).stop = cancelled.get_token();
  add("with two threads", false).threads = 2;
  return runs;
}

Fault find_fault_in_gap(const Answer& answer, double gap) {
  if (answer.status != PlanStatus::feasible || answer.stop != StopReason::gap) return std::nullopt;
  const auto open = static_cast<double>((answer.objective - answer.bound.value).count());
  if (open <= gap * static_cast<double>(answer.objective.count())) return std::nullopt;
  return "the search stopped for its gap, which is wider";
}

}  // namespace

namespace {

Fault find_fault_without_limits(const Solver& solver, const Problem& problem,
                                const std::optional<Optimum>& optimum) {
  std::vector<base::Progress> reports;
  const Answer full = solver.plan(problem, patient(),
                                  [&](const base::Progress& report) { reports.push_back(report); });
  if (Fault fault = find_fault_in_answer(problem, full, optimum)) return fault;
  if (full.status != PlanStatus::optimal && full.status != PlanStatus::infeasible) {
    return fmt::format("status '{}' without any limit", to_string(full.status));
  }
  if (Fault fault = find_fault_in_progress(reports, optimum)) return fault;
  if (!equal(full, solver.plan(problem, patient(), {}))) return "a second run answers otherwise";
  return std::nullopt;
}

}  // namespace

Fault find_fault(const Solver& solver, const Problem& problem) {
  const std::optional<Optimum> optimum = support::brute_force(problem);
  if (Fault fault = find_fault_without_limits(solver, problem, optimum)) return fault;

  for (const Run& run : limited_runs()) {
    const Answer answer = solver.plan(problem, run.limits, {});
    Fault fault = find_fault_in_answer(problem, answer, optimum);
    if (!fault) fault = find_fault_in_gap(answer, run.limits.gap);
    if (!fault && answer.stop == StopReason::time && run.limits.time == kPatience) {
      fault = fmt::format("still searching after {} s", kPatience.count());
    }
    if (!fault && run.repeatable && !equal(answer, solver.plan(problem, run.limits, {}))) {
      fault = "a second run answers otherwise";
    }
    if (fault) return run.name + ": " + *fault;
  }
  return std::nullopt;
}

namespace {

DeviceId random_allowed_device(const Problem& problem, OperatorId op, base::Random& random) {
  while (true) {
    const DeviceId device(static_cast<std::size_t>(random.below(problem.machine().num_devices())));
    if (problem.allowed(op, device)) return device;
  }
}

Fault compare_costs(const Problem& problem, const model::Placement& placement) {
  const cost::Evaluation evaluation = cost::evaluate(problem, placement);
  const check::Verdict verdict = check::examine(problem, placement);
  if (evaluation.objective != verdict.objective) {
    return fmt::format("objective {} by cost, {} by check", evaluation.objective.count(),
                       verdict.objective.count());
  }
  bool fits = true;
  for (std::size_t d = 0; d < verdict.devices.size(); ++d) {
    const DeviceId device(d);
    if (evaluation.devices[d] != verdict.devices[d]) {
      return fmt::format("cost and check differ in the load of {}",
                         problem.machine().device_name(device));
    }
    const auto limit = problem.memory(problem.machine().class_of(device));
    fits = fits && (!limit || verdict.devices[d].memory <= *limit);
  }
  if (evaluation.fits != fits) return "cost and check differ in whether memory suffices";
  return std::nullopt;
}

}  // namespace

namespace {

// A random threshold below the optimum, whose columns and weights serve the next: the optimum
// itself, or more. With random efforts, since what a limit cuts short must hold as well.
Fault find_fault_at_random_thresholds(const reduce::Contracted& graph, std::int64_t optimum,
                                      base::Random& random) {
  const base::Deadline deadline(patient());
  bounds::Cover cover(graph);
  if (cover.work() > optimum) return "the work bound exceeds the optimum";
  const auto span = static_cast<std::uint64_t>(optimum) + 1;
  const auto below = static_cast<std::int64_t>(random.below(span));
  const auto above =
      optimum + (random.chance(0.5) ? static_cast<std::int64_t>(random.below(span)) : 0);
  for (const std::int64_t threshold : {below, above}) {
    std::uint64_t effort = 0;
    const std::uint64_t max_effort = std::uint64_t{8} << random.below(12);
    if (cover.refute_by_share(threshold, effort, deadline) == bounds::Cover::Outcome::refuted ||
        cover.refute(threshold, effort, max_effort, deadline) == bounds::Cover::Outcome::refuted) {
      if (threshold >= optimum) {
        return fmt::format("threshold {} is refuted; the optimum is {}", threshold, optimum);
      }
    }
  }
  return std::nullopt;
}

// A threshold at which there is a placement must never be refuted; one below any placement may.
Fault find_fault_in_cover(const reduce::Contracted& graph, std::int64_t optimum) {
  const base::Deadline deadline(patient());
  bounds::Cover cover(graph);
  if (cover.work() > optimum) return "the work bound exceeds the optimum";
  constexpr std::uint64_t kEffort = 20000;
  std::uint64_t effort = 0;
  // From below, so that weights that refute much are tried at the optimum as well.
  for (const std::int64_t threshold : {optimum * 3 / 4, optimum - 1, optimum, optimum + 1}) {
    if (threshold < 0) continue;
    const auto by_share = cover.refute_by_share(threshold, effort, deadline);
    const auto by_cover = cover.refute(threshold, effort, effort + kEffort, deadline);
    if (threshold < optimum) continue;
    if (by_share == bounds::Cover::Outcome::refuted) return "fair shares refute the optimum";
    if (by_cover == bounds::Cover::Outcome::refuted) return "covers refute the optimum";
  }
  return std::nullopt;
}

Fault find_fault_in_heaviest_group(const reduce::Contracted& graph, std::int64_t optimum) {
  const base::Deadline deadline(patient());
  std::int64_t heaviest = 0;
  for (std::size_t p = 0; p < graph.phases; ++p) {
    heaviest += bounds::least_load_of_a_node(graph, p, 0, deadline);
  }
  if (heaviest > optimum) return "the heaviest group exceeds the optimum";
  return std::nullopt;
}

}  // namespace

Fault find_bound_fault(const Problem& problem) {
  const std::optional<Optimum> optimum = support::brute_force(problem);
  const auto graph = reduce::contract_groups(problem);
  const auto merged = reduce::contract_groups(problem, false);
  if (!optimum) return std::nullopt;
  if (!graph || !merged) return "contraction calls a problem infeasible that is not";
  const std::int64_t least = optimum->objective.count();
  if (Fault fault = find_fault_in_heaviest_group(*graph, least)) return fault;
  return find_fault_in_cover(*merged, least);
}

Fault find_unlimited_fault(const Solver& solver, const Problem& problem) {
  const std::optional<Optimum> optimum = support::brute_force(problem);
  if (Fault fault = find_fault_without_limits(solver, problem, optimum)) return fault;
  const auto graph = reduce::contract_groups(problem);
  const auto merged = reduce::contract_groups(problem, false);
  if (!optimum || !graph || !merged) return std::nullopt;
  const std::int64_t least = optimum->objective.count();
  if (Fault fault = find_fault_in_heaviest_group(*graph, least)) return fault;
  base::Random random(problem.graph().num_operators() + static_cast<std::uint64_t>(least));
  return find_fault_at_random_thresholds(*merged, least, random);
}

Fault find_definition_fault(const Problem& problem) {
  const std::optional<Optimum> optimum = support::brute_force(problem);
  return find_fault_in_answer(problem, plan_by_ideal_chains(problem), optimum);
}

Fault find_cost_fault(const Problem& problem) {
  base::Random random(problem.graph().num_operators());
  model::Placement placement(problem.graph().num_operators());
  constexpr int kPlacements = 4;
  for (int i = 0; i < kPlacements; ++i) {
    for (std::size_t v = 0; v < placement.size(); ++v) {
      placement[v] = random_allowed_device(problem, OperatorId(v), random);
    }
    if (Fault fault = compare_costs(problem, placement)) return fault;
  }
  return std::nullopt;
}

}  // namespace cleave::properties
