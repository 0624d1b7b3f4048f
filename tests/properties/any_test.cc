// Tiny problems without contiguity, so many that what is rare turns up.
#include "cleave/throughput/any.h"

#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "properties/faults.h"
#include "properties/settings.h"
#include "properties/trials.h"
#include "support/random_draft.h"

namespace cleave::properties {
namespace {

support::Draft draw_tiny(std::uint64_t seed) {
  support::Draft draft =
      support::random_draft(seed, {.max_operators = seed % 8 == 0 ? 9u : 6u, .max_devices = 4});
  draft.question.objective = model::Objective::throughput;
  draft.question.placement = model::PlacementRule::any;
  return draft;
}

TEST(PlanAny, EqualsBruteForceAndNoBoundIsAboveIt) {
  const auto start = std::chrono::steady_clock::now();
  const Solver solver{"plan_any", is_any_throughput, throughput::plan_any};
  const auto failure = find_failure(
      settings().first_seed, settings().instances, draw_tiny, solver.supports,
      [&](const model::Problem& problem) { return find_unlimited_fault(solver, problem); });
  ASSERT_FALSE(failure) << failure->to_string();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::cout << "plan_any: " << settings().instances << " instances from seed "
            << settings().first_seed << " in " << seconds.count() << " s\n";
}

}  // namespace
}  // namespace cleave::properties
