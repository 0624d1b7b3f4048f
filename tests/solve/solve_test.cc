#include "cleave/solve/solve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/baselines/baseline.h"
#include "cleave/check/check.h"
#include "cleave/workload/workload.h"
#include "support/brute_force.h"
#include "support/brute_force_latency.h"
#include "support/draft.h"
#include "support/latency_draft.h"
#include "support/random_draft.h"
#include "support/random_placement.h"

namespace cleave::solve {
namespace {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::Placement;
using model::PlacementRule;
using model::Plan;
using model::PlanStatus;
using model::Problem;

Problem workload_problem(std::string_view family, bool training, int accelerators,
                         model::Question question = {}) {
  auto graph = workload::generate(family, {}, training);
  EXPECT_TRUE(graph.ok());
  auto machine = model::Machine::create(
      {{"accelerator", accelerators, base::Bytes(std::int64_t{16} << 30), true, {}, "accelerator"},
       {"cpu", 1, {}, false, {}, "cpu"}});
  EXPECT_TRUE(machine.ok());
  auto problem = Problem::create(std::make_shared<const model::Graph>(std::move(graph).value()),
                                 std::move(machine).value(), std::move(question));
  EXPECT_TRUE(problem.ok());
  return std::move(problem).value();
}

// The problem of a seed, with that placement rule.
Problem random_problem(std::uint64_t seed, PlacementRule rule) {
  support::Draft draft = support::random_draft(seed);
  draft.question.objective = model::Objective::throughput;
  draft.question.placement = rule;
  auto problem = support::build(draft);
  EXPECT_TRUE(problem.ok()) << support::to_json(draft);
  return std::move(problem).value();
}

TEST(Registry, EachAlgorithmHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const Algorithm& algorithm : algorithms()) {
    EXPECT_TRUE(names.insert(algorithm.name).second) << algorithm.name;
    EXPECT_FALSE(algorithm.summary.empty());
  }
  EXPECT_FALSE(names.empty());
}

TEST(Solve, PlansWorkloads) {
  for (const char* family : {"bert", "resnet50"}) {
    for (const bool training : {false, true}) {
      const Problem problem = workload_problem(family, training, 4);
      const auto plan = solve(problem, {});
      ASSERT_TRUE(plan.ok()) << plan.error().to_string();
      EXPECT_EQ(plan->status, PlanStatus::optimal) << family;
      EXPECT_EQ(plan->solver, "contiguous");
      EXPECT_TRUE(check::verify(problem, *plan).ok());
      for (const Alternative& a : alternatives(problem, 1)) {
        if (a.placement.empty() || !a.feasible) continue;
        EXPECT_GE(*a.objective, plan->objective) << family << " " << a.name;
      }
    }
  }
}

TEST(Solve, KeepsTheHistoryOfTheSearch) {
  for (const PlacementRule rule : {PlacementRule::contiguous, PlacementRule::any}) {
    std::size_t longest = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Problem problem = random_problem(seed, rule);
      base::Limits limits;
      limits.states = 1 + seed * 10;
      std::size_t reports = 0;
      const auto plan = solve(problem, limits, [&](const base::Progress&) { ++reports; });
      ASSERT_TRUE(plan.ok()) << seed << " " << plan.error().to_string();
      ASSERT_FALSE(plan->history.empty()) << seed;
      EXPECT_LE(plan->history.size(), reports + 1) << seed;
      const model::SearchStep& end = plan->history.back();
      EXPECT_EQ(end.effort, plan->effort) << seed;
      EXPECT_EQ(end.incumbent.has_value(), plan->has_placement()) << seed;
      if (plan->has_placement()) {
        EXPECT_EQ(*end.incumbent, plan->objective) << seed;
      }
      longest = std::max(longest, plan->history.size());
    }
    EXPECT_GT(longest, 2U);
  }
}

TEST(Solve, EqualsBruteForce) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Problem problem = random_problem(seed, PlacementRule::contiguous);
    const auto best = support::brute_force(problem);
    const auto plan = solve(problem, {});
    ASSERT_TRUE(plan.ok()) << seed << " " << plan.error().to_string();
    if (!best) {
      EXPECT_EQ(plan->status, PlanStatus::infeasible) << seed;
      continue;
    }
    ASSERT_EQ(plan->status, PlanStatus::optimal) << seed;
    EXPECT_EQ(plan->objective, best->objective) << seed;
  }
}

TEST(Solve, AfterALimitItIsNeverWorseThanABaselineThatKeepsTheRules) {
  std::size_t placed = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Problem problem = random_problem(seed, PlacementRule::contiguous);
    base::Limits limits;
    limits.states = 1;
    const auto plan = solve(problem, limits);
    ASSERT_TRUE(plan.ok()) << seed << " " << plan.error().to_string();
    for (const Alternative& a : alternatives(problem, limits.seed)) {
      if (a.placement.empty() || !a.feasible) continue;
      ASSERT_TRUE(plan->has_placement()) << seed << " " << a.name;
      EXPECT_LE(plan->objective, *a.objective) << seed << " " << a.name;
      ++placed;
    }
  }
  EXPECT_GT(placed, 300);
}

TEST(Solve, WhenTimeIsUpItIsNeverWorseThanAQuickBaselineThatKeepsTheRules) {
  base::Limits limits;
  limits.time = std::chrono::seconds(0);
  for (const char* family : {"bert", "inception", "gnmt"}) {
    const Problem problem = workload_problem(family, false, 4);
    const auto plan = solve(problem, limits);
    ASSERT_TRUE(plan.ok()) << family << " " << plan.error().to_string();
    EXPECT_EQ(plan->limit, base::StopReason::time);
    std::size_t quick = 0;
    for (const baselines::Baseline& baseline : baselines::baselines()) {
      const auto placement = baseline.run(problem, limits.seed);
      if (!baseline.quick || !placement) continue;
      const check::Verdict verdict = check::examine(problem, *placement);
      if (!verdict.feasible()) continue;
      EXPECT_LE(plan->objective, verdict.objective) << family << " " << baseline.name;
      ++quick;
    }
    EXPECT_GE(quick, 3u) << family;
  }
}

TEST(Solve, AStopRequestStillGivesAnAnswer) {
  std::stop_source source;
  source.request_stop();
  base::Limits limits;
  limits.stop = source.get_token();
  const Problem problem = workload_problem("inception", true, 8);
  const auto plan = solve(problem, limits);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_TRUE(plan->has_placement());
  EXPECT_EQ(plan->limit, base::StopReason::cancelled);
  EXPECT_LE(plan->bound.value, plan->objective);
}

TEST(Solve, SearchesThatNothingLimitsEnd) {
  for (const Algorithm& algorithm : algorithms()) {
    for (const PlacementRule rule : {PlacementRule::contiguous, PlacementRule::any}) {
      const Problem problem = random_problem(1, rule);
      if (!algorithm.supports(problem)) continue;
      EXPECT_LT(algorithm.usual_states, base::Limits{}.states) << algorithm.name;
    }
  }
}

TEST(Solve, EqualInputGivesEqualPlans) {
  const Problem problem = workload_problem("resnet50", true, 4);
  const auto first = solve(problem, {});
  const auto second = solve(problem, {});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->placement, second->placement);
  EXPECT_EQ(first->effort, second->effort);
}

TEST(SolveLatency, EqualsBruteForce) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const support::Draft draft = support::random_latency_draft(seed);
    const Problem problem = support::build(draft).value();
    const auto optimum = support::brute_force_latency(problem);
    const auto plan = solve(problem, {});
    ASSERT_TRUE(plan.ok()) << plan.error().message << support::to_json(draft);
    ASSERT_EQ(plan->status, optimum ? PlanStatus::optimal : PlanStatus::infeasible)
        << support::to_json(draft);
    if (optimum) {
      EXPECT_EQ(plan->objective, optimum->objective) << support::to_json(draft);
    }
  }
}

TEST(SolveLatency, AfterALimitItIsNeverWorseThanAQuickBaselineThatKeepsTheRules) {
  model::Question question;
  question.objective = model::Objective::latency;
  const Problem problem = workload_problem("gnmt", false, 3, question);
  base::Limits limits;
  limits.states = 1;
  const auto plan = solve(problem, limits);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  for (const Alternative& other : alternatives(problem, 1)) {
    if (!other.feasible || other.name == "max-load-split") continue;
    EXPECT_LE(plan->objective, *other.objective) << other.name;
  }
}

TEST(JudgeLatency, TimesPlacementsAndSaysWhatTheyBreak) {
  model::Question question;
  question.objective = model::Objective::latency;
  const Problem problem = workload_problem("bert", false, 2, question);
  const std::size_t n = problem.graph().num_operators();
  const Alternative whole = judge(problem, "whole", Placement(n, DeviceId(0)));
  EXPECT_EQ(whole.stages.size(), 1u);
  EXPECT_EQ(whole.objective, whole.stages.front().finish);
  Placement alternating(n);
  for (std::size_t i = 0; i < n; ++i) {
    alternating[problem.graph().topological_order()[i].index()] = DeviceId(i % 2);
  }
  const Alternative cut = judge(problem, "alternating", std::move(alternating));
  EXPECT_FALSE(cut.feasible);
  EXPECT_GT(cut.stages.size(), 2u);
  EXPECT_NE(cut.note.find("calls and may have 1"), std::string::npos) << cut.note;
}

// check::verify() has its own idea of what stages must be: any placement will do.
TEST(Describe, ArrangesStagesOfAnyPlacement) {
  base::Random random(7);
  std::size_t checked = 0;
  std::size_t virtual_stages = 0;
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    const Problem problem = random_problem(seed, PlacementRule::any);
    const Placement placement = support::random_placement(problem, random);
    if (placement.empty() || !check::examine(problem, placement).feasible()) continue;
    const Plan plan = describe(problem, placement);
    const auto sound = check::verify(problem, plan);
    ASSERT_TRUE(sound.ok()) << seed << " " << sound.error().to_string();
    const std::set<DeviceId> used(placement.begin(), placement.end());
    if (plan.stages.size() > used.size()) ++virtual_stages;
    ++checked;
  }
  EXPECT_GT(checked, 1250);
  EXPECT_GT(virtual_stages, 125);
}

TEST(Describe, ContiguousPlacementsHaveOneStageADevice) {
  base::Random random(8);
  std::size_t checked = 0;
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    const Problem problem = random_problem(seed, PlacementRule::contiguous);
    const Placement placement = support::random_placement(problem, random);
    if (placement.empty() || !check::examine(problem, placement).feasible()) continue;
    const Plan plan = describe(problem, placement);
    const auto sound = check::verify(problem, plan);
    ASSERT_TRUE(sound.ok()) << seed << " " << sound.error().to_string();
    ++checked;
  }
  EXPECT_GT(checked, 500);
}

TEST(Describe, CutsADeviceThatIsVisitedTwice) {
  model::GraphBuilder builder({"gpu"});
  for (const char* id : {"a", "b", "c", "d"}) {
    builder.add_operator({id, "", model::Phase::forward, {}, {Duration(10)}, {}});
  }
  for (std::size_t v = 0; v < 3; ++v) {
    builder.add_tensor({OperatorId(v), {OperatorId(v + 1)}, {}, Duration(1)});
  }
  auto graph = std::make_shared<const model::Graph>(std::move(builder).build().value());
  model::Question question;
  question.placement = PlacementRule::any;
  const auto problem = Problem::create(
      graph, model::Machine::create({{"gpu", 2, {}, true, {}, "gpu"}}).value(), question);
  ASSERT_TRUE(problem.ok());
  const DeviceId first(0);
  const DeviceId second(1);
  const Plan plan = describe(*problem, {first, second, second, first});
  ASSERT_EQ(plan.stages.size(), 3);
  EXPECT_EQ(plan.stages[0].operators, std::vector{OperatorId(0)});
  EXPECT_EQ(plan.stages[1].operators, (std::vector{OperatorId(1), OperatorId(2)}));
  EXPECT_EQ(plan.stages[2].operators, std::vector{OperatorId(3)});
  EXPECT_EQ(plan.stages[2].device, first);
}

TEST(Alternatives, SayWhatTheyBreak) {
  // Two operators of 10 bytes, devices of 10 bytes: nothing fits on one device.
  model::GraphBuilder builder({"gpu"});
  for (const char* id : {"a", "b"}) {
    builder.add_operator({id, "", model::Phase::forward, base::Bytes(10), {Duration(10)}, {}});
  }
  builder.add_tensor({OperatorId(0), {OperatorId(1)}, {}, Duration(1)});
  auto graph = std::make_shared<const model::Graph>(std::move(builder).build().value());
  const auto problem = Problem::create(
      graph, model::Machine::create({{"gpu", 2, base::Bytes(10), true, {}, "gpu"}}).value(), {});
  ASSERT_TRUE(problem.ok());
  for (const Alternative& a : simple_alternatives(*problem)) {
    EXPECT_FALSE(a.feasible) << a.name;
    EXPECT_FALSE(a.objective) << a.name;
    EXPECT_FALSE(a.note.empty()) << a.name;
  }
}

TEST(Alternatives, SimpleOnesAreAmongAll) {
  const Problem problem = workload_problem("resnet50", false, 2);
  const auto all = alternatives(problem, 1);
  const auto simple = simple_alternatives(problem);
  ASSERT_EQ(simple.size(), 2);
  for (const Alternative& one : simple) {
    const auto same = std::find_if(all.begin(), all.end(),
                                   [&](const Alternative& a) { return a.name == one.name; });
    ASSERT_NE(same, all.end()) << one.name;
    EXPECT_EQ(same->objective, one.objective);
    EXPECT_TRUE(one.feasible);
  }
  EXPECT_GT(all.size(), simple.size());
}

}  // namespace
}  // namespace cleave::solve
