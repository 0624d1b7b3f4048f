// The linear program behind covers, by duality.
#include "bounds/cover_master.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cleave/base/random.h"

namespace cleave::bounds {
namespace {

// Weak and strong duality: prices that no column exceeds, and worth what the program costs.
TEST(CoverMaster, EndsAtPricesThatProveItsOptimum) {
  base::Random random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t rows = 1 + random.below(8);
    const std::size_t kinds = 1 + random.below(3);
    std::vector<double> costs, surplus_costs, counts;
    for (std::size_t v = 0; v < rows; ++v) {
      costs.push_back(1.0 + random.unit());
      surplus_costs.push_back(random.chance(0.5) ? 0.0 : random.unit());
    }
    for (std::size_t q = 0; q < kinds; ++q) counts.push_back(static_cast<double>(random.below(3)));
    CoverMaster master(program::make_linear_solver(), costs, surplus_costs, counts);
    std::vector<std::pair<std::size_t, CoverMaster::Column>> columns;
    for (std::size_t j = random.below(20); j > 0; --j) {
      CoverMaster::Column column;
      for (std::uint32_t v = 0; v < rows; ++v) {
        if (random.chance(0.5)) column.push_back({v, random.chance(0.8) ? 1.0 : random.unit()});
      }
      columns.emplace_back(random.below(kinds), column);
      master.add(columns.back().first, column);
    }
    std::uint64_t effort = 0;
    ASSERT_TRUE(master.solve(effort, base::Deadline{base::Limits{}}));
    EXPECT_GT(effort, 0u);
    const std::vector<double> duals = master.duals();
    double worth = 0;
    for (std::size_t v = 0; v < rows; ++v) {
      EXPECT_GE(duals[v], -surplus_costs[v] - 1e-7);
      EXPECT_LE(duals[v], costs[v] + 1e-7);
      worth += duals[v];
    }
    // What each kind's devices take from it: the most that a column of the kind covers.
    std::vector<double> most(kinds, 0.0);
    for (const auto& [kind, column] : columns) {
      EXPECT_LE(master.excess(kind, column), 1e-7);
      double sum = 0;
      for (const auto& [v, a] : column) sum += duals[v] * a;
      most[kind] = std::max(most[kind], sum);
    }
    for (std::size_t q = 0; q < kinds; ++q) worth -= counts[q] * most[q];
    EXPECT_NEAR(worth, master.objective(), 1e-7 * static_cast<double>(rows));
  }
}

}  // namespace
}  // namespace cleave::bounds
