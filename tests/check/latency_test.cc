#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "check/drafts.h"
#include "cleave/check/check.h"

namespace cleave::check {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using model::Plan;
using model::PlanStatus;
using model::Problem;
using model::Stage;

// Devices 0 and 1 are accelerators, 2 is the pool.
Problem ask(support::Draft draft, int slots = 2) {
  draft.question.objective = model::Objective::latency;
  draft.question.placement = model::PlacementRule::slots;
  draft.question.slots = slots;
  return support::build(draft).value();
}

Stage stage(int device, const std::vector<int>& operators) {
  Stage result;
  result.device = DeviceId(device);
  for (const int op : operators) result.operators.emplace_back(op);
  return result;
}

std::vector<Stage> good_row() {
  return {stage(0, {0}), stage(0, {1}), stage(1, {2}), stage(2, {3})};
}

void expect_broken(const Problem& problem, const std::vector<Stage>& stages, Rule rule,
                   const std::string& sentence) {
  const Verdict verdict = examine(problem, stages);
  ASSERT_FALSE(verdict.feasible());
  EXPECT_EQ(verdict.broken.front(), rule);
  EXPECT_NE(verdict.violations.front().find(sentence), std::string::npos)
      << verdict.violations.front();
}

TEST(ExamineLatency, TimesARow) {
  const Verdict verdict = examine(ask(check::diamond()), good_row());
  EXPECT_TRUE(verdict.feasible());
  EXPECT_EQ(verdict.objective, Duration(138));  // a 10 + 30; c 30 + 30 + 5; d 33
  EXPECT_EQ(verdict.stages[1].start, Duration(40));
  EXPECT_EQ(verdict.stages[1].finish, Duration(92));  // b 30 + 20 + 2
  EXPECT_EQ(verdict.devices[0].in, Duration(30));
  EXPECT_EQ(verdict.devices[0].out, Duration(32));
  EXPECT_EQ(verdict.devices[0].load, Duration(92));
  EXPECT_EQ(verdict.devices[2].out, Duration(0));
}

TEST(ExamineLatency, SaysWhichRuleIsBroken) {
  const Problem problem = ask(check::diamond());
  expect_broken(problem, {stage(0, {0, 1}), stage(2, {3})}, Rule::placed, "'c' has no device");
  expect_broken(problem, {stage(0, {0, 1, 2}), stage(2, {3, 0})}, Rule::placed, "in two stages");
  expect_broken(problem, {stage(9, {0, 1, 2, 3})}, Rule::placed, "has no device");
  expect_broken(problem, {stage(0, {0, 1, 2, 3}), stage(1, {})}, Rule::placed,
                "stage 1 has no operators");
  expect_broken(problem, {stage(0, {0, 1}), stage(2, {2, 3})}, Rule::allowed,
                "'c' is on cpu, which does not support it");
  expect_broken(problem, {stage(0, {1}), stage(1, {0, 2, 3})}, Rule::order, "'b' comes before 'a'");
  expect_broken(problem, {stage(0, {1, 0, 2, 3})}, Rule::order, "'b' comes before 'a'");
  expect_broken(ask(check::diamond(), 1), good_row(), Rule::slots,
                "accelerator0 has 2 calls and may have 1");
}

TEST(ExamineLatency, CountsMemoryAndColocationOverAllCalls) {
  support::Draft draft = check::diamond();
  draft.classes[0].memory = Bytes(6);
  expect_broken(ask(draft, 3), {stage(0, {0}), stage(0, {1}), stage(0, {2}), stage(2, {3})},
                Rule::memory, "accelerator0 holds 7 bytes and has 6");
  draft.classes[0].memory.reset();
  draft.operators[0].group = draft.operators[1].group = "shared";
  EXPECT_TRUE(examine(ask(draft), good_row()).feasible()) << "two calls of one accelerator";
  expect_broken(ask(draft), {stage(0, {0}), stage(1, {1, 2}), stage(2, {3})}, Rule::colocation,
                "'shared'");
}

Plan plan_of(const Problem& problem) {
  const Verdict verdict = examine(problem, good_row());
  Plan plan;
  plan.status = PlanStatus::feasible;
  plan.stages = verdict.stages;
  plan.devices = verdict.devices;
  plan.objective = verdict.objective;
  plan.placement = on({0, 0, 1, 2});
  plan.bound = {Duration(10), "path"};
  return plan;
}

TEST(VerifyLatency, HoldsAPlanToItsClaims) {
  const Problem problem = ask(check::diamond());
  EXPECT_TRUE(verify(problem, plan_of(problem)));
  const auto expect_fault = [&](auto&& spoil, const std::string& sentence) {
    Plan plan = plan_of(problem);
    spoil(plan);
    const auto status = verify(problem, plan);
    ASSERT_FALSE(status.ok()) << sentence;
    EXPECT_NE(status.error().message.find(sentence), std::string::npos) << status.error().message;
  };
  expect_fault([](Plan& p) { p.objective -= Duration(1); }, "objective is given as 137");
  expect_fault([](Plan& p) { p.stages[1].start += Duration(1); },
               "stage 1 is given from 41 to 92 ps and runs from 40");
  expect_fault([](Plan& p) { p.placement[1] = DeviceId(1); }, "elsewhere in the placement");
  expect_fault([](Plan& p) { p.placement.pop_back(); }, "3 devices for 4 operators");
  expect_fault([](Plan& p) { p.devices[1].load += Duration(1); }, "the load of accelerator1");
  expect_fault([](Plan& p) { p.status = PlanStatus::optimal; }, "status is 'optimal'");
  expect_fault([](Plan& p) { std::swap(p.stages[0], p.stages[1]); }, "'b' comes before 'a'");
}

}  // namespace
}  // namespace cleave::check
