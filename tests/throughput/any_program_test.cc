// The integer program of placements, against all placements of small problems.
#include "throughput/any_program.h"

#include <gtest/gtest.h>

#include "support/brute_force.h"
#include "support/random_draft.h"

namespace cleave::throughput {
namespace {

using reduce::Amount;

const base::Deadline kNoDeadline{base::Limits{}};
constexpr std::uint64_t kMostStates = 2'000'000;
constexpr std::uint64_t kOneIteration = 500;  // and more than that, for so small a program

// A random problem that the program is for; nullopt: this one is for somebody else.
std::optional<model::Problem> random_problem(std::uint64_t seed, std::size_t operators) {
  support::Draft draft = support::random_draft(seed, {.max_operators = operators});
  draft.question.objective = model::Objective::throughput;
  draft.question.placement = model::PlacementRule::any;
  draft.question.slots = 1;
  draft.question.workers.reset();
  if (draft.question.stages) return std::nullopt;
  auto problem = support::build(draft);
  return problem ? std::optional(std::move(*problem)) : std::nullopt;
}

// In small steps, with a bound that holds at each.
void expect_optimum(const model::Problem& problem, std::uint64_t seed, Amount below,
                    std::optional<Amount> optimum) {
  const auto graph = reduce::contract_groups(problem);
  ASSERT_TRUE(graph);
  const auto program = PlacementProgram::create(problem, *graph, below, 0);
  ASSERT_TRUE(program);
  std::uint64_t states = 0;
  auto outcome = program::TreeSearch::Outcome::stopped;
  for (std::uint64_t step = 500; outcome == program::TreeSearch::Outcome::stopped; step *= 2) {
    const std::uint64_t end = states + step;
    outcome = program->run(end, states, kNoDeadline);
    ASSERT_LE(states, end + kOneIteration) << "seed " << seed;
    if (optimum) {
      ASSERT_LE(program->bound(), *optimum) << "seed " << seed;
    }
    ASSERT_LT(states, kMostStates) << "seed " << seed;
  }
  const Amount best = optimum ? std::min(*optimum, below) : below;
  EXPECT_EQ(program->objective(), best) << "seed " << seed;
  EXPECT_GE(program->bound(), best - best / 1'000'000'000) << "seed " << seed;
  EXPECT_EQ(program->placement().empty(), best == below) << "seed " << seed;
}

TEST(PlacementProgram, AgreesWithAllPlacements) {
  int placed = 0, infeasible = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const auto problem = random_problem(seed, 7);
    if (!problem || !reduce::contract_groups(*problem)) continue;
    const auto optimum = support::brute_force(*problem);
    ++(optimum ? placed : infeasible);
    const auto value =
        optimum ? std::optional(optimum->objective.count()) : std::optional<Amount>();
    expect_optimum(*problem, seed, base::kMaxDuration.count(), value);
    if (::testing::Test::HasFatalFailure()) return;
    // With the optimum known, and with something worse.
    if (!optimum || seed % 4 != 0) continue;
    expect_optimum(*problem, seed, *value, value);
    expect_optimum(*problem, seed, *value + *value / 10 + 1, value);
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(placed, 1500);
  EXPECT_GT(infeasible, 20);
}

}  // namespace
}  // namespace cleave::throughput
