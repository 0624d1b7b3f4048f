#include "cleave/bounds/profile.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "oracle/chains.h"
#include "oracle/trials.h"

namespace cleave::bounds {
namespace {

using oracle::Chains;
using oracle::Set;
using oracle::Trial;

using Fault = std::optional<std::string>;

const base::Deadline& no_deadline() {
  static const base::Limits limits;
  static const base::Deadline deadline(limits);
  return deadline;
}

// A profile of the first kind that pays, with ranges and spreads drawn.
struct Profiled {
  explicit Profiled(const Trial& trial, std::size_t kind)
      : reach(trial.graph), cuts(trial.graph, reach, kind) {
    std::vector<Amount> spreads;
    for (std::size_t tiers = 1 + trial.random.below(4); tiers > 0; --tiers) {
      spreads.push_back(trial.random.between(0, cuts.total_work()));
    }
    std::sort(spreads.rbegin(), spreads.rend());
    profile.emplace(cuts, 1 + trial.random.below(20), spreads);
    profile->compute(no_deadline(), nullptr);
  }

  ideals::Reachability reach;
  BoundaryCuts cuts;
  std::optional<Profile> profile;
};

std::optional<std::size_t> first_paying_kind(const Contracted& graph) {
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (graph.kind_weights[q] >= 0) return q;
  }
  return std::nullopt;
}

TEST(Profile, RangesCoverAllWorkOnce) {
  oracle::expect_no_fault({.count = 1000, .serial = true}, [](const Trial& trial) -> Fault {
    const auto kind = first_paying_kind(trial.graph);
    if (!kind) return std::nullopt;
    const Profiled profiled(trial, *kind);
    Amount next = 0;
    for (const Profile::Range& range : profiled.profile->ranges()) {
      if (range.low != next || range.high < range.low) return "a hole or an overlap";
      next = range.high + 1;
    }
    return next == profiled.profile->total_work() + 1 ? Fault() : "does not end at all work";
  });
}

// A stage on the reference kind with its load within the threshold does no more than most_work().
TEST(Profile, BoundsTheWorkOfEveryStage) {
  std::uint64_t stages = 0;
  std::uint64_t tightened = 0;
  oracle::expect_no_fault({.count = 2000, .serial = true}, [&](const Trial& trial) -> Fault {
    const auto kind = first_paying_kind(trial.graph);
    if (!kind) return std::nullopt;
    const Profiled profiled(trial, *kind);
    const Profile& profile = *profiled.profile;
    const auto work = [&](Set set) { return oracle::parts_of(trial.graph, set, *kind, 0).compute; };
    const auto range_of = [&](Amount at) {
      std::size_t i = 0;
      while (profile.ranges()[i].high < at) ++i;
      return i;
    };
    const Set all = oracle::all_of(trial.graph);
    const std::vector<Set> ideals = oracle::all_ideals(trial.graph);
    for (const Set i : ideals) {
      for (const Set j : ideals) {
        if (i == j || !oracle::within(i, j)) continue;
        const Amount threshold = oracle::load_of(trial.graph, j & ~i, *kind, 0);
        const std::size_t from = i == 0 ? Profile::kStart : range_of(work(i));
        const std::size_t to = j == all ? profile.ranges().size() : range_of(work(j));
        const Amount most = profile.most_work(from, to, threshold);
        if (work(j & ~i) > most) return "does more";
        ++stages;
        tightened += most < threshold ? 1 : 0;
      }
    }
    for (const Set i : ideals) {
      if (!profile.ranges()[range_of(work(i))].possible) return "a boundary in an empty range";
    }
    return std::nullopt;
  });
  EXPECT_GT(tightened * 30, stages) << "cuts hardly count";
}

// With one kind of device: no threshold that a chain reaches is refuted, no boundary of such a
// chain ruled out; and thresholds out of reach are refuted now and then.
TEST(Completion, RefutesNothingThatAChainReaches) {
  std::uint64_t tables = 0;
  std::uint64_t refuted = 0;
  oracle::expect_no_fault({.count = 4000, .serial = true}, [&](const Trial& trial) -> Fault {
    const Contracted& graph = trial.graph;
    if (graph.num_kinds != 1 || graph.kind_weights[0] < 0) return std::nullopt;
    const throughput::Levels levels(graph);
    const Chains chains(graph, levels, oracle::all_ideals(graph));
    const auto best = chains.solve({}, 0).best;
    if (!best) return std::nullopt;
    const Profiled profiled(trial, 0);
    const Profile::Machine machine{graph.kind_count[0], {0}};
    for (const Amount threshold : {*best, *best + *best / 8, 2 * *best}) {
      const Completion completion(*profiled.profile, threshold, machine);
      if (completion.refuted()) return "refuted";
      throughput::Caps caps;
      caps.by_phase[0] = threshold;
      const auto table = chains.solve(caps, 0);
      for (std::size_t i = 1; i + 1 < chains.ideals().size(); ++i) {
        const Amount work = oracle::parts_of(graph, chains.ideals()[i], 0, 0).compute;
        for (std::size_t level = 0; level < levels.size(); ++level) {
          if (table.after[i * levels.size() + level] == Chains::kNone) continue;
          if (!completion.possible(levels.left(level, 0), 0, work)) return "ruled out";
        }
      }
    }
    ++tables;
    refuted += Completion(*profiled.profile, *best * 3 / 4, machine).refuted() ? 1 : 0;
    return std::nullopt;
  });
  EXPECT_GT(tables, 10u);
  EXPECT_GT(refuted * 4, tables) << refuted << " of " << tables;
}

}  // namespace
}  // namespace cleave::bounds
