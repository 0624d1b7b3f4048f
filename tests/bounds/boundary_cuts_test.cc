#include "cleave/bounds/boundary_cuts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "oracle/sets.h"
#include "oracle/trials.h"
#include "support/draft.h"

namespace cleave::bounds {
namespace {

using oracle::Set;
using oracle::Trial;
using Side = BoundaryCuts::Side;

using Fault = std::optional<std::string>;

// The header's definitions, over all ideals.
class Definition {
 public:
  Definition(const Contracted& graph, std::size_t kind)
      : graph_(graph), kind_(kind), ideals_(oracle::all_ideals(graph)) {
    total_ = work(oracle::all_of(graph));
    for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
      Amount first = total_;
      Amount last = 0;
      for (const Node pin : graph.pins_of(e)) {
        Set before = oracle::all_of(graph);
        Set without = 0;  // all that may lie before the pin
        for (const Set ideal : ideals_) {
          if (oracle::has(ideal, pin)) {
            before &= ideal;
          } else {
            without |= ideal;
          }
        }
        first = std::min(first, work(before));
        last = std::max(last, work(without));
      }
      first_.push_back(first);
      last_.push_back(last);
    }
  }

  [[nodiscard]] const std::vector<Set>& ideals() const { return ideals_; }
  [[nodiscard]] Amount total() const { return total_; }
  [[nodiscard]] Amount work(Set set) const {
    return oracle::parts_of(graph_, set, kind_, 0).compute;
  }
  [[nodiscard]] bool counted(std::uint32_t e, Amount low, Amount high, Side side,
                             Amount spread) const {
    return side == Side::after ? last_[e] <= low + spread : first_[e] >= high - spread;
  }
  [[nodiscard]] Amount counted_cut(Set ideal, Amount low, Amount high, Side side,
                                   Amount spread) const {
    Amount cut = 0;
    for (std::uint32_t e = 0; e < graph_.edges.size(); ++e) {
      if (oracle::cuts(graph_, ideal, e) && counted(e, low, high, side, spread)) {
        cut += graph_.weight(kind_, e);
      }
    }
    return cut;
  }
  [[nodiscard]] std::optional<Amount> least_cut(Amount low, Amount high, Side side,
                                                Amount spread) const {
    std::optional<Amount> least;
    for (const Set ideal : ideals_) {
      if (work(ideal) < low || work(ideal) > high) continue;
      const Amount cut = counted_cut(ideal, low, high, side, spread);
      if (!least || cut < *least) least = cut;
    }
    return least;
  }

 private:
  const Contracted& graph_;
  std::size_t kind_;
  std::vector<Set> ideals_;
  Amount total_ = 0;
  std::vector<Amount> first_, last_;
};

std::optional<std::size_t> paying_kind(const Trial& trial) {
  std::vector<std::size_t> kinds;
  for (std::size_t q = 0; q < trial.graph.num_kinds; ++q) {
    if (trial.graph.kind_weights[q] >= 0) kinds.push_back(q);
  }
  if (kinds.empty()) return std::nullopt;
  return kinds[trial.random.below(kinds.size())];
}

TEST(BoundaryCuts, BoundWhatAnyIdealInTheRangeCuts) {
  std::uint64_t nontrivial = 0;
  std::uint64_t tight = 0;
  std::uint64_t empty = 0;
  std::uint64_t seen_empty = 0;
  oracle::expect_no_fault({.count = 4000, .serial = true}, [&](const Trial& trial) -> Fault {
    const auto kind = paying_kind(trial);
    if (!kind) return std::nullopt;
    const ideals::Reachability reach(trial.graph);
    BoundaryCuts cuts(trial.graph, reach, *kind);
    const Definition definition(trial.graph, *kind);
    if (cuts.total_work() != definition.total()) return "total work";
    for (int round = 0; round < 6; ++round) {
      const Amount low = trial.random.between(0, definition.total());
      const Amount high =
          trial.random.between(low, std::min(definition.total(), low + definition.total() / 4));
      const Amount spread = trial.random.between(0, definition.total());
      const Side side = trial.random.chance(0.5) ? Side::after : Side::before;
      std::vector<Word> found;
      const auto least = cuts.least_cut(low, high, side, spread, &found);
      const auto true_least = definition.least_cut(low, high, side, spread);
      for (std::size_t i = 0; i < found.size(); i += cuts.words()) {
        if (!oracle::is_ideal(trial.graph, oracle::set_of(trial.graph, &found[i]))) {
          return "found what is no ideal";
        }
      }
      if (!true_least) {
        ++empty;
        seen_empty += least.possible ? 0 : 1;
        continue;
      }
      if (!least.possible) return "says that the range is empty";
      if (least.cut < 0) return "negative";
      if (least.cut > *true_least) {
        return std::to_string(least.cut) + " > " + std::to_string(*true_least);
      }
      if (*true_least == 0) continue;
      ++nontrivial;
      tight += least.cut == *true_least ? 1 : 0;
    }
    return std::nullopt;
  });
  EXPECT_GT(nontrivial, 100u);
  EXPECT_GT(tight * 2, nontrivial) << "tight " << tight << " of " << nontrivial;
  EXPECT_GT(seen_empty * 10, empty * 3) << "seen " << seen_empty << " of " << empty;
}

// The claim that everything rests on: counted edges are paid once each by the stage between.
TEST(BoundaryCuts, AreNotPaidTwiceByAStageLongerThanTheSpread) {
  std::uint64_t stages = 0;
  std::uint64_t paying = 0;
  oracle::expect_no_fault({.count = 2000, .serial = true}, [&](const Trial& trial) -> Fault {
    const auto kind = paying_kind(trial);
    if (!kind) return std::nullopt;
    const Contracted& graph = trial.graph;
    const ideals::Reachability reach(graph);
    BoundaryCuts cuts(graph, reach, *kind);
    const Definition definition(graph, *kind);
    const Amount spread = trial.random.between(0, definition.total());
    const Amount width = trial.random.between(0, definition.total() / 4);
    for (const Set i : definition.ideals()) {
      for (const Set j : definition.ideals()) {
        const Amount from = definition.work(i);
        const Amount to = definition.work(j);
        if (!oracle::within(i, j) || to - from <= spread) continue;
        // Ranges around the two that need not be centred on them.
        const Amount low = std::max<Amount>(0, from - trial.random.between(0, width));
        const Amount high = to + trial.random.between(0, width);
        Amount paid = 0;
        for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
          const bool after =
              oracle::cuts(graph, i, e) && definition.counted(e, low, from, Side::after, spread);
          const bool before =
              oracle::cuts(graph, j, e) && definition.counted(e, to, high, Side::before, spread);
          if (after && before) return "counted twice";
          if ((after || before) && !oracle::cuts(graph, j & ~i, e)) return "counted, not paid";
          if (after || before) paid += graph.weight(*kind, e);
        }
        ++stages;
        paying += paid > 0 ? 1 : 0;
        const auto after = cuts.least_cut(low, from, Side::after, spread, nullptr);
        const auto before = cuts.least_cut(to, high, Side::before, spread, nullptr);
        if (!after.possible || !before.possible) return "possible";
        if (after.cut + before.cut > paid) return "more than is paid";
        if (to - from + after.cut + before.cut > oracle::load_of(graph, j & ~i, *kind, 0)) {
          return "more than the load";
        }
      }
    }
    return std::nullopt;
  });
  EXPECT_GT(paying * 20, stages) << "hardly any stage pays for counted edges";
}

// A tensor so dear that its price times a multiplier would leave the range of numbers lies around
// six branches; every boundary between its ends cuts it.
TEST(BoundaryCuts, KeepWithinTheRangeOfNumbers) {
  constexpr std::int64_t kHuge = 3'000'000'000'000'000;
  constexpr std::size_t kBranches = 6;
  support::Draft draft;
  draft.time_columns = {"acc"};
  for (std::size_t v = 0; v < kBranches + 2; ++v) {
    model::OperatorSpec op;
    op.id = "v" + std::to_string(v);
    op.times = {base::Duration(10)};
    draft.operators.push_back(std::move(op));
  }
  const auto tensor = [&](std::size_t from, std::size_t to, std::int64_t transfer) {
    model::TensorSpec spec;
    spec.producer = base::OperatorId(from);
    spec.consumers = {base::OperatorId(to)};
    spec.transfer = base::Duration(transfer);
    draft.tensors.push_back(std::move(spec));
  };
  tensor(0, kBranches + 1, kHuge);
  for (std::size_t v = 1; v <= kBranches; ++v) {
    tensor(0, v, static_cast<std::int64_t>(v));
    tensor(v, kBranches + 1, 3);
  }
  model::DeviceClass device;
  device.name = "acc";
  device.count = 2;
  draft.classes = {device};
  const auto problem = support::build(draft);
  ASSERT_TRUE(problem) << problem.error().to_string();
  const auto graph = reduce::contract(*problem);
  ASSERT_TRUE(graph);
  const ideals::Reachability reach(*graph);
  BoundaryCuts cuts(*graph, reach, 0);
  const Definition definition(*graph, 0);
  for (Amount work = 10; work < definition.total(); work += 10) {
    for (const Side side : {Side::after, Side::before}) {
      const auto least = cuts.least_cut(work, work, side, definition.total(), nullptr);
      EXPECT_TRUE(least.possible);
      EXPECT_GE(least.cut, kHuge);
      EXPECT_LE(least.cut, definition.least_cut(work, work, side, definition.total()).value());
    }
  }
}

}  // namespace
}  // namespace cleave::bounds
