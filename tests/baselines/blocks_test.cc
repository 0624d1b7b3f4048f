#include "baselines/blocks.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cleave::baselines {
namespace {

using base::Duration;
using base::OperatorId;

// Parts by operator, of the graph with these arcs.
std::vector<int> parts(int operators, const std::vector<std::pair<int, int>>& arcs) {
  model::GraphBuilder builder({"accelerator"});
  for (int v = 0; v < operators; ++v) {
    model::OperatorSpec spec;
    spec.id = std::to_string(v);
    spec.times = {Duration(1)};
    builder.add_operator(std::move(spec));
  }
  for (const auto& [from, to] : arcs) {
    builder.add_tensor({OperatorId(from), {OperatorId(to)}, {}, Duration(1)});
  }
  const auto problem =
      model::Problem::create(
          std::make_shared<const model::Graph>(std::move(builder).build().value()),
          model::Machine::create({{"accelerator", 1, {}, true, {}, "accelerator"}}).value(), {})
          .value();
  const cost::Partition blocks = find_blocks(cost::UnitGraph(problem));
  std::vector<int> result;
  for (const cost::UnitId part : blocks.part_of) result.push_back(part.value());
  return result;
}

TEST(Blocks, LeaveAChainAsItIs) {
  EXPECT_EQ(parts(2, {{0, 1}}), (std::vector<int>{0, 1}));
  EXPECT_EQ(parts(4, {{0, 1}, {1, 2}, {2, 3}}), (std::vector<int>{0, 1, 2, 3}));
}

TEST(Blocks, KeepBranchesTogether) {
  // The chain 0 → 1 → 2, a diamond 2 → {3, 4 → 5} → 6, the chain 6 → 7 → 8.
  EXPECT_EQ(parts(9, {{0, 1}, {1, 2}, {2, 3}, {2, 4}, {4, 5}, {3, 6}, {5, 6}, {6, 7}, {7, 8}}),
            (std::vector<int>{0, 1, 2, 3, 3, 3, 4, 5, 6}));
}

TEST(Blocks, SeparateTwoDiamondsThatShareAUnit) {
  EXPECT_EQ(
      parts(9, {{0, 1}, {1, 2}, {1, 3}, {2, 4}, {3, 4}, {4, 5}, {4, 6}, {5, 7}, {6, 7}, {7, 8}}),
      (std::vector<int>{0, 1, 1, 1, 2, 3, 3, 3, 4}));
}

TEST(Blocks, AreNotHeldTogetherByASourceThatEveryLayerReads) {
  EXPECT_EQ(parts(6, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {5, 1}, {5, 2}, {5, 3}}),
            (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(Blocks, TakeEachUnconnectedPieceForItself) {
  EXPECT_EQ(parts(7, {{0, 1}, {1, 2}, {1, 3}, {2, 3}, {3, 4}, {5, 6}}),
            (std::vector<int>{0, 1, 1, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace cleave::baselines
