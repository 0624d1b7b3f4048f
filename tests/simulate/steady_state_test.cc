// In steady state, the simulator's time per micro-batch is the plan's objective. The two are
// computed by rooms that share nothing but the model.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/check/check.h"
#include "cleave/simulate/simulate.h"
#include "cleave/solve/solve.h"
#include "cleave/throughput/contiguous.h"
#include "simulate/growth.h"
#include "support/draft.h"
#include "support/random_draft.h"
#include "support/random_placement.h"
#include "support/shrink.h"

namespace cleave::simulate {
namespace {

using model::PlacementRule;
using model::Plan;
using model::Problem;

// CLEAVE_SIMULATED_PLANS in the environment asks for another number.
std::int64_t plans_to_try() {
  const char* asked = std::getenv("CLEAVE_SIMULATED_PLANS");
  return asked != nullptr ? std::atoll(asked) : CLEAVE_SIMULATED_PLANS;
}

// A random feasible plan; nullopt: none of a few tries is one.
std::optional<Plan> random_plan(const Problem& problem, base::Random& random) {
  for (int attempt = 0; attempt < 30; ++attempt) {
    model::Placement placement = support::random_placement(problem, random);
    if (placement.empty() || !check::examine(problem, placement).feasible()) continue;
    return solve::describe(problem, std::move(placement));
  }
  return std::nullopt;
}

std::optional<Plan> best_plan(const Problem& problem) {
  throughput::Answer answer = throughput::plan_contiguous(problem, {});
  if (answer.placement.empty()) return std::nullopt;
  return solve::describe(problem, std::move(answer.placement));
}

// The plan that a problem's seed stands for.
std::optional<Plan> plan_for(const Problem& problem, std::uint64_t seed) {
  const bool best = seed % 2 == 0 && problem.question().placement == PlacementRule::contiguous;
  base::Random random(seed);
  return best ? best_plan(problem) : random_plan(problem, random);
}

// Schedules that the plan's objective is for: all that alternate have the same.
Schedule schedule_for(const Problem& problem, std::uint64_t seed) {
  constexpr Schedule kAlternating[]{Schedule::one_f_one_b, Schedule::flush, Schedule::two_bw};
  const bool alternates = problem.schedule() == Schedule::one_f_one_b;
  return alternates ? kAlternating[seed / 2 % 3] : problem.schedule();
}

bool passes_more_than_twice(const std::string& fault) {
  return fault.find("gpipe has one forward and one backward pass") != std::string::npos;
}

struct Tally {
  std::int64_t plans = 0;
  std::array<std::int64_t, 5> by_schedule{};
  std::array<std::int64_t, 3> by_transfers{};
  std::int64_t contiguous = 0;
  std::int64_t best = 0;
  std::int64_t refused = 0;
  std::int64_t slow_to_settle = 0;
};

std::optional<std::string> find_fault(const Problem& problem, const Plan& plan, std::uint64_t seed,
                                      Tally& tally) {
  const Schedule schedule = schedule_for(problem, seed);
  const Judgement judgement =
      judge_steady_state(problem, plan, schedule, 1, base::Duration::zero());
  if (judgement.fault && passes_more_than_twice(*judgement.fault)) {
    ++tally.refused;
    return std::nullopt;
  }
  ++tally.plans;
  ++tally.by_schedule[static_cast<std::size_t>(schedule)];
  ++tally.by_transfers[static_cast<std::size_t>(problem.transfers())];
  tally.slow_to_settle += judgement.slow_to_settle ? 1 : 0;
  return judgement.fault;
}

TEST(SteadyState, TimePerMicroBatchIsTheObjective) {
  const std::int64_t wanted = plans_to_try();
  ASSERT_GT(wanted, 0);
  Tally tally;
  for (std::uint64_t seed = 1; tally.plans < wanted; ++seed) {
    support::Draft draft = support::random_draft(seed, {12, 6});
    const auto problem = support::build(draft);
    ASSERT_TRUE(problem.ok());
    const auto plan = plan_for(*problem, seed);
    if (!plan) continue;
    const std::int64_t before = tally.plans;
    if (const auto fault = find_fault(*problem, *plan, seed, tally)) {
      const auto small = support::shrink(std::move(draft), [&](const Problem& candidate) {
        Tally ignored;
        const auto smaller = plan_for(candidate, seed);
        return smaller && find_fault(candidate, *smaller, seed, ignored);
      });
      FAIL() << "seed " << seed << ": " << *fault << "\n" << support::to_json(small);
    }
    if (problem->question().placement == PlacementRule::contiguous && tally.plans > before) {
      ++tally.contiguous;
      tally.best += seed % 2 == 0 ? 1 : 0;
    }
  }
  std::cout << tally.plans << " random plans ran at their objective: "
            << fmt::format("{} inference, {} 1f1b, {} gpipe, {} flush, {} 2bw; ",
                           tally.by_schedule[0], tally.by_schedule[1], tally.by_schedule[2],
                           tally.by_schedule[3], tally.by_schedule[4])
            << fmt::format("{} serial, {} half-duplex, {} full-duplex; ", tally.by_transfers[0],
                           tally.by_transfers[1], tally.by_transfers[2])
            << fmt::format("{} contiguous ({} of them optimal); ", tally.contiguous, tally.best)
            << fmt::format("{} needed a long run to settle; ", tally.slow_to_settle)
            << fmt::format("{} more pass several times, which gpipe refuses\n", tally.refused);
  for (const std::int64_t plans : tally.by_schedule) EXPECT_GT(plans, wanted / 50);
  for (const std::int64_t plans : tally.by_transfers) EXPECT_GT(plans, wanted / 50);
}

}  // namespace
}  // namespace cleave::simulate
