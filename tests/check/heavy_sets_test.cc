// What the search for heavy sets says, against all sets of small problems.
#include "check/heavy_sets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "cleave/base/random.h"
#include "support/random_draft.h"

namespace cleave::check {
namespace {

using base::Random;
using Set = std::uint32_t;

constexpr int kInstances = 1500;

bool has(Set set, Part part) { return ((set >> part) & 1) != 0; }

bool cuts(const Relaxation::Edge& edge, Set set) {
  const auto inside = [&](Part pin) { return has(set, pin); };
  return std::any_of(edge.pins.begin(), edge.pins.end(), inside) &&
         !std::all_of(edge.pins.begin(), edge.pins.end(), inside);
}

// From the definition; negative where the kind may not hold the set.
Amount load_of(const Relaxation& parts, Set set, std::size_t kind) {
  Amount load = 0;
  for (Part p = 0; p < parts.num_parts; ++p) {
    if (!has(set, p)) continue;
    if (!parts.allowed(p, kind)) return -1;
    load += parts.time(p, kind);
  }
  for (const Relaxation::Edge& edge : parts.edges) {
    if (cuts(edge, set)) load += edge.weights[kind];
  }
  return load;
}

std::int64_t weight_of(Set set, const std::vector<std::int64_t>& weights) {
  std::int64_t sum = 0;
  for (Part p = 0; p < weights.size(); ++p) sum += has(set, p) ? weights[p] : 0;
  return sum;
}

// The search for one kind, asked about weights and a threshold, and what is true of all sets.
struct Trial {
  Relaxation parts;
  std::size_t kind = 0;
  std::vector<std::int64_t> weights;
  std::vector<Part> order;
  Amount threshold = 0;
  std::int64_t above = 0;

  std::int64_t heaviest = 0;
  std::vector<std::int64_t>
      heaviest_cutting;  // [edges] that weigh: of the sets that cut it; else of all
};

Trial draw(std::uint64_t seed) {
  const auto problem = support::build(support::random_draft(seed));
  Random random(seed);
  Trial trial{relax(*problem), 0, {}, {}, 0, 0, 0, {}};
  trial.kind = static_cast<std::size_t>(random.below(trial.parts.num_kinds()));
  trial.order.resize(trial.parts.num_parts);
  std::iota(trial.order.begin(), trial.order.end(), Part{0});
  for (std::size_t i = trial.order.size(); i > 1; --i) {
    std::swap(trial.order[i - 1], trial.order[static_cast<std::size_t>(random.below(i))]);
  }
  trial.order.resize(static_cast<std::size_t>(random.below(trial.order.size() + 1)));
  const std::int64_t scale = random.chance(0.5) ? 20 : std::int64_t{1} << 44;
  for (std::size_t p = 0; p < trial.parts.num_parts; ++p) {
    trial.weights.push_back(random.between(-scale / 4, scale));
  }
  const Set all = (Set{1} << trial.parts.num_parts) - 1;
  const auto some = static_cast<Set>(random.below(std::uint64_t{all} + 1));
  trial.threshold = std::max<Amount>(0, load_of(trial.parts, some, trial.kind));
  trial.above = random.between(-scale, 3 * scale);
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();
  trial.heaviest_cutting.assign(trial.parts.edges.size(), kNone);
  for (Set set = 0; set <= all; ++set) {
    const Amount load = load_of(trial.parts, set, trial.kind);
    if (load < 0 || load > trial.threshold) continue;
    const std::int64_t weight = weight_of(set, trial.weights);
    trial.heaviest = std::max(trial.heaviest, weight);
    for (std::size_t e = 0; e < trial.heaviest_cutting.size(); ++e) {
      const Relaxation::Edge& edge = trial.parts.edges[e];
      const bool meant = edge.weights[trial.kind] == 0 || cuts(edge, set);
      std::int64_t& most = trial.heaviest_cutting[e];
      if (meant) most = std::max(most, weight);
    }
  }
  return trial;
}

// Asks about all sets, and about those that cut each of the edges.
template <class Expect>
void ask(const Trial& trial, std::size_t max_labels, const Expect& expect) {
  const HeavySets sets(trial.parts, trial.kind, trial.order);
  Effort effort{1 << 30};
  HeavySets::Search search{trial.weights, trial.threshold, trial.above, max_labels};
  expect(sets.find(search, effort), trial.heaviest);
  for (std::uint32_t e = 0; e < trial.parts.edges.size(); ++e) {
    search.cutting = e;
    expect(sets.find(search, effort), trial.heaviest_cutting[e]);
  }
}

TEST(HeavySets, FindsTheHeaviestOfAllAndOfThoseThatCutAnEdge) {
  int heavier = 0, none = 0;
  for (std::uint64_t seed = 1; seed <= kInstances; ++seed) {
    const Trial trial = draw(seed);
    ask(trial, 1 << 20, [&](const HeavySets::Finding& found, std::int64_t heaviest) {
      ASSERT_FALSE(found.blurred || found.stopped) << seed;
      ASSERT_EQ(found.most, std::max(heaviest, trial.above)) << seed;
      ++(found.most > trial.above ? heavier : none);
    });
  }
  EXPECT_GT(heavier, kInstances / 10);
  EXPECT_GT(none, kInstances / 10);
}

TEST(HeavySets, NeverMissesASetWhereLabelsAreBlurred) {
  int blurred = 0;
  for (std::uint64_t seed = 1; seed <= kInstances; ++seed) {
    const Trial trial = draw(seed);
    ask(trial, 2, [&](const HeavySets::Finding& found, std::int64_t heaviest) {
      blurred += found.blurred ? 1 : 0;
      ASSERT_GE(found.most, std::max(heaviest, trial.above)) << seed;
    });
  }
  EXPECT_GT(blurred, kInstances / 4);
}

TEST(HeavySets, StopsWhenTheEffortIsSpent) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Trial trial = draw(seed);
    const HeavySets sets(trial.parts, trial.kind, trial.order);
    Effort effort{0};
    EXPECT_TRUE(sets.find({trial.weights, trial.threshold, trial.above, 100}, effort).stopped);
  }
}

// Forty edges from one part to forty others: more than a state remembers. The lightest are left out
// and weigh nothing, and every set counts as cutting them.
TEST(HeavySets, LeavesOutTheLightestEdgesWhereTooManyAreOpen) {
  Relaxation parts;
  parts.num_parts = 41;
  parts.counts = {2};
  parts.capacity = {Relaxation::kUnlimited};
  parts.pays = {true};
  parts.times.assign(parts.num_parts, 1);
  parts.memory.assign(parts.num_parts, 0);
  for (Part leaf = 1; leaf < parts.num_parts; ++leaf) {
    parts.edges.push_back({{0, leaf}, {Amount{100} + leaf}});
  }
  const HeavySets sets(parts, 0, {});
  std::vector<std::int64_t> hub(parts.num_parts, 0);
  hub[0] = 1;
  Effort effort{1 << 30};
  // The hub takes 41 with all leaves, and more than 100 with fewer. Sixteen edges are remembered.
  const auto light = sets.find({hub, 16, 0, 1 << 20}, effort);
  EXPECT_TRUE(light.blurred);
  EXPECT_EQ(light.most, 0);
  EXPECT_EQ(sets.find({hub, 17, 0, 1 << 20}, effort).most, 1);
  int left_out = 0;
  for (std::uint32_t e = 0; e < parts.edges.size(); ++e) {
    left_out += sets.find({hub, 17, 0, 1 << 20, e}, effort).most > 0 ? 1 : 0;
  }
  EXPECT_EQ(left_out, 24);
}

}  // namespace
}  // namespace cleave::check
