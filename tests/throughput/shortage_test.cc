#include "throughput/shortage.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "cleave/reduce/contract.h"
#include "cleave/throughput/contiguous.h"
#include "support/brute_force.h"
#include "support/draft.h"
#include "support/random_draft.h"

namespace cleave::throughput {
namespace {

using base::Bytes;
using base::Duration;
using model::Problem;
using support::Draft;

model::OperatorSpec operator_of(std::string id, std::int64_t memory,
                                std::vector<std::optional<Duration>> times) {
  return {std::move(id), "", model::Phase::forward, Bytes(memory), std::move(times), {}};
}

// Operators o0 → o1 → … of so many bytes, which run on "acc" and "cpu" alike.
Draft chain(const std::vector<std::int64_t>& memory) {
  Draft draft;
  draft.time_columns = {"acc", "cpu"};
  for (std::size_t v = 0; v < memory.size(); ++v) {
    draft.operators.push_back(
        operator_of("o" + std::to_string(v), memory[v], {Duration(1), Duration(9)}));
    if (v == 0) continue;
    draft.tensors.push_back(
        {base::OperatorId(v - 1), {base::OperatorId(v)}, std::nullopt, Duration(1)});
  }
  return draft;
}

model::DeviceClass devices(std::string name, int count, std::optional<std::int64_t> memory) {
  model::DeviceClass c;
  c.name = c.times = std::move(name);
  c.count = count;
  if (memory) c.memory = Bytes(*memory);
  return c;
}

std::string reason(const Draft& draft) {
  const auto problem = support::build(draft);
  EXPECT_TRUE(problem.ok());
  const Answer answer = plan_contiguous(*problem, {});
  EXPECT_EQ(answer.status, model::PlanStatus::infeasible);
  return answer.reason;
}

TEST(Shortage, NamesStageClassAndBytes) {
  Draft draft = chain({6, 6, 6, 2});
  draft.classes = {devices("acc", 2, 10)};
  EXPECT_EQ(reason(draft),
            "no contiguous placement fits into memory: 2 bytes short; the one that comes closest "
            "has 12 bytes on a device of class 'acc', which has 10, in the stage that begins with "
            "operator 'o0'");
}

TEST(Shortage, DevicesOfDifferentSizes) {
  Draft draft = chain({6, 6, 6, 2});
  draft.classes = {devices("acc", 1, 11), devices("cpu", 1, 9)};
  // 12 + 8: one byte more on each makes room.
  EXPECT_EQ(reason(draft),
            "no contiguous placement fits into memory: 1 byte short; the one that comes closest "
            "has 12 bytes on a device of class 'acc', which has 11, in the stage that begins with "
            "operator 'o0'");
}

TEST(Shortage, RulesThatNoOrderOfDevicesKeeps) {
  Draft draft = chain({1, 1, 1});
  draft.classes = {devices("acc", 1, 10), devices("cpu", 1, std::nullopt)};
  draft.question.pins = {{"o0|o2", "acc"}, {"o1", "cpu"}};
  EXPECT_EQ(reason(draft),
            "no order of the devices lets every operator be where it may be; the one that gets "
            "furthest leaves no device for operator 'o2', which may be on acc only");
}

// The problem with `more` bytes on every device that has a limit.
std::optional<support::Optimum> with_more_memory(Draft draft, std::int64_t more) {
  for (model::DeviceClass& c : draft.classes) {
    if (c.memory) c.memory = *c.memory + Bytes(more);
  }
  return support::brute_force(*support::build(draft));
}

std::optional<support::Optimum> without_limits(Draft draft) {
  for (model::DeviceClass& c : draft.classes) c.memory.reset();
  return support::brute_force(*support::build(draft));
}

// Random problems that have no placement although each of their parts fits somewhere.
TEST(Shortage, EqualsBruteForce) {
  std::size_t short_of_memory = 0;
  std::size_t stranded = 0;
  const support::Size size{7, 4};
  for (std::uint64_t seed = 1; seed <= 30'000; ++seed) {
    Draft draft = support::random_draft(seed, size);
    draft.question.objective = model::Objective::throughput;
    draft.question.placement = model::PlacementRule::contiguous;
    const auto problem = support::build(draft);
    ASSERT_TRUE(problem.ok()) << seed;
    const auto graph = reduce::contract(*problem);
    if (!graph || support::brute_force(*problem)) continue;

    ASSERT_EQ(find_stranded(*graph).has_value(), !without_limits(draft)) << seed;
    const base::Limits limits;
    const Shortage shortage = measure_shortage(*graph, limits, base::Deadline(limits));
    if (find_stranded(*graph)) {
      EXPECT_FALSE(shortage.closest) << seed;
      ++stranded;
      continue;
    }
    ASSERT_TRUE(shortage.closest) << seed;
    EXPECT_EQ(shortage.closest->excess, shortage.least) << seed;
    EXPECT_TRUE(with_more_memory(draft, shortage.least)) << seed << support::to_json(draft);
    EXPECT_FALSE(with_more_memory(draft, shortage.least - 1)) << seed << support::to_json(draft);
    ++short_of_memory;
  }
  EXPECT_GT(short_of_memory, 200u);
  EXPECT_GT(stranded, 20u);
}

TEST(Shortage, IsALowerBoundWhenStopped) {
  Draft draft = chain({6, 6, 6, 2});
  draft.classes = {devices("acc", 2, 10)};
  const auto graph = reduce::contract(*support::build(draft));
  ASSERT_TRUE(graph.ok());
  base::Limits limits;
  limits.time = std::chrono::seconds(0);
  const Shortage shortage = measure_shortage(*graph, limits, base::Deadline(limits));
  EXPECT_GE(shortage.least, 1);
  EXPECT_LE(shortage.least, 2);
}

// Beyond 12,000 groups there is no search, only splits of orders and bounds.
TEST(LongChain, EndsBecauseOfItsSize) {
  Draft draft = chain(std::vector<std::int64_t>(13'000, 1));
  for (auto& tensor : draft.tensors) tensor.transfer = Duration(70);
  draft.classes = {devices("acc", 10, std::nullopt)};
  const auto problem = support::build(draft);
  ASSERT_TRUE(problem.ok());
  const Answer answer = plan_contiguous(*problem, {});
  EXPECT_EQ(answer.status, model::PlanStatus::feasible);
  EXPECT_EQ(answer.stop, base::StopReason::size);
  EXPECT_LT(answer.bound.value, answer.objective);
}

}  // namespace
}  // namespace cleave::throughput
