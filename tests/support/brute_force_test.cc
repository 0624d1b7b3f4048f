#include "support/brute_force.h"

#include <gtest/gtest.h>

#include "cleave/check/check.h"
#include "support/random_draft.h"

namespace cleave::support {
namespace {

// The definition without any shortcut: every device for every operator.
std::optional<base::Duration> best_of_every_placement(const model::Problem& problem) {
  const std::size_t devices = problem.machine().num_devices();
  model::Placement placement(problem.graph().num_operators(), base::DeviceId(0));
  std::optional<base::Duration> best;
  while (true) {
    const check::Verdict verdict = check::examine(problem, placement);
    if (verdict.feasible() && (!best || verdict.objective < *best)) best = verdict.objective;
    std::size_t v = 0;
    while (v < placement.size() && placement[v].index() + 1 == devices) {
      placement[v++] = base::DeviceId(0);
    }
    if (v == placement.size()) return best;
    placement[v] = base::DeviceId(placement[v].index() + 1);
  }
}

TEST(BruteForce, AgreesWithTryingEveryPlacement) {
  int feasible = 0;
  constexpr int kInstances = 2000;
  for (std::uint64_t seed = 1; seed <= kInstances; ++seed) {
    const Draft draft = random_draft(seed, {.max_operators = 6, .max_devices = 3});
    const auto problem = build(draft);
    ASSERT_TRUE(problem.ok());
    const auto expected = best_of_every_placement(*problem);
    const auto found = brute_force(*problem);
    ASSERT_EQ(found.has_value(), expected.has_value()) << "seed " << seed << "\n" << to_json(draft);
    if (!found) continue;
    ++feasible;
    ASSERT_EQ(found->objective, *expected) << "seed " << seed << "\n" << to_json(draft);
    const check::Verdict verdict = check::examine(*problem, found->placement);
    EXPECT_TRUE(verdict.feasible());
    EXPECT_EQ(verdict.objective, found->objective);
  }
  EXPECT_GT(feasible, kInstances / 2);
  EXPECT_LT(feasible, kInstances);
}

}  // namespace
}  // namespace cleave::support
