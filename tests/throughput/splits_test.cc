// Splits of one order, and of a pool of ideals: each the best of its kind.
#include <gtest/gtest.h>

#include <algorithm>

#include "oracle/chains.h"
#include "oracle/trials.h"
#include "throughput/order_search.h"
#include "throughput/pool_search.h"

namespace cleave::throughput {
namespace {

using ideals::IdealStore;
using oracle::Chains;
using oracle::Set;
using oracle::Trial;

using Fault = std::optional<std::string>;

const base::Deadline& no_deadline() {
  static const base::Limits limits;
  static const base::Deadline deadline(limits);
  return deadline;
}

// No caps, or caps that some chains break.
Caps random_caps(const Trial& trial, const Chains& chains) {
  Caps caps;
  for (std::size_t p = 0; p < trial.graph.phases && trial.random.chance(0.5); ++p) {
    const Amount least = chains.solve(Caps{}, p).best.value_or(100);
    caps.by_phase[p] = trial.random.between(least, 2 * least);
  }
  return caps;
}

Fault compare(const Trial& trial, const std::optional<Found>& found, const Chains& chains,
              const Caps& caps, std::size_t phase) {
  const auto best = chains.solve(caps, phase).best;
  if (found.has_value() != best.has_value()) return found ? "found too much" : "found nothing";
  if (!found) return std::nullopt;
  if (found->value != *best) return "not the best";
  const char* const fault = oracle::fault_of(trial.graph, found->chain, caps, phase, found->value);
  return fault != nullptr ? Fault(fault) : std::nullopt;
}

TEST(BestIntervals, AreTheBestOfTheirOrder) {
  oracle::expect_no_fault({.count = 3000}, [](const Trial& trial) -> Fault {
    const Levels levels(trial.graph);
    for (const auto& order : propose_orders(trial.graph, 8, trial.random.bits())) {
      std::vector<Set> prefixes = {0};
      for (const Node v : order) prefixes.push_back(prefixes.back() | Set{1} << v);
      if (order.size() != trial.graph.num_nodes) return "an order that misses nodes";
      for (const Set prefix : prefixes) {
        if (!oracle::is_ideal(trial.graph, prefix)) return "an order that is not topological";
      }
      const Chains chains(trial.graph, levels, prefixes);
      const Caps caps = random_caps(trial, chains);
      const std::size_t phase = trial.random.below(trial.graph.phases);
      const auto found =
          best_intervals(trial.graph, levels, order, caps, phase, 1000, no_deadline());
      if (auto fault = compare(trial, found, chains, caps, phase)) return fault;
    }
    return std::nullopt;
  });
}

// With fewer positions than prefixes it is still a chain within the caps, and no better.
TEST(BestIntervals, AreChainsWithFewPositionsToo) {
  oracle::expect_no_fault({.count = 2000}, [](const Trial& trial) -> Fault {
    const Levels levels(trial.graph);
    const Chains chains(trial.graph, levels, oracle::all_ideals(trial.graph));
    for (const auto& order : propose_orders(trial.graph, 3, 1)) {
      const std::size_t positions = 3 + trial.random.below(4);
      const auto found =
          best_intervals(trial.graph, levels, order, Caps{}, 0, positions, no_deadline());
      if (!found) continue;
      if (found->chain.size() >= positions) return "more stages than positions allow";
      if (found->value < chains.solve(Caps{}, 0).best.value_or(0)) return "too good";
      const char* const fault =
          oracle::fault_of(trial.graph, found->chain, Caps{}, 0, found->value);
      if (fault != nullptr) return fault;
    }
    return std::nullopt;
  });
}

TEST(PoolSearch, FindsTheBestChainOfItsPool) {
  oracle::expect_no_fault({.count = 3000}, [](const Trial& trial) -> Fault {
    const Levels levels(trial.graph);
    IdealStore store(trial.graph);
    PoolSearch pool(trial.graph, levels, store, no_deadline());
    for (int round = 0; round < 2; ++round) {
      pool.clear();
      std::vector<Set> kept;
      for (const Set ideal : oracle::all_ideals(trial.graph)) {
        const bool needed = ideal == 0 || ideal == oracle::all_of(trial.graph);
        if (!needed && trial.random.chance(0.5)) continue;
        kept.push_back(ideal);
        const ideals::Word word = ideal;
        pool.add(store.intern(&word));
      }
      const Chains chains(trial.graph, levels, kept);
      const Caps caps = random_caps(trial, chains);
      const std::size_t phase = trial.random.below(trial.graph.phases);
      if (auto fault = compare(trial, pool.best(caps, phase), chains, caps, phase)) return fault;
    }
    return std::nullopt;
  });
}

// Around a chain lie its own boundaries, so the best through them is no worse than the chain.
TEST(PoolSearch, IsNoWorseThanTheChainItStartsFrom) {
  std::uint64_t improved = 0;
  oracle::expect_no_fault({.count = 2000}, [&](const Trial& trial) -> Fault {
    const Levels levels(trial.graph);
    const auto orders = propose_orders(trial.graph, 1, 1);
    const auto start =
        best_intervals(trial.graph, levels, orders[0], Caps{}, 0, 1000, no_deadline());
    if (!start) return std::nullopt;
    IdealStore store(trial.graph);
    PoolSearch pool(trial.graph, levels, store, no_deadline());
    pool.add_around(start->chain, 1 + trial.random.below(30));
    const auto found = pool.best(Caps{}, 0);
    if (!found || found->value > start->value) return "worse";
    improved += found->value < start->value ? 1 : 0;
    const char* const fault = oracle::fault_of(trial.graph, found->chain, Caps{}, 0, found->value);
    return fault != nullptr ? Fault(fault) : std::nullopt;
  });
  EXPECT_GT(improved, 0u);
}

}  // namespace
}  // namespace cleave::throughput
