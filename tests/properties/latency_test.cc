#include "cleave/cost/latency.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <numeric>
#include <utility>

#include "cleave/base/random.h"
#include "cleave/baselines/baseline.h"
#include "cleave/check/check.h"
#include "cleave/latency/latency.h"
#include "cleave/simulate/simulate.h"
#include "properties/settings.h"
#include "properties/trials.h"
#include "support/brute_force_latency.h"
#include "support/latency_draft.h"

namespace cleave::properties {
namespace {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using cost::LatencyClock;
using cost::SlotId;
using model::PlanStatus;
using model::Problem;
using model::Stage;
using support::LatencyOptimum;

using Fault = std::optional<std::string>;

void expect_no_failure(const std::string& property, const FindFault& find_fault) {
  const auto start = std::chrono::steady_clock::now();
  const auto draw = [](std::uint64_t seed) { return support::random_latency_draft(seed); };
  const auto failure = find_failure(
      settings().first_seed, settings().instances, draw, [](const Problem&) { return true; },
      find_fault);
  ASSERT_FALSE(failure) << failure->to_string();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::cout << property << ": " << settings().instances << " instances from seed "
            << settings().first_seed << " in " << seconds.count() << " s\n";
}

// Random slots of devices that allow the operator.
std::vector<SlotId> random_slots(const Problem& problem, const LatencyClock& clock,
                                 base::Random& random) {
  std::vector<SlotId> slots;
  for (std::size_t v = 0; v < problem.graph().num_operators(); ++v) {
    std::vector<SlotId> allowed;
    for (std::size_t s = 0; s < clock.num_slots(); ++s) {
      if (problem.allowed(OperatorId(v), clock.device(SlotId(s)))) allowed.emplace_back(s);
    }
    slots.push_back(allowed[static_cast<std::size_t>(random.below(allowed.size()))]);
  }
  return slots;
}

std::string describe(const std::vector<Stage>& stages) {
  std::string text;
  for (const Stage& stage : stages) {
    text += fmt::format("[{}:", stage.device.value());
    for (const OperatorId op : stage.operators) text += fmt::format(" {}", op.value());
    text += fmt::format(" {}-{}]", stage.start.count(), stage.finish.count());
  }
  return text;
}

// What cost, check and simulate differ in about a row that can run.
Fault compare_codes(const Problem& problem, Duration makespan, const std::vector<Stage>& stages) {
  const cost::LatencyEvaluation cost = cost::evaluate_latency(problem, stages);
  if (cost.objective != makespan) {
    return fmt::format("the clock says {} and cost {} of {}", makespan.count(),
                       cost.objective.count(), describe(stages));
  }
  const check::Verdict verdict = check::examine(problem, stages);
  if (verdict.objective != makespan || verdict.devices != cost.devices) {
    return fmt::format("check says {} and cost {} of {}", verdict.objective.count(),
                       cost.objective.count(), describe(stages));
  }
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stage& checked = verdict.stages[s];
    if (checked.start == stages[s].start && checked.finish == stages[s].finish) continue;
    return fmt::format("check says {} and cost {}", describe(verdict.stages), describe(stages));
  }
  model::Plan plan;
  plan.status = PlanStatus::feasible;
  plan.stages = stages;
  plan.placement.resize(problem.graph().num_operators());
  for (const Stage& stage : stages) {
    for (const OperatorId op : stage.operators) plan.placement[op.index()] = stage.device;
  }
  const auto timeline = simulate::simulate(problem, plan);
  if (!timeline) return "simulate: " + timeline.error().message;
  if (timeline->makespan != makespan) {
    return fmt::format("simulate says {} and cost {} of {}", timeline->makespan.count(),
                       makespan.count(), describe(stages));
  }
  return std::nullopt;
}

Fault find_fault_in_codes(const Problem& problem) {
  constexpr int kRows = 6;
  base::Random random(problem.graph().num_operators());
  LatencyClock clock(problem);
  std::vector<std::uint32_t> ranks(problem.graph().num_operators());
  std::iota(ranks.begin(), ranks.end(), 0u);
  for (int i = 0; i < kRows; ++i) {
    const std::vector<SlotId> slots = random_slots(problem, clock, random);
    for (std::size_t v = ranks.size(); v > 1; --v) {
      std::swap(ranks[v - 1], ranks[static_cast<std::size_t>(random.below(v))]);
    }
    const auto makespan = clock.makespan(slots, ranks);
    if (makespan) {
      if (Fault fault = compare_codes(problem, *makespan, clock.stages(slots, ranks))) return fault;
    }
    model::Placement placement;
    for (const SlotId slot : slots) placement.push_back(clock.device(slot));
    const std::vector<Stage> arranged = cost::arrange_calls(problem, placement);
    const check::Verdict verdict = check::examine(problem, arranged);
    if (verdict.stages.empty()) return "arranged calls cannot run: " + describe(arranged);
    if (Fault fault = compare_codes(problem, verdict.objective, arranged)) return fault;
  }
  return std::nullopt;
}

Fault find_fault_in_baselines(const Problem& problem) {
  const std::optional<LatencyOptimum> optimum = support::brute_force_latency(problem);
  for (const baselines::LatencyBaseline& baseline : baselines::latency_baselines()) {
    const auto stages = baseline.run(problem, 1);
    if (!stages) continue;
    const check::Verdict verdict = check::examine(problem, *stages);
    if (verdict.stages.empty()) return fmt::format("{} cannot run", baseline.name);
    if (!verdict.feasible()) {
      if (baseline.name == "heft") return "heft: " + verdict.violations.front();
      continue;
    }
    if (!optimum || verdict.objective < optimum->objective) {
      return fmt::format("{} takes {}, less than the optimum", baseline.name,
                         verdict.objective.count());
    }
  }
  return std::nullopt;
}

Fault find_fault_in_plan(const Problem& problem, const latency::Answer& answer) {
  const check::Verdict verdict = check::examine(problem, answer.stages);
  if (!verdict.feasible()) return "the plan breaks a rule: " + verdict.violations.front();
  for (const Stage& stage : answer.stages) {
    for (const OperatorId op : stage.operators) {
      if (answer.placement[op.index()] != stage.device) return "placement and stages differ";
    }
  }
  if (verdict.objective != answer.objective) {
    return fmt::format("the objective is given as {} and is {}", answer.objective.count(),
                       verdict.objective.count());
  }
  return std::nullopt;
}

Fault find_fault_in_answer(const Problem& problem, const latency::Answer& answer,
                           const std::optional<LatencyOptimum>& optimum) {
  const bool placed = answer.status == PlanStatus::optimal || answer.status == PlanStatus::feasible;
  if (placed == answer.placement.empty()) return "status and placement do not go together";
  if (placed) {
    if (Fault fault = find_fault_in_plan(problem, answer)) return fault;
    if (answer.bound.value > answer.objective) return "the bound exceeds the objective";
  } else if (answer.reason.empty()) {
    return "no plan and no reason";
  }
  if (optimum && answer.bound.value > optimum->objective) {
    return fmt::format("the bound {} ({}) exceeds the optimum {}", answer.bound.value.count(),
                       answer.bound.method, optimum->objective.count());
  }
  if (placed && !optimum) return "a plan where brute force finds none";
  if (answer.status == PlanStatus::infeasible && optimum) {
    return fmt::format("'infeasible' is said; the optimum is {}", optimum->objective.count());
  }
  if (answer.status == PlanStatus::optimal && answer.objective != optimum->objective) {
    return fmt::format("'optimal' is said of {}; the optimum is {}", answer.objective.count(),
                       optimum->objective.count());
  }
  return std::nullopt;
}

// Far longer than any problem of the suite takes.
constexpr std::chrono::seconds kPatience{20};

using Planner = std::function<latency::Answer(const Problem&, const base::Limits&)>;

Fault find_fault_in_solver(const Problem& problem, const Planner& planner) {
  const std::optional<LatencyOptimum> optimum = support::brute_force_latency(problem);
  base::Limits limits;
  limits.time = kPatience;
  const latency::Answer answer = planner(problem, limits);
  if (Fault fault = find_fault_in_answer(problem, answer, optimum)) return fault;
  const PlanStatus expected = optimum ? PlanStatus::optimal : PlanStatus::infeasible;
  if (answer.status != expected) {
    return fmt::format("status '{}' without any limit: objective {}, bound {}, optimum {}",
                       to_string(answer.status), answer.objective.count(),
                       answer.bound.value.count(), optimum ? optimum->objective.count() : -1);
  }
  limits.states = 5;
  const latency::Answer stopped = planner(problem, limits);
  if (Fault fault = find_fault_in_answer(problem, stopped, optimum)) return "5 states: " + *fault;
  return std::nullopt;
}

TEST(Latency, ThreeCodesAgree) { expect_no_failure("latency, three codes", find_fault_in_codes); }

TEST(Latency, BaselinesNeverBeatTheOptimum) {
  expect_no_failure("latency, baselines", find_fault_in_baselines);
}

latency::Answer plan(const Problem& problem, const base::Limits& limits) {
  return latency::plan(problem, limits);
}

TEST(Latency, PlanEqualsBruteForce) {
  expect_no_failure("latency, plan",
                    [](const Problem& problem) { return find_fault_in_solver(problem, plan); });
}

// Whether the suite finds, within 500 problems, what is wrong with a planner.
void expect_caught(const Planner& wrong, const std::string& sentence) {
  const auto draw = [](std::uint64_t seed) { return support::random_latency_draft(seed); };
  const auto failure = find_failure(
      1, 500, draw, [](const Problem&) { return true; },
      [&](const Problem& problem) { return find_fault_in_solver(problem, wrong); });
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->fault.find(sentence), std::string::npos) << failure->fault;
  EXPECT_LE(failure->shrunk_operators, 3u);
}

TEST(TheSuite, CatchesABoundThatIsTooHigh) {
  expect_caught(
      [](const Problem& problem, const base::Limits& limits) {
        latency::Answer answer = plan(problem, limits);
        if (answer.status != PlanStatus::optimal) return answer;
        answer.status = PlanStatus::none;
        answer.reason = "no time";
        answer.bound.value += Duration(1);
        answer.placement.clear();
        answer.stages.clear();
        return answer;
      },
      "exceeds the optimum");
}

TEST(TheSuite, CatchesAnyPlanCalledOptimal) {
  expect_caught(
      [](const Problem& problem, const base::Limits& limits) {
        latency::Answer answer = plan(problem, limits);
        const auto row = baselines::latency_baselines().front().run(problem, 1);
        if (!row || answer.status != PlanStatus::optimal) return answer;
        const check::Verdict verdict = check::examine(problem, *row);
        if (!verdict.feasible() || verdict.objective == answer.objective) return answer;
        answer.stages = *row;
        answer.placement.assign(answer.placement.size(), row->front().device);
        answer.objective = verdict.objective;
        return answer;
      },
      "'optimal' is said of");
}

TEST(TheSuite, CatchesRowsThatBreakRules) {
  expect_caught(
      [](const Problem& problem, const base::Limits& limits) {
        latency::Answer answer = plan(problem, limits);
        if (answer.stages.size() > 1) std::swap(answer.stages.front(), answer.stages.back());
        return answer;
      },
      "the plan breaks a rule");
}

}  // namespace
}  // namespace cleave::properties
