#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "check/drafts.h"
#include "cleave/check/check.h"

namespace cleave::check {
namespace {

using base::Bytes;
using base::Duration;
using model::PlacementRule;
using model::Schedule;
using model::Transfers;
using support::Draft;

Verdict examine(const Draft& draft, const std::vector<std::int32_t>& devices) {
  const auto problem = support::build(draft);
  EXPECT_TRUE(problem.ok()) << problem.error().to_string();
  return check::examine(*problem, on(devices));
}

void expect_load(const model::DeviceLoad& device, std::int64_t in, std::int64_t compute,
                 std::int64_t out, std::int64_t load) {
  EXPECT_EQ(device.in.count(), in);
  EXPECT_EQ(device.compute.count(), compute);
  EXPECT_EQ(device.out.count(), out);
  EXPECT_EQ(device.load.count(), load);
}

// The only violation; fails where there is another number of them.
std::string violation(const Verdict& verdict) {
  EXPECT_EQ(verdict.violations.size(), 1u);
  return verdict.violations.empty() ? "" : verdict.violations.front();
}

TEST(ExamineInference, SerialAddsTransfersToComputing) {
  const Verdict verdict = examine(diamond(), {0, 0, 1, 2});
  EXPECT_TRUE(verdict.feasible());
  ASSERT_EQ(verdict.devices.size(), 3u);
  expect_load(verdict.devices[0], 0, 30, 32, 62);
  expect_load(verdict.devices[1], 30, 30, 5, 65);
  expect_load(verdict.devices[2], 0, 33, 0, 33);
  EXPECT_EQ(verdict.devices[0].memory, Bytes(3));
  EXPECT_EQ(verdict.devices[1].memory, Bytes(4));
  EXPECT_EQ(verdict.devices[2].memory, Bytes(8));
  EXPECT_EQ(verdict.objective, Duration(65));
}

TEST(ExamineInference, HalfDuplexOverlapsTransfersWithComputing) {
  Draft draft = diamond();
  draft.question.transfers = Transfers::half_duplex;
  const Verdict verdict = examine(draft, {0, 0, 1, 2});
  expect_load(verdict.devices[0], 0, 30, 32, 32);
  expect_load(verdict.devices[1], 30, 30, 5, 35);
  expect_load(verdict.devices[2], 0, 33, 0, 33);
  EXPECT_EQ(verdict.objective, Duration(35));
}

TEST(ExamineInference, FullDuplexOverlapsAllThree) {
  Draft draft = diamond();
  draft.question.transfers = Transfers::full_duplex;
  const Verdict verdict = examine(draft, {0, 0, 1, 2});
  expect_load(verdict.devices[0], 0, 30, 32, 32);
  expect_load(verdict.devices[1], 30, 30, 5, 30);
  expect_load(verdict.devices[2], 0, 33, 0, 33);
  EXPECT_EQ(verdict.objective, Duration(33));
}

TEST(ExamineInference, ATensorMovesOnceIntoADevice) {
  const Verdict verdict = examine(diamond(), {0, 1, 1, 2});
  expect_load(verdict.devices[0], 0, 10, 30, 40);
  expect_load(verdict.devices[1], 30, 50, 7, 87);
}

TEST(ExamineInference, ATensorMovesOnceOutOfADevice) {
  Draft draft = diamond();
  draft.classes[0].count = 3;
  const Verdict verdict = examine(draft, {0, 1, 2, 3});
  expect_load(verdict.devices[0], 0, 10, 30, 40);
  expect_load(verdict.devices[1], 30, 20, 2, 52);
  expect_load(verdict.devices[2], 30, 30, 5, 65);
}

TEST(ExamineInference, NothingMovesOnOneDevice) {
  Draft draft = diamond();
  draft.tensors.push_back(tensor(0, {}, 1000));  // nobody wants it
  const Verdict verdict = examine(draft, {1, 1, 1, 1});
  expect_load(verdict.devices[0], 0, 0, 0, 0);
  expect_load(verdict.devices[1], 0, 100, 0, 100);
}

TEST(ExamineInference, EveryClassPaysByItsOwnPrice) {
  Draft draft = diamond();
  // One picosecond a byte and two to begin with, for both ends of the CPU's transfers only.
  draft.classes[1].pays_transfers = true;
  draft.classes[1].link = model::Link{1'000'000'000'000, Duration(2)};
  for (model::TensorSpec& tensor : draft.tensors) tensor.bytes = Bytes(100);
  const Verdict verdict = examine(draft, {2, 0, 0, 2});
  EXPECT_EQ(violation(verdict).substr(0, 31), "the placement is not contiguous");
  expect_load(verdict.devices[0], 30, 50, 7, 87);
  expect_load(verdict.devices[2], 204, 133, 102, 439);
}

TEST(ExamineTraining, OneForwardOneBackwardAddsThePhases) {
  const Verdict verdict = examine(training(true), {0, 1, 1, 0});
  EXPECT_TRUE(verdict.feasible());
  expect_load(verdict.devices[0], 5, 45, 4, 54);
  expect_load(verdict.devices[1], 4, 50, 5, 59);
  EXPECT_EQ(verdict.devices[0].forward, Duration(0));
  EXPECT_EQ(verdict.devices[0].backward, Duration(0));
  EXPECT_EQ(verdict.objective, Duration(59));
}

TEST(ExamineTraining, OneForwardOneBackwardCombinesSumsOverPhases) {
  Draft draft = training(true);
  draft.question.transfers = Transfers::full_duplex;
  draft.tensors[0].transfer = Duration(60);
  const Verdict verdict = examine(draft, {0, 1, 1, 0});
  expect_load(verdict.devices[0], 5, 45, 60, 60);
  expect_load(verdict.devices[1], 60, 50, 5, 60);
  EXPECT_EQ(verdict.objective, Duration(60));
}

TEST(ExamineTraining, GpipeAddsTheWorstOfEachPhase) {
  Draft draft = training(true);
  draft.question.schedule = Schedule::gpipe;
  const Verdict verdict = examine(draft, {0, 1, 1, 0});
  expect_load(verdict.devices[0], 5, 45, 4, 54);
  EXPECT_EQ(verdict.devices[0].forward, Duration(34));
  EXPECT_EQ(verdict.devices[0].backward, Duration(20));
  expect_load(verdict.devices[1], 4, 50, 5, 59);
  EXPECT_EQ(verdict.devices[1].forward, Duration(24));
  EXPECT_EQ(verdict.devices[1].backward, Duration(35));
  EXPECT_EQ(verdict.objective, Duration(34 + 35));
}

TEST(ExamineTraining, GpipeCombinesPerPhase) {
  Draft draft = training(true);
  draft.question.schedule = Schedule::gpipe;
  draft.question.transfers = Transfers::half_duplex;
  draft.tensors[0].transfer = Duration(60);
  const Verdict verdict = examine(draft, {0, 1, 1, 0});
  EXPECT_EQ(verdict.devices[0].forward, Duration(60));
  EXPECT_EQ(verdict.devices[0].backward, Duration(15));
  EXPECT_EQ(verdict.devices[0].load, Duration(75));
  EXPECT_EQ(verdict.devices[1].forward, Duration(60));
  EXPECT_EQ(verdict.devices[1].backward, Duration(30));
  EXPECT_EQ(verdict.objective, Duration(90));
}

TEST(ExamineTraining, ATransferBelongsToItsProducersPhase) {
  Draft draft = training(false);
  draft.question.schedule = Schedule::gpipe;
  const Verdict verdict = examine(draft, {0, 0, 1, 1});
  EXPECT_TRUE(verdict.feasible());
  EXPECT_EQ(verdict.devices[0].forward, Duration(50 + 6 + 7));
  EXPECT_EQ(verdict.devices[0].backward, Duration(0));
  EXPECT_EQ(verdict.devices[1].forward, Duration(6 + 7));
  EXPECT_EQ(verdict.devices[1].backward, Duration(45));
  EXPECT_EQ(verdict.objective, Duration(63 + 45));
}

TEST(ExamineTraining, GpipeOfAGraphWithoutBackwardOperatorsIsItsLargestLoad) {
  Draft draft = diamond();
  draft.question.schedule = Schedule::gpipe;
  EXPECT_EQ(examine(draft, {0, 0, 1, 2}).objective, Duration(65));
}

TEST(ExamineViolations, APlacementOfAnotherSize) {
  const Verdict verdict = examine(diamond(), {0, 0, 0});
  EXPECT_EQ(violation(verdict), "the placement has 3 devices for 4 operators");
  EXPECT_TRUE(verdict.devices.empty());
  EXPECT_FALSE(examine(diamond(), {}).feasible());
}

TEST(ExamineViolations, AnOperatorWithoutADevice) {
  for (const std::int32_t nowhere : {-1, -7, 3, 2'000'000'000}) {
    const Verdict verdict = examine(diamond(), {0, nowhere, 0, 0});
    EXPECT_EQ(violation(verdict), "operator 'b' has no device");
    EXPECT_TRUE(verdict.devices.empty());
  }
}

TEST(ExamineViolations, AnUnsupportedOperator) {
  const Verdict verdict = examine(diamond(), {0, 0, 2, 2});
  EXPECT_EQ(violation(verdict), "operator 'c' is on cpu0, which does not support it");
  expect_load(verdict.devices[2], 0, 33, 0, 33);
}

TEST(ExamineViolations, APinAndAForbid) {
  Draft draft = diamond();
  draft.question.pins = {{"^a$", "accelerator1"}};
  EXPECT_EQ(violation(examine(draft, {0, 0, 0, 0})),
            "operator 'a' is on accelerator0, which a pin or forbid excludes");
  EXPECT_TRUE(examine(draft, {1, 1, 1, 1}).feasible());
  draft = diamond();
  draft.question.forbids = {{"^d$", "cpu"}};
  EXPECT_EQ(violation(examine(draft, {0, 0, 0, 2})),
            "operator 'd' is on cpu0, which a pin or forbid excludes");
  EXPECT_TRUE(examine(draft, {0, 0, 0, 0}).feasible());
}

TEST(ExamineViolations, AGroupOnTwoDevices) {
  Draft draft = diamond();
  draft.operators[1].group = draft.operators[2].group = "pair";
  EXPECT_EQ(violation(examine(draft, {0, 0, 1, 1})),
            "operators 'b' and 'c' of colocation group 'pair' are on accelerator0 and "
            "accelerator1");
  EXPECT_TRUE(examine(draft, {0, 1, 1, 1}).feasible());
}

TEST(ExamineViolations, TooLittleMemory) {
  Draft draft = diamond();
  draft.classes[0].memory = Bytes(7);
  EXPECT_EQ(violation(examine(draft, {0, 0, 0, 1})),
            "accelerator1 holds 8 bytes and has 7: 1 bytes short");
  EXPECT_TRUE(examine(draft, {0, 0, 0, 2}).feasible());
}

TEST(ExamineViolations, ForwardOperatorsThatLeaveADeviceAndComeBack) {
  Draft draft = diamond();
  EXPECT_EQ(violation(examine(draft, {0, 0, 1, 0})),
            "the placement is not contiguous: accelerator1 -> ('c' -> 'd') -> accelerator0 -> "
            "('a' -> 'c') -> accelerator1");
  draft.question.placement = PlacementRule::any;
  EXPECT_TRUE(examine(draft, {0, 0, 1, 0}).feasible());
}

TEST(ExamineViolations, DevicesThatNeedOneAnotherThoughNoPathComesBack) {
  Draft draft = diamond();
  draft.operators.push_back(op("e", 0, 1, 1));
  draft.operators.push_back(op("f", 0, 1, 1));
  draft.tensors.push_back(tensor(4, {5}, 1));
  EXPECT_EQ(violation(examine(draft, {0, 0, 1, 1, 1, 0})).substr(0, 31),
            "the placement is not contiguous");
  EXPECT_TRUE(examine(draft, {0, 0, 1, 1, 0, 1}).feasible());
}

TEST(ExamineViolations, AGroupThatSpansAnotherDevice) {
  Draft draft = diamond();
  draft.operators[0].group = draft.operators[3].group = "tied";
  EXPECT_FALSE(examine(draft, {0, 0, 1, 0}).feasible());
  EXPECT_TRUE(examine(draft, {0, 0, 0, 0}).feasible());
}

TEST(ExamineViolations, BackwardOperatorsOfTheirOwnRunAgainstTheForwardOnes) {
  // f1 on 0 and f2 on 1: so b2 may be on 1 and b1 on 0, and not the other way round.
  EXPECT_TRUE(examine(training(false), {0, 1, 1, 0}).feasible());
  EXPECT_EQ(violation(examine(training(false), {0, 1, 0, 1})),
            "the placement is not contiguous: accelerator1 -> ('b1' -> 'b2', mirrored) -> "
            "accelerator0 -> ('f1' -> 'f2') -> accelerator1");
  Draft draft = training(false);
  draft.question.placement = PlacementRule::any;
  EXPECT_TRUE(examine(draft, {0, 1, 0, 1}).feasible());
}

TEST(ExamineViolations, ABackwardGroupCountsAsBackwardOperatorsOfTheirOwn) {
  Draft draft = training(false);
  draft.operators[2].group = "loss";
  draft.operators[3].group = "update";
  EXPECT_TRUE(examine(draft, {0, 1, 1, 0}).feasible());
  EXPECT_FALSE(examine(draft, {0, 1, 0, 1}).feasible());
}

TEST(ExamineViolations, OneEndOfItsOwnIsEnough) {
  Draft draft = training(false);
  draft.operators[0].group = draft.operators[3].group = "one";  // b1 follows f1
  EXPECT_TRUE(examine(draft, {0, 1, 1, 0}).feasible());
  // Devices 1 (f2) and 2 (b2) both come after device 0 (f1 and b1), in either order.
  EXPECT_TRUE(examine(draft, {0, 1, 2, 0}).feasible());
  // An operator that feeds f1 puts b2's device before device 0 as well.
  draft.operators.push_back(op("f0", 1, 1, 1));
  draft.tensors.push_back(tensor(4, {0}, 1));
  EXPECT_FALSE(examine(draft, {0, 1, 2, 0, 2}).feasible());
  EXPECT_TRUE(examine(draft, {0, 1, 1, 0, 2}).feasible());
}

TEST(ExamineViolations, TwinsFollowTheirForwardOperatorsWhereverTheseAre) {
  Draft draft = training(true);
  draft.tensors[0] = tensor(1, {0}, 4);  // f2 -> f1, while b2 -> b1 stays
  draft.tensors[1] = tensor(0, {2}, 6);
  EXPECT_TRUE(examine(draft, {0, 1, 1, 0}).feasible());
}

TEST(ExamineViolations, TensorsBetweenThePhasesDoNotCount) {
  // f2 -> b2 leads from 1 to 0, against f1 -> f2 from 0 to 1.
  EXPECT_TRUE(examine(training(false), {0, 1, 0, 0}).feasible());
}

TEST(ExamineViolations, AreAllNamed) {
  Draft draft = diamond();
  draft.operators[0].group = draft.operators[1].group = "pair";
  draft.classes[1].memory = Bytes(3);
  const Verdict verdict = examine(draft, {0, 1, 2, 0});
  EXPECT_EQ(verdict.violations.size(), 4u);
  EXPECT_EQ(verdict.broken,
            (std::vector{Rule::allowed, Rule::colocation, Rule::memory, Rule::contiguity}));
}

TEST(ExamineViolations, OperatorsWithoutADeviceEndTheExamination) {
  EXPECT_EQ(examine(diamond(), {0, 0, 0, -1}).broken, std::vector{Rule::placed});
  EXPECT_TRUE(examine(diamond(), {0, 0, 0, 0}).broken.empty());
}

TEST(ExamineViolations, AreCountedWhereThereAreMany) {
  Draft draft = diamond();
  for (int i = 0; i < 30; ++i) {
    draft.operators.push_back(op("e" + std::to_string(i), 0, 1, std::nullopt));
  }
  const Verdict verdict = examine(draft, std::vector<std::int32_t>(34, 2));
  ASSERT_EQ(verdict.violations.size(), 21u);
  EXPECT_EQ(verdict.violations.back(), "and 11 more like the one before");
  EXPECT_EQ(verdict.broken, std::vector{Rule::allowed});
}

}  // namespace
}  // namespace cleave::check
