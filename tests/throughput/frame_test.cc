#include "throughput/frame.h"

#include <gtest/gtest.h>

#include "oracle/chains.h"
#include "oracle/trials.h"

namespace cleave::throughput {
namespace {

using oracle::Chains;
using oracle::Set;
using oracle::Trial;

Caps random_caps(const Trial& trial, const Chains& chains) {
  const Contracted& graph = trial.graph;
  Caps caps;
  for (std::size_t p = 0; p < graph.phases; ++p) {
    // Around the least value there is, where windows are narrow but not shut.
    const Amount least = chains.solve(Caps{}, p).best.value_or(100);
    caps.by_phase[p] = trial.random.between(least - least / 4, least + least / 2);
  }
  return caps;
}

// Every boundary of every chain that keeps the caps stands where the frame says it may.
TEST(Frame, ExcludesNoChainThatKeepsTheCaps) {
  std::uint64_t nodes = 0;
  std::uint64_t settled = 0;
  std::uint64_t refuted = 0;
  std::uint64_t hopeless = 0;
  oracle::expect_no_fault({.count = 4000}, [&](const Trial& trial) -> std::optional<std::string> {
    const Contracted& graph = trial.graph;
    const Levels levels(graph);
    const Reachability reach(graph);
    const Chains chains(graph, levels, oracle::all_ideals(graph));
    Frame frame(graph, levels, trial.random.chance(0.8) ? &reach : nullptr);
    IdealStore store(graph);
    for (int round = 0; round < 2; ++round) {
      const Caps caps = random_caps(trial, chains);
      frame.set_caps(caps);
      const auto table = chains.solve(caps, 0);
      if (frame.refuted() && table.best) return "refuted";
      hopeless += table.best ? 0 : 1;
      refuted += frame.refuted() ? 1 : 0;
      for (std::size_t i = 0; i < chains.ideals().size(); ++i) {
        const Word word = chains.ideals()[i];
        const auto ideal = store.intern(&word);
        for (std::size_t level = 0; level < levels.size(); ++level) {
          const std::size_t at = i * levels.size() + level;
          if (table.after[at] != Chains::kNone && !frame.rest_fits(level, store, ideal)) {
            return "rest_fits";
          }
          if (table.before[at] == Chains::kNone || table.after[at] == Chains::kNone) continue;
          if (!frame.open(level)) return "open";
          const Set forced = oracle::set_of(graph, frame.forced(level));
          const Set permitted = oracle::set_of(graph, frame.permitted(level));
          if (!oracle::within(forced, chains.ideals()[i])) return "forced";
          if (!oracle::within(chains.ideals()[i], permitted)) return "permitted";
        }
      }
      for (std::size_t level = 0; level < levels.size(); ++level) {
        const Set forced = oracle::set_of(graph, frame.forced(level));
        const Set permitted = oracle::set_of(graph, frame.permitted(level));
        if (!oracle::is_ideal(graph, forced)) return "forced is no down-set";
        if (!oracle::is_ideal(graph, permitted)) return "permitted is no down-set";
        for (Node v = 0; v < graph.num_nodes; ++v) {
          ++nodes;
          settled += oracle::has(forced, v) || !oracle::has(permitted, v) ? 1 : 0;
        }
      }
    }
    return std::nullopt;
  });
  EXPECT_GT(settled * 3, nodes) << "windows leave nearly everything open";
  EXPECT_GT(refuted * 20, hopeless) << "windows hardly ever refute";
}

TEST(Frame, HoldsEdgesWhereverAStageMay) {
  oracle::expect_no_fault({.count = 3000}, [](const Trial& trial) -> std::optional<std::string> {
    const Contracted& graph = trial.graph;
    const Levels levels(graph);
    const Reachability reach(graph);
    const std::vector<Set> ideals = oracle::all_ideals(graph);
    const Chains chains(graph, levels, ideals);
    Frame frame(graph, levels, &reach);
    const Caps caps = random_caps(trial, chains);
    frame.set_caps(caps);
    for (const Set i : ideals) {
      for (const Set j : ideals) {
        const Set stage = j & ~i;
        if (!oracle::within(i, j)) continue;
        for (std::size_t q = 0; q < graph.num_kinds; ++q) {
          if (!oracle::may_hold(graph, stage, q)) continue;
          bool keeps = true;
          for (std::size_t p = 0; p < graph.phases; ++p) {
            keeps = keeps && oracle::load_of(graph, stage, q, p) <= caps.by_phase[p];
          }
          for (std::uint32_t e = 0; keeps && e < graph.edges.size(); ++e) {
            const auto pins = graph.pins_of(e);
            const bool held = std::all_of(pins.begin(), pins.end(),
                                          [&](Node v) { return oracle::has(stage, v); });
            if (held && !frame.can_hold(e, q)) return "can_hold";
          }
        }
      }
    }
    return std::nullopt;
  });
}

}  // namespace
}  // namespace cleave::throughput
