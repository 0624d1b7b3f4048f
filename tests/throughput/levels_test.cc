#include "throughput/levels.h"

#include <gtest/gtest.h>

namespace cleave::throughput {
namespace {

Contracted machine(std::vector<std::uint32_t> counts, std::size_t num_nodes) {
  Contracted graph;
  graph.num_nodes = num_nodes;
  graph.num_kinds = counts.size();
  graph.kind_count = std::move(counts);
  return graph;
}

TEST(Levels, CountDevicesOfEachKind) {
  const Levels levels(machine({2, 1, 3}, 10));
  ASSERT_EQ(levels.size(), 3u * 2u * 4u);
  for (std::size_t level = 0; level < levels.size(); ++level) {
    for (std::size_t q = 0; q < 3; ++q) {
      EXPECT_EQ(levels.used(level, q) + levels.left(level, q), q == 0 ? 2u : q == 1 ? 1u : 3u);
      if (levels.left(level, q) == 0) continue;
      const std::size_t next = levels.next(level, q);
      EXPECT_GT(next, level);
      for (std::size_t other = 0; other < 3; ++other) {
        EXPECT_EQ(levels.used(next, other), levels.used(level, other) + (other == q ? 1 : 0));
      }
      EXPECT_TRUE(levels.within(level, next));
      EXPECT_FALSE(levels.within(next, level));
    }
    EXPECT_TRUE(levels.within(level, levels.full()));
    // What a level leaves is the level of the complement.
    for (std::size_t q = 0; q < 3; ++q) {
      EXPECT_EQ(levels.used(levels.full() - level, q), levels.left(level, q));
    }
  }
}

TEST(Levels, WithinComparesKindByKind) {
  const Levels levels(machine({1, 1}, 10));
  const std::size_t first = levels.next(0, 0);
  const std::size_t second = levels.next(0, 1);
  EXPECT_FALSE(levels.within(first, second));
  EXPECT_FALSE(levels.within(second, first));
}

// A chain has no more stages than nodes, however many devices there are.
TEST(Levels, StayFewOnLargeMachines) {
  const Levels levels(machine({30000, 30000}, 3));
  EXPECT_EQ(levels.size(), 16u);
  EXPECT_EQ(levels.left(0, 0), 3u);
  EXPECT_EQ(levels.left(levels.full(), 0), 0u);
}

}  // namespace
}  // namespace cleave::throughput
