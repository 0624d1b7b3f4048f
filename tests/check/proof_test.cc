// Proofs worked out by hand, and what is wrong with others.
#include "cleave/check/proof.h"

#include <gtest/gtest.h>

#include <limits>

#include "check/drafts.h"

namespace cleave::check {
namespace {

using base::Duration;
using model::Problem;
using model::Proof;
using model::ProofStep;
using Outcome = ProofVerdict::Outcome;

// Two accelerators; a -> b -> c compute 10, 20, 30, both tensors cost 5. At best {a, b} and {c},
// with loads of 35.
support::Draft chain() {
  support::Draft draft;
  draft.time_columns = {"accelerator", "cpu"};
  draft.operators = {op("a", 1, 10, std::nullopt), op("b", 1, 20, std::nullopt),
                     op("c", 1, 30, std::nullopt)};
  draft.tensors = {tensor(0, {1}, 5), tensor(1, {2}, 5)};
  draft.classes = {two_accelerators_and_a_cpu().front()};
  draft.question.placement = model::PlacementRule::any;
  return draft;
}

// Two accelerators; a -> b -> c -> d compute 10 each; the first tensor costs 100, the others 1. At
// best {a, b} and {c, d}, with loads of 21.
support::Draft dear_first_tensor() {
  support::Draft draft = chain();
  draft.operators = {op("a", 1, 10, std::nullopt), op("b", 1, 10, std::nullopt),
                     op("c", 1, 10, std::nullopt), op("d", 1, 10, std::nullopt)};
  draft.tensors = {tensor(0, {1}, 100), tensor(1, {2}, 1), tensor(2, {3}, 1)};
  return draft;
}

ProofVerdict check(const support::Draft& draft, std::int64_t bound, std::vector<ProofStep> steps,
                   std::uint64_t effort = kProofEffort) {
  const auto problem = support::build(draft);
  return check_proof(*problem, Proof{Duration(bound), "by hand", std::move(steps)}, effort);
}

void expect_proved(const ProofVerdict& verdict) {
  EXPECT_EQ(verdict.outcome, Outcome::proved) << verdict.sentence;
}

void expect_refuted(const ProofVerdict& verdict, std::string_view why) {
  EXPECT_EQ(verdict.outcome, Outcome::refuted);
  EXPECT_NE(verdict.sentence.find(why), std::string::npos) << verdict.sentence;
}

TEST(CheckProof, DerivesWorkFromTimesAlone) {
  const ProofStep work{{10, 20, 30}, {29}, {}, {}};
  expect_proved(check(chain(), 30, {work}));
  expect_refuted(check(chain(), 36, {work}), "step 1 of 1: a device of kind 0 may hold more than");
  expect_refuted(check(chain(), 31, {ProofStep{{10, 20, 30}, {30}, {}, {}}}),
                 "all devices together can hold all groups");
}

TEST(CheckProof, CountsTransfersOfWhatADeviceHolds) {
  const ProofStep nowhere_for_c{{0, 0, 1}, {0}, {}, {}};
  expect_proved(check(chain(), 35, {nowhere_for_c}));
  expect_refuted(check(chain(), 36, {nowhere_for_c}), "may hold more than a weight of 0");
  support::Draft free = chain();
  free.classes.front().pays_transfers = false;
  expect_refuted(check(free, 35, {nowhere_for_c}), "may hold more");
  support::Draft overlapping = chain();
  overlapping.question.transfers = model::Transfers::full_duplex;
  expect_refuted(check(overlapping, 35, {nowhere_for_c}), "may hold more");
  expect_proved(check(overlapping, 30, {nowhere_for_c}));
}

TEST(CheckProof, CountsMemory) {
  support::Draft small = chain();
  small.operators[2].memory = base::Bytes(50);
  small.classes.front().memory = base::Bytes(24);
  expect_proved(check(small, 1000, {ProofStep{{0, 0, 50}, {24}, {}, {}}}));
}

TEST(CheckProof, FusesWhatNoPlacementTakesApart) {
  // Within 21 a device holds at most two: {a, b} or {c, d}. So both are together, b and c need not.
  const std::vector<std::int64_t> equal(4, 1000);
  const ProofStep pairs{equal, {2000}, {0, 1, 2, 3}, {{0, 1}, {2, 3}}};
  ProofStep wrong = pairs;
  wrong.together = {{1, 2}};
  expect_refuted(check(dear_first_tensor(), 22, {pairs}), "its steps end without a contradiction");
  expect_refuted(check(dear_first_tensor(), 22, {wrong}),
                 "step 1 of 1: groups that are said to share a device may be apart");
  // Within 20 it holds one, so that with as much as two everything is together, and does not fit.
  const ProofStep everything{equal, {2000}, {0, 1, 2, 3}, {{0, 1, 2, 3}}};
  const ProofStep nowhere_for_a{{1, 0, 0, 0}, {0}, {}, {}};
  expect_proved(check(dear_first_tensor(), 21, {everything, nowhere_for_a}));
  expect_refuted(check(dear_first_tensor(), 22, {everything, nowhere_for_a}), "step 1 of 2");
}

// A device that pays nothing loses nothing by an edge that it cuts.
TEST(CheckProof, FusesLessWhereDevicesPayNothing) {
  support::Draft draft = dear_first_tensor();
  draft.classes = two_accelerators_and_a_cpu();
  const auto check_last_pair = [&](std::int64_t cpu_time, std::int64_t cpu_most) {
    draft.operators[3].times[1] = Duration(cpu_time);
    return check(draft, 22,
                 {ProofStep{{1000, 1000, 1000, 1000}, {2000, cpu_most}, {0, 1, 2, 3}, {{2, 3}}}});
  };
  expect_refuted(check_last_pair(22, 0), "step 1 of 1: a device of kind 1 may hold more");
  expect_refuted(check_last_pair(500, 42), "its steps end without a contradiction");
  expect_refuted(check_last_pair(21, 1000), "step 1 of 1: groups that are said to share");
}

TEST(CheckProof, TriesEveryPlacementWhereThereAreNoSteps) {
  expect_proved(check(chain(), 35, {}));
  expect_refuted(check(chain(), 36, {}), "a placement with a smaller objective exists");
  expect_proved(check(training(true), 1, {}));
  EXPECT_EQ(check(chain(), 35, {}, 10).outcome, Outcome::unchecked);
}

TEST(CheckProof, SaysWhenTheEffortIsSpent) {
  const auto verdict = check(chain(), 35, {ProofStep{{0, 0, 1}, {0}, {}, {}}}, 3);
  EXPECT_EQ(verdict.outcome, Outcome::unchecked);
  EXPECT_NE(verdict.sentence.find("more than the effort"), std::string::npos);
}

TEST(CheckProof, RefusesWhatIsMalformed) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kSmallest = std::numeric_limits<std::int64_t>::min();
  const char* const other = "of another problem";
  expect_refuted(check(chain(), 30, {ProofStep{{10, 20}, {29}, {}, {}}}), other);
  expect_refuted(check(chain(), 30, {ProofStep{{10, 20, 30}, {29, 0}, {}, {}}}), other);
  expect_refuted(check(chain(), 30, {ProofStep{{10, 20, 30}, {29}, {3}, {}}}), other);
  expect_refuted(check(chain(), 30, {ProofStep{{10, 20, 30}, {29}, {}, {{0, 3}}}}), other);
  expect_refuted(check(chain(), 30, {ProofStep{{10, 20, 30}, {29}, {}, {{}}}}), other);
  for (const std::int64_t weight : {kLargest, kSmallest}) {
    expect_refuted(check(chain(), 30, {ProofStep{{weight, weight, 1}, {0}, {}, {}}}), "2^50");
  }
  expect_refuted(check(chain(), 30, {ProofStep{{0, 0, 0}, {-1}, {}, {}}}), "holds nothing");
  expect_refuted(check(chain(), 30, {ProofStep{{1, 1, 1}, {kLargest}, {}, {{0, 1}}}}),
                 "may be apart");
  expect_refuted(check(chain(), kLargest, {ProofStep{{10, 20, 30}, {29}, {}, {}}}), "that long");
  expect_proved(check(chain(), 0, {}));
  expect_proved(check(chain(), -1, {ProofStep{{1}, {}, {7}, {}}}));
}

TEST(CheckProof, IsAboutThroughput) {
  support::Draft latency = chain();
  latency.question.objective = model::Objective::latency;
  expect_refuted(check(latency, 10, {}), "about throughput");
  support::Draft stages = chain();
  stages.question.placement = model::PlacementRule::contiguous;
  stages.question.stages = model::StageChoices{2, 1, model::Recompute::never};
  expect_refuted(check(stages, 10, {}), "about throughput");
}

}  // namespace
}  // namespace cleave::check
