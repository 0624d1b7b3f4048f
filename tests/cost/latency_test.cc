#include "cleave/cost/latency.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "check/drafts.h"

namespace cleave::cost {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::PlacementRule;
using model::Problem;
using model::Stage;

// Devices 0 and 1 are accelerators, 2 is the pool.
Problem ask(support::Draft draft, int slots, std::optional<int> workers = {}) {
  draft.question.objective = model::Objective::latency;
  draft.question.placement = PlacementRule::slots;
  draft.question.slots = slots;
  draft.question.workers = workers;
  return support::build(draft).value();
}

Stage stage(int device, const std::vector<int>& operators) {
  Stage result;
  result.device = DeviceId(device);
  for (const int op : operators) result.operators.emplace_back(op);
  return result;
}

TEST(EvaluateLatency, MakesCallsWaitForTheirInputs) {
  const Problem problem = ask(check::diamond(), 1);
  // a 10 + out 30; then b and c side by side: in 30 + 20 + out 2, in 30 + 30 + out 5; d on the
  // pool. b and c cannot be two calls of one accelerator here, so b stays with a.
  const auto result = evaluate_latency(problem, {stage(0, {0, 1}), stage(1, {2}), stage(2, {3})});
  EXPECT_EQ(result.stages[0].start, Duration(0));
  EXPECT_EQ(result.stages[0].finish, Duration(10 + 20 + 30 + 2));
  EXPECT_EQ(result.stages[1].start, Duration(62));
  EXPECT_EQ(result.stages[1].finish, Duration(62 + 30 + 30 + 5));
  EXPECT_EQ(result.stages[2].start, Duration(127));
  EXPECT_EQ(result.objective, Duration(127 + 33));
  EXPECT_EQ(result.devices[0].out, Duration(32));
  EXPECT_EQ(result.devices[1].load, Duration(65));
  EXPECT_EQ(result.devices[2].load, Duration(33));
  EXPECT_EQ(result.devices[0].memory, Bytes(3));
  EXPECT_TRUE(result.fits);
}

TEST(EvaluateLatency, LetsCallsOfOneAcceleratorTakeTurnsAndPayForWhatPassesBetweenThem) {
  const Problem problem = ask(check::diamond(), 2);
  const auto result =
      evaluate_latency(problem, {stage(0, {0}), stage(0, {1}), stage(1, {2}), stage(2, {3})});
  EXPECT_EQ(result.stages[0].finish, Duration(40));
  EXPECT_EQ(result.stages[1].start, Duration(40));
  EXPECT_EQ(result.stages[1].finish, Duration(40 + 30 + 20 + 2));
  EXPECT_EQ(result.stages[2].start, Duration(40));
  EXPECT_EQ(result.objective, Duration(40 + 65 + 33));

  const auto waits =
      evaluate_latency(problem, {stage(0, {0}), stage(1, {1}), stage(1, {2}), stage(2, {3})});
  EXPECT_EQ(waits.stages[2].start, Duration(92)) << "c waits for the call before";
  EXPECT_EQ(waits.objective, Duration(92 + 65 + 33));
}

TEST(EvaluateLatency, CombinesTransfersInEachCall) {
  support::Draft draft = check::diamond();
  draft.question.transfers = model::Transfers::full_duplex;
  const auto result =
      evaluate_latency(ask(std::move(draft), 1), {stage(0, {0, 1}), stage(1, {2}), stage(2, {3})});
  EXPECT_EQ(result.stages[0].finish, Duration(32)) << "out is the largest of in, compute and out";
  EXPECT_EQ(result.objective, Duration(32 + 30 + 33));
}

TEST(EvaluateLatency, SaysWhereMemoryIsShort) {
  support::Draft draft = check::diamond();
  draft.classes[0].memory = Bytes(6);
  const Problem problem = ask(std::move(draft), 2);
  EXPECT_TRUE(
      evaluate_latency(problem, {stage(2, {0}), stage(0, {1}), stage(0, {2}), stage(2, {3})}).fits);
  EXPECT_FALSE(
      evaluate_latency(problem, {stage(0, {0}), stage(0, {1}), stage(0, {2}), stage(2, {3})}).fits);
}

// Four operators of the pool without tensors between them: times 4, 3, 2, 1.
support::Draft heap() {
  support::Draft draft;
  draft.time_columns = {"accelerator", "cpu"};
  draft.operators = {check::op("a", 0, 9, 4), check::op("b", 0, 9, 3), check::op("c", 0, 9, 2),
                     check::op("d", 0, 9, 1)};
  draft.classes = check::two_accelerators_and_a_cpu();
  return draft;
}

TEST(EvaluateLatency, HasWorkersTakeUpOperatorsInOrder) {
  const std::vector<Stage> row{stage(2, {0, 1, 2, 3})};
  EXPECT_EQ(evaluate_latency(ask(heap(), 1), row).objective, Duration(4));
  EXPECT_EQ(evaluate_latency(ask(heap(), 1, 1), row).objective, Duration(10));
  EXPECT_EQ(evaluate_latency(ask(heap(), 1, 2), row).objective, Duration(5));
  EXPECT_EQ(evaluate_latency(ask(heap(), 1, 3), row).objective, Duration(4));
  const auto other = evaluate_latency(ask(heap(), 1, 2), {stage(2, {3, 2}), stage(2, {1, 0})});
  EXPECT_EQ(other.objective, Duration(6));
  EXPECT_EQ(other.stages[0].start, Duration(0));
  EXPECT_EQ(other.stages[0].finish, Duration(2));
  EXPECT_EQ(other.stages[1].start, Duration(1));
}

TEST(EvaluateLatency, LetsNoOperatorOvertakeTheOneBefore) {
  support::Draft draft = heap();
  draft.tensors = {check::tensor(0, {1}, 0)};
  const Problem problem = ask(std::move(draft), 1, 2);
  // b has to wait for a, and c for b to start, although a worker is free.
  const auto blocked = evaluate_latency(problem, {stage(2, {0, 1}), stage(2, {2, 3})});
  EXPECT_EQ(blocked.stages[1].start, Duration(4));
  const auto result = evaluate_latency(problem, {stage(2, {0}), stage(2, {2, 3, 1})});
  EXPECT_EQ(result.stages[1].start, Duration(0));
  EXPECT_EQ(result.stages[1].finish, Duration(7));
}

TEST(LatencyClock, HasSlotsForCallsAndOneForThePool) {
  LatencyClock clock(ask(check::diamond(), 2));
  EXPECT_EQ(clock.num_slots(), 5u);
  EXPECT_EQ(clock.first_slot(DeviceId(1)), SlotId(2));
  EXPECT_EQ(clock.slots_of(DeviceId(1)), 2u);
  EXPECT_EQ(clock.slots_of(DeviceId(2)), 1u);
  EXPECT_EQ(clock.device(SlotId(3)), DeviceId(1));
  EXPECT_TRUE(clock.is_pool(SlotId(4)));
  EXPECT_FALSE(clock.is_pool(SlotId(3)));
}

std::vector<SlotId> in_slots(const std::vector<int>& slots) {
  std::vector<SlotId> result;
  for (const int slot : slots) result.emplace_back(slot);
  return result;
}

TEST(LatencyClock, TellsPlansFromCircles) {
  LatencyClock clock(ask(check::diamond(), 2));
  EXPECT_EQ(clock.makespan(in_slots({0, 1, 2, 4})), Duration(138));
  EXPECT_EQ(clock.makespan(in_slots({1, 0, 2, 4})), std::nullopt) << "b's call comes before a's";
  EXPECT_EQ(clock.makespan(in_slots({0, 2, 0, 0})), std::nullopt) << "b lies between";
  EXPECT_EQ(clock.makespan(in_slots({0, 1, 2, 4})), Duration(138)) << "nothing is left behind";
  EXPECT_EQ(clock.finish(OperatorId(1)), Duration(92));
}

TEST(LatencyClock, GivesTheRowOfAPlan) {
  LatencyClock clock(ask(check::diamond(), 2));
  const std::vector<Stage> stages = clock.stages(in_slots({4, 4, 2, 4}));
  ASSERT_EQ(stages.size(), 3u);
  EXPECT_EQ(stages[0].operators, stage(2, {0, 1}).operators);
  EXPECT_EQ(stages[0].finish, Duration(300));
  EXPECT_EQ(stages[1].start, Duration(100));
  EXPECT_EQ(stages[1].operators, stage(1, {2}).operators);
  EXPECT_EQ(stages[2].finish, clock.makespan(in_slots({4, 4, 2, 4})));
}

TEST(LatencyClock, PutsOperatorsInARowByRank) {
  LatencyClock clock(ask(heap(), 1, 2));
  const auto slots = in_slots({2, 2, 2, 2});
  EXPECT_EQ(clock.makespan(slots), Duration(5));
  const std::vector<std::uint32_t> shortest_first{3, 2, 1, 0};
  EXPECT_EQ(clock.makespan(slots, shortest_first), Duration(6));
  EXPECT_EQ(clock.stages(slots, shortest_first)[0].operators, stage(2, {3, 2, 1, 0}).operators);
}

}  // namespace
}  // namespace cleave::cost
