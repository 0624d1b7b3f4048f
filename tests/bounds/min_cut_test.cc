#include "cleave/bounds/min_cut.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cleave/base/random.h"

namespace cleave::bounds {
namespace {

struct Arc {
  std::uint32_t from, to;
  MinCut::Capacity capacity;
};

using Side = std::uint32_t;  // the source's side, one bit a node

MinCut::Capacity weight_of(const std::vector<Arc>& arcs, Side side) {
  MinCut::Capacity weight = 0;
  for (const Arc& arc : arcs) {
    if ((side >> arc.from & 1) != 0 && (side >> arc.to & 1) == 0) weight += arc.capacity;
  }
  return weight;
}

// The least weight of a cut, and the nodes that are on the source's side of all least cuts.
std::pair<MinCut::Capacity, Side> enumerate(const std::vector<Arc>& arcs, std::size_t num_nodes) {
  MinCut::Capacity least = 2 * MinCut::kInfinite;
  Side smallest = 0;
  for (Side rest = 0; rest < Side{1} << (num_nodes - 2); ++rest) {
    const Side side = rest << 2 | 1;
    const MinCut::Capacity weight = weight_of(arcs, side);
    if (weight < least) {
      least = weight;
      smallest = side;
    } else if (weight == least) {
      smallest &= side;
    }
  }
  return {least, smallest};
}

TEST(MinCut, EqualsEnumeration) {
  MinCut network;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    base::Random random(seed);
    const std::size_t num_nodes = 2 + random.below(7);
    const std::int64_t most = random.chance(0.5) ? 3 : 1'000'000'000'000;
    std::vector<Arc> arcs;
    network.clear(num_nodes);
    for (std::size_t i = random.below(3 * num_nodes); i > 0; --i) {
      const auto from = static_cast<std::uint32_t>(random.below(num_nodes));
      const auto to = static_cast<std::uint32_t>(random.below(num_nodes));
      if (from == to) continue;
      arcs.push_back({from, to, random.between(0, most)});
      EXPECT_EQ(network.add_arc(from, to, arcs.back().capacity), arcs.size() - 1);
    }
    for (int round = 0; round < 3; ++round) {  // the same network with other capacities
      const auto [least, smallest] = enumerate(arcs, num_nodes);
      ASSERT_EQ(network.solve(), least) << "seed " << seed;
      Side side = 0;
      for (std::uint32_t v = 0; v < num_nodes; ++v) {
        if (network.source_side(v)) side |= Side{1} << v;
      }
      ASSERT_EQ(side, smallest) << "seed " << seed;
      if (arcs.empty()) break;
      const std::size_t changed = random.below(arcs.size());
      arcs[changed].capacity = random.between(0, most);
      network.set_capacity(changed, arcs[changed].capacity);
    }
  }
}

TEST(MinCut, LeavesInfiniteArcsAlone) {
  MinCut network;
  network.clear(4);
  network.add_arc(MinCut::kSource, 2, 5);
  network.add_arc(2, 3, MinCut::kInfinite);
  network.add_arc(3, MinCut::kSink, 7);
  EXPECT_EQ(network.solve(), 5);
  EXPECT_FALSE(network.source_side(2));
}

// One long path: no recursion, and near linear.
TEST(MinCut, WalksLongPaths) {
  constexpr std::uint32_t kLength = 200'000;
  MinCut network;
  network.clear(kLength + 2);
  network.add_arc(MinCut::kSource, 2, 9);
  for (std::uint32_t v = 2; v <= kLength; ++v) network.add_arc(v, v + 1, v == 1000 ? 4 : 9);
  network.add_arc(kLength + 1, MinCut::kSink, 9);
  EXPECT_EQ(network.solve(), 4);
  EXPECT_TRUE(network.source_side(1000));
  EXPECT_FALSE(network.source_side(1001));
}

}  // namespace
}  // namespace cleave::bounds
