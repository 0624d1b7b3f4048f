// Plans for stages with choices, simulated: they run at their objective and hold no more than they
// say. The simulator shares nothing with the search, cost or check.

#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "cleave/simulate/simulate.h"
#include "cleave/solve/solve.h"
#include "support/random_stages.h"

namespace cleave::simulate {
namespace {

// Long enough that rounding to whole picoseconds, once a stage, is below a thousandth.
constexpr std::int64_t kScale = 1'000'000;

struct Tally {
  int plans = 0;
  int by_schedule[5] = {};
  int replicated = 0;
  int recomputing = 0;
  int exact_memory = 0;
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

double expected_span(const model::Plan& plan, const Timeline& timeline) {
  return static_cast<double>(plan.objective.count()) *
         static_cast<double>(timeline.rate.micro_batches);
}

bool streams(const Timeline& timeline) {
  return timeline.schedule == Schedule::one_f_one_b || timeline.schedule == Schedule::two_bw ||
         timeline.schedule == Schedule::inference;
}

// A pipeline whose second busiest stage is only a little less busy takes long to reach its rate.
bool has_yet_to_settle(const model::Problem& problem, const model::Plan& plan,
                       const Timeline& timeline) {
  return problem.transfers() == model::Transfers::serial && streams(timeline) &&
         static_cast<double>(timeline.rate.span.count()) > 1.0009 * expected_span(plan, timeline);
}

// Where transfers do not overlap: no later than the schedule's depth allows, and in steady state at
// the objective. Where they do, the micro-batches in flight that a plan has memory for may be too
// few to keep everything busy.
void expect_objective(const model::Problem& problem, const model::Plan& plan,
                      const Timeline& timeline) {
  if (problem.transfers() != model::Transfers::serial) return;
  const std::int64_t n = timeline.batch > 0 && timeline.schedule != Schedule::two_bw
                             ? timeline.batch
                             : timeline.micro_batches;
  const std::int64_t runs = timeline.micro_batches / n;
  EXPECT_LE(timeline.makespan, runs * (n + timeline.depth - 1) * plan.objective);
  if (!streams(timeline)) return;
  const auto measured = static_cast<double>(timeline.rate.span.count());
  const double expected = expected_span(plan, timeline);
  EXPECT_NEAR(measured, expected, 0.001 * expected + 1000);
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
    auto timeline = simulate(*problem, *plan, {.micro_batches = 840 * m});
    if (timeline.ok() && has_yet_to_settle(*problem, *plan, *timeline)) {
      timeline = simulate(*problem, *plan, {.micro_batches = 8400 * m});
    }
    ASSERT_TRUE(timeline.ok()) << "seed " << seed << ": " << timeline.error().to_string();
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " +
                 std::string(to_string(timeline->schedule)));
    expect_memory_kept(*problem, *plan, *timeline, tally);
    expect_objective(*problem, *plan, *timeline);
    if (HasFailure()) return;
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
            << tally.by_schedule[1] << " gpipe, " << tally.by_schedule[2] << " 1f1b, "
            << tally.by_schedule[3] << " flush, " << tally.by_schedule[4] << " 2bw; "
            << tally.replicated << " with replicas, " << tally.recomputing << " recomputing\n";
  for (const int schedule : tally.by_schedule) EXPECT_GT(schedule, 50);
  EXPECT_GT(tally.replicated, 100);
  EXPECT_GT(tally.recomputing, 50);
  EXPECT_GT(tally.exact_memory, 100);
}

}  // namespace
}  // namespace cleave::simulate
