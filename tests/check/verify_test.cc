#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "check/drafts.h"
#include "cleave/check/check.h"

namespace cleave::check {
namespace {

using base::Duration;
using base::OperatorId;
using model::Plan;
using model::PlanStatus;
using model::Problem;

model::Stage stage(std::int32_t device, const std::vector<std::size_t>& operators) {
  model::Stage result{base::DeviceId(device), {}};
  for (const std::size_t op : operators) result.operators.emplace_back(op);
  return result;
}

// A plan whose every claim holds. `bound` of the objective or less.
Plan plan_for(const Problem& problem, const std::vector<std::int32_t>& devices,
              std::vector<model::Stage> stages) {
  Plan plan;
  plan.placement = on(devices);
  const Verdict verdict = examine(problem, plan.placement);
  plan.status = PlanStatus::optimal;
  plan.objective = verdict.objective;
  plan.bound = {verdict.objective, "search"};
  plan.devices = verdict.devices;
  plan.stages = std::move(stages);
  return plan;
}

Problem problem_of(const support::Draft& draft) {
  auto problem = support::build(draft);
  EXPECT_TRUE(problem.ok());
  return std::move(problem).value();
}

Plan diamond_plan(const Problem& problem) {
  return plan_for(problem, {0, 0, 1, 2}, {stage(0, {0, 1}), stage(1, {2}), stage(2, {3})});
}

Plan without_placement(PlanStatus status) {
  Plan plan;
  plan.status = status;
  plan.reason = "there is too little memory";
  return plan;
}

// The sentence of the error; empty where the plan holds.
std::string fault(const Problem& problem, const Plan& plan) {
  const base::Status status = verify(problem, plan);
  if (status) return "";
  EXPECT_EQ(status.error().code, base::ErrorCode::internal);
  return status.error().message;
}

TEST(Verify, AcceptsPlansThatHold) {
  const Problem problem = problem_of(diamond());
  EXPECT_EQ(fault(problem, diamond_plan(problem)), "");
  Plan open = diamond_plan(problem);
  open.status = PlanStatus::feasible;
  open.bound.value -= Duration(1);
  EXPECT_EQ(fault(problem, open), "");
  EXPECT_EQ(fault(problem, without_placement(PlanStatus::infeasible)), "");
  EXPECT_EQ(fault(problem, without_placement(PlanStatus::none)), "");
}

TEST(Verify, AcceptsATrainingPlan) {
  const Problem problem = problem_of(training(true));
  EXPECT_EQ(fault(problem, plan_for(problem, {0, 1, 1, 0}, {stage(0, {0, 3}), stage(1, {1, 2})})),
            "");
}

TEST(Verify, AcceptsSeveralStagesOfADeviceOnlyWhereTheRuleAllows) {
  support::Draft draft = diamond();
  const std::vector<model::Stage> stages = {stage(0, {0, 1}), stage(1, {2}), stage(0, {3})};
  draft.question.placement = model::PlacementRule::any;
  const Problem any = problem_of(draft);
  EXPECT_EQ(fault(any, plan_for(any, {0, 0, 1, 0}, stages)), "");

  const Problem contiguous = problem_of(diamond());
  EXPECT_NE(fault(contiguous, plan_for(contiguous, {0, 0, 1, 0}, stages)), "");
  EXPECT_EQ(fault(contiguous, plan_for(contiguous, {0, 0, 1, 1},
                                       {stage(0, {0}), stage(0, {1}), stage(1, {2, 3})})),
            "the plan does not hold: accelerator0 has two stages in a contiguous plan");
}

TEST(Verify, StagesOfBackwardOperatorsOfTheirOwnAreMirrored) {
  const Problem problem = problem_of(training(false));
  // b1's stage comes before b2's, as b2 feeds b1 in the backward pass.
  const std::vector<std::int32_t> devices = {0, 0, 2, 1};
  EXPECT_EQ(
      fault(problem, plan_for(problem, devices, {stage(0, {0, 1}), stage(1, {3}), stage(2, {2})})),
      "");
  EXPECT_EQ(
      fault(problem, plan_for(problem, devices, {stage(0, {0, 1}), stage(2, {2}), stage(1, {3})})),
      "the plan does not hold: stage 1 with operator 'b2' comes before stage 2 with operator "
      "'b1', which has to come first");
}

TEST(Verify, DoesNotPassPlansForTheLatencyObjective) {
  support::Draft draft = diamond();
  draft.question.objective = model::Objective::latency;
  const Problem problem = problem_of(draft);
  EXPECT_NE(fault(problem, diamond_plan(problem)), "");
}

TEST(Verify, TheHistoryOfTheSearchEndsWithTheAnswerAndNeverGetsWorse) {
  const Problem problem = problem_of(diamond());
  Plan plan = diamond_plan(problem);
  plan.effort = 9;
  const std::vector<model::SearchStep> history{{1, 0, {}, Duration(10)},
                                               {4, 0, Duration(80), Duration(10)},
                                               {9, 0, Duration(65), Duration(65)}};
  const auto fault_with = [&](std::size_t step, const std::function<void(model::SearchStep&)>& f) {
    plan.history = history;
    f(plan.history[step]);
    return fault(problem, plan);
  };
  using Step = model::SearchStep;
  EXPECT_EQ(fault_with(0, [](Step&) {}), "");
  const std::string prefix = "the plan does not hold: the history ";
  EXPECT_EQ(fault_with(1, [](Step& s) { s.effort = 0; }),
            prefix + "is not in the order of its effort");
  EXPECT_EQ(fault_with(1, [](Step& s) { s.lower_bound = Duration(9); }),
            prefix + "has a bound that falls");
  EXPECT_EQ(fault_with(1, [](Step& s) { s.incumbent = Duration(64); }),
            prefix + "has an incumbent that gets worse");
  const std::string end = prefix + "does not end with the plan's objective, bound and effort";
  EXPECT_EQ(fault_with(2, [](Step& s) { s.incumbent = Duration(64); }), end);
  EXPECT_EQ(fault_with(2, [](Step& s) { s.lower_bound = Duration(64); }), end);
  EXPECT_EQ(fault_with(2, [](Step& s) { s.effort = 10; }), end);
}

struct Forgery {
  std::string claim;  ///< name of the case
  std::function<void(Plan&)> falsify;
  std::string sentence;  ///< part of the error
};

class VerifyForgery : public testing::TestWithParam<Forgery> {};

TEST_P(VerifyForgery, IsCaught) {
  const Problem problem = problem_of(diamond());
  Plan plan = diamond_plan(problem);
  GetParam().falsify(plan);
  EXPECT_NE(fault(problem, plan).find(GetParam().sentence), std::string::npos)
      << fault(problem, plan);
}

const Duration kOne{1};

INSTANTIATE_TEST_SUITE_P(
    EachClaim, VerifyForgery,
    testing::Values(
        Forgery{"infeasible_placement", [](Plan& p) { p.placement[0] = base::DeviceId(2); },
                "not contiguous"},
        Forgery{"other_placement", [](Plan& p) { p.placement[1] = base::DeviceId(1); },
                "the objective is given as 65 ps and is 87 ps"},
        Forgery{"short_placement", [](Plan& p) { p.placement.pop_back(); },
                "3 devices for 4 operators"},
        Forgery{"no_placement", [](Plan& p) { p.placement.clear(); }, "0 devices for 4 operators"},
        Forgery{"objective", [](Plan& p) { p.objective -= kOne; },
                "the objective is given as 64 ps and is 65 ps"},
        Forgery{"in", [](Plan& p) { p.devices[1].in -= kOne; }, "the load of accelerator1"},
        Forgery{"compute", [](Plan& p) { p.devices[0].compute += kOne; },
                "the load of accelerator0"},
        Forgery{"out", [](Plan& p) { p.devices[0].out -= kOne; }, "the load of accelerator0"},
        Forgery{"load", [](Plan& p) { p.devices[2].load -= kOne; }, "the load of cpu0"},
        Forgery{"forward", [](Plan& p) { p.devices[2].forward += kOne; }, "the load of cpu0"},
        Forgery{"backward", [](Plan& p) { p.devices[2].backward += kOne; }, "the load of cpu0"},
        Forgery{"memory", [](Plan& p) { p.devices[2].memory += base::Bytes(1); },
                "the load of cpu0"},
        Forgery{"missing_load", [](Plan& p) { p.devices.pop_back(); }, "2 devices of 3"},
        Forgery{"negative_bound", [](Plan& p) { p.bound.value = -kOne; }, "negative"},
        Forgery{"bound_above_objective", [](Plan& p) { p.bound.value += kOne; },
                "the lower bound 66 ps exceeds the objective 65 ps"},
        Forgery{"feasible_with_bound_above_objective",
                [](Plan& p) {
                  p.status = PlanStatus::feasible;
                  p.bound.value += kOne;
                },
                "exceeds"},
        Forgery{"optimal_with_a_gap", [](Plan& p) { p.bound.value -= kOne; },
                "status is 'optimal', but the lower bound is 64 ps"},
        Forgery{"infeasible_with_a_placement", [](Plan& p) { p.status = PlanStatus::infeasible; },
                "status is 'infeasible', but the plan has a placement"},
        Forgery{"none_with_a_placement", [](Plan& p) { p.status = PlanStatus::none; },
                "status is 'none', but the plan has a placement"},
        Forgery{"infeasible_with_stages",
                [](Plan& p) {
                  p = without_placement(PlanStatus::infeasible);
                  p.stages = {stage(0, {0})};
                },
                "placement, devices or stages"},
        Forgery{"none_with_loads",
                [](Plan& p) {
                  p = without_placement(PlanStatus::none);
                  p.devices.resize(3);
                },
                "placement, devices or stages"},
        Forgery{"infeasible_without_a_reason",
                [](Plan& p) {
                  p = without_placement(PlanStatus::infeasible);
                  p.reason.clear();
                },
                "no reason"},
        Forgery{"stages_missing", [](Plan& p) { p.stages.clear(); }, "operator 'a' is in no stage"},
        Forgery{"operator_in_no_stage", [](Plan& p) { p.stages[0].operators.pop_back(); },
                "operator 'b' is in no stage"},
        Forgery{"operator_in_two_stages",
                [](Plan& p) {
                  p.stages[1].operators.insert(p.stages[1].operators.begin(), OperatorId(0));
                },
                "operator 'a' is in two stages"},
        Forgery{"unknown_operator", [](Plan& p) { p.stages[0].operators.emplace_back(4); },
                "stage 0 names an operator that the graph does not have"},
        Forgery{"invalid_operator", [](Plan& p) { p.stages[0].operators.push_back(OperatorId()); },
                "stage 0 names an operator that the graph does not have"},
        Forgery{"empty_stage", [](Plan& p) { p.stages.push_back(stage(1, {})); },
                "stage 3 has no operators"},
        Forgery{"stage_of_another_device", [](Plan& p) { p.stages[2].device = base::DeviceId(1); },
                "operator 'd' is on cpu0, but stage 2 is another device's"},
        Forgery{"stage_of_no_device", [](Plan& p) { p.stages[2].device = base::DeviceId(9); },
                "another device's"},
        Forgery{"two_stages_of_a_device",
                [](Plan& p) {
                  p.stages[0] = stage(0, {0});
                  p.stages.insert(p.stages.begin() + 1, stage(0, {1}));
                },
                "accelerator0 has two stages"},
        Forgery{"stages_out_of_order", [](Plan& p) { std::swap(p.stages[1], p.stages[2]); },
                "stage 1 with operator 'd' comes before stage 2 with operator 'c'"},
        Forgery{"operators_out_of_order",
                [](Plan& p) { std::swap(p.stages[0].operators[0], p.stages[0].operators[1]); },
                "stage 0 lists operator 'b' before 'a', whose output it consumes"}),
    [](const auto& tested) { return tested.param.claim; });

}  // namespace
}  // namespace cleave::check
