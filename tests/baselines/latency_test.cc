#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "check/drafts.h"
#include "cleave/baselines/baseline.h"
#include "cleave/check/check.h"

namespace cleave::baselines {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using check::Rule;
using check::Verdict;
using model::Problem;
using model::Stage;

// A chain of four: 10 each on an accelerator, 100 on the pool, memory 1; tensors cost 1.
support::Draft chain() {
  support::Draft draft;
  draft.time_columns = {"accelerator", "cpu"};
  for (const char* id : {"a", "b", "c", "d"}) draft.operators.push_back(check::op(id, 1, 10, 100));
  for (std::size_t v = 0; v < 3; ++v) draft.tensors.push_back(check::tensor(v, {v + 1}, 1));
  draft.classes = check::two_accelerators_and_a_cpu();
  return draft;
}

Problem ask(support::Draft draft, std::optional<int> workers = {}) {
  draft.question.objective = model::Objective::latency;
  draft.question.workers = workers;
  return support::build(draft).value();
}

std::optional<std::vector<Stage>> run(const Problem& problem, std::string_view name) {
  const auto all = latency_baselines();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& b) { return b.name == name; });
  EXPECT_NE(found, all.end()) << name;
  return found->run(problem, 1);
}

Verdict examine(const Problem& problem, std::string_view name) {
  const auto stages = run(problem, name);
  EXPECT_TRUE(stages) << name;
  return check::examine(problem, *stages);
}

TEST(LatencyBaselines, PutEverythingOnOneDevice) {
  support::Draft draft = chain();
  EXPECT_EQ(examine(ask(draft), "pool-only").objective, Duration(400));
  EXPECT_EQ(examine(ask(draft), "one-accelerator").objective, Duration(40));
  draft.classes[0].memory = Bytes(3);
  const Verdict verdict = examine(ask(draft), "one-accelerator");
  EXPECT_EQ(verdict.broken, std::vector{Rule::memory}) << "shown as what it is";
  EXPECT_EQ(verdict.objective, Duration(40));
  draft.operators[2].times[1].reset();
  EXPECT_FALSE(run(ask(draft), "pool-only"));
}

TEST(LatencyBaselines, GreedyFillsBlocksToTheirMemory) {
  support::Draft draft = chain();
  draft.classes[0].memory = Bytes(1);
  const Verdict verdict = examine(ask(draft), "greedy");
  EXPECT_TRUE(verdict.feasible());
  ASSERT_EQ(verdict.stages.size(), 3u);  // a; b; c and d on the pool
  EXPECT_EQ(verdict.stages[1].finish, Duration(11 + 12));
  EXPECT_EQ(verdict.objective, Duration(11 + 12 + 200));
}

TEST(LatencyBaselines, HeftPutsIndependentWorkSideBySide) {
  // a feeds b and c; d stands alone. By HEFT's own model a's tensor leaves as soon as a has ended,
  // so c goes to the other accelerator; as calls, c waits for the end of the call with a, b and d.
  support::Draft draft = chain();
  draft.tensors = {check::tensor(0, {1, 2}, 1)};
  const Verdict verdict = examine(ask(draft), "heft");
  EXPECT_TRUE(verdict.feasible());
  ASSERT_EQ(verdict.stages.size(), 2u);
  EXPECT_EQ(verdict.stages[0].finish, Duration(10 + 10 + 10 + 1));
  EXPECT_EQ(verdict.objective, Duration(31 + 1 + 10));
}

TEST(LatencyBaselines, HeftKeepsGroupsMemoryAndSlots) {
  support::Draft draft = chain();
  draft.classes[0].memory = Bytes(2);
  draft.operators[0].group = draft.operators[3].group = "shared";
  EXPECT_FALSE(run(ask(draft), "heft")) << "d belongs to a, whose call is over";
  draft.question.placement = model::PlacementRule::slots;
  draft.question.slots = 2;
  const Verdict verdict = examine(ask(draft), "heft");
  EXPECT_TRUE(verdict.feasible());
  EXPECT_EQ(verdict.stages.size(), 3u);
}

TEST(LatencyBaselines, HeftSaysWhereItFindsNothing) {
  support::Draft draft = chain();
  for (auto& op : draft.operators) op.times[1].reset();
  draft.classes[0].memory = Bytes(1);
  EXPECT_FALSE(run(ask(draft), "heft"));
}

TEST(LatencyBaselines, ScotchIsTimedAsCalls) {
  const Verdict verdict = examine(ask(chain()), "scotch");
  EXPECT_FALSE(verdict.stages.empty());
  EXPECT_GE(verdict.objective, Duration(40));
}

}  // namespace
}  // namespace cleave::baselines
