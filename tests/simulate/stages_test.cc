// Plans for stages with choices, simulated: they run at their objective and hold no more than they
// say. The simulator shares nothing with the search, cost or check.

#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "cleave/simulate/simulate.h"
#include "cleave/solve/solve.h"
#include "simulate/growth.h"
#include "support/random_stages.h"

namespace cleave::simulate {
namespace {

// Long enough that rounding to whole picoseconds, once a stage, is below a thousandth.
constexpr std::int64_t kScale = 1'000'000;

// The objective is rounded up to whole picoseconds: under gpipe, forward and backward loads are.
constexpr base::Duration kRounding{2};
// Long enough for each device to hold all that it ever holds.
constexpr std::int64_t kBatches = 24;

struct Tally {
  int plans = 0;
  int by_schedule[5] = {};
  int by_transfers[3] = {};
  int replicated = 0;
  int recomputing = 0;
  int exact_memory = 0;
  int slow_to_settle = 0;
};

void expect_memory_kept(const model::Problem& problem, const model::Plan& plan,
                        const Timeline& timeline, Tally& tally) {
  bool exact = true;
  for (std::size_t d = 0; d < plan.devices.size(); ++d) {
    EXPECT_LE(timeline.devices[d].memory, plan.devices[d].memory)
        << problem.machine().device_name(base::DeviceId(d));
    exact = exact && timeline.devices[d].memory == plan.devices[d].memory;
  }
  tally.exact_memory += exact ? 1 : 0;
  for (const model::Stage& stage : plan.stages) {
    const model::StageChoice& choice = *stage.choice;
    if (choice.in_flight == 0) continue;
    if (problem.transfers() == model::Transfers::serial) {
      EXPECT_LE(timeline.devices[stage.device.index()].in_flight, choice.in_flight);
    }
    EXPECT_LE(timeline.devices[stage.device.index()].versions, choice.versions);
  }
}

TEST(SimulatedStages, RunAtTheirObjectiveWithinTheirMemory) {
  Tally tally;
  for (std::uint64_t seed = 1; tally.plans < CLEAVE_SIMULATED_PLANS; ++seed) {
    const auto problem = support::random_stages(seed, kScale);
    if (!problem) continue;
    const auto plan = solve::solve(*problem, {});
    ASSERT_TRUE(plan.ok()) << "seed " << seed << ": " << plan.error().to_string();
    if (!plan->has_placement()) continue;
    const std::int64_t m = problem->question().stages->micro_batches;
    const auto timeline = simulate(*problem, *plan, {.micro_batches = kBatches * m});
    ASSERT_TRUE(timeline.ok()) << "seed " << seed << ": " << timeline.error().to_string();
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " +
                 std::string(to_string(timeline->schedule)));
    expect_memory_kept(*problem, *plan, *timeline, tally);
    // Every stage's replicas do whole turns: there are one to six of them.
    const std::int64_t turns = problem->graph().has_backward() ? m : 60;
    const auto judgement = judge_steady_state(*problem, *plan, std::nullopt, turns, kRounding);
    if (judgement.fault) FAIL() << *judgement.fault;
    if (HasFailure()) return;
    tally.slow_to_settle += judgement.slow_to_settle ? 1 : 0;
    ++tally.by_transfers[static_cast<int>(problem->transfers())];
    ++tally.plans;
    ++tally.by_schedule[static_cast<int>(timeline->schedule)];
    for (const model::Stage& stage : plan->stages) {
      if (!stage.choice->replicas.empty()) {
        ++tally.replicated;
        break;
      }
    }
    for (const model::Stage& stage : plan->stages) {
      if (stage.choice->recompute) {
        ++tally.recomputing;
        break;
      }
    }
  }
  std::cout << tally.plans << " plans ran at their objective within their memory ("
            << tally.exact_memory << " used all of it): " << tally.by_schedule[0] << " inference, "
            << tally.by_schedule[1] << " 1f1b, " << tally.by_schedule[2] << " gpipe, "
            << tally.by_schedule[3] << " flush, " << tally.by_schedule[4] << " 2bw; "
            << tally.by_transfers[0] << " serial, " << tally.by_transfers[1] << " half-duplex, "
            << tally.by_transfers[2] << " full-duplex; " << tally.replicated << " with replicas, "
            << tally.recomputing << " recomputing; " << tally.slow_to_settle
            << " needed a long run to settle\n";
  for (const int schedule : tally.by_schedule) EXPECT_GT(schedule, 50);
  for (const int transfers : tally.by_transfers) EXPECT_GT(transfers, 100);
  EXPECT_GT(tally.replicated, 100);
  EXPECT_GT(tally.recomputing, 50);
  EXPECT_GT(tally.exact_memory, 100);
}

}  // namespace
}  // namespace cleave::simulate
