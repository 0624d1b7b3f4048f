// Stages priced by increment and by difference, against loads worked out from the definition.
#include <gtest/gtest.h>

#include <algorithm>

#include "oracle/sets.h"
#include "oracle/trials.h"
#include "throughput/frame.h"
#include "throughput/running_set.h"
#include "throughput/stage_pricer.h"

namespace cleave::throughput {
namespace {

using oracle::Set;
using oracle::Trial;

std::vector<Word> words_of(const Contracted& graph, Set set) {
  std::vector<Word> words((graph.num_nodes + 63) / 64, 0);
  if (!words.empty()) words[0] = set;
  return words;
}

TEST(RunningSet, CostsWhatItHolds) {
  oracle::expect_no_fault({.count = 4000}, [](const Trial& trial) -> std::optional<std::string> {
    const Contracted& graph = trial.graph;
    RunningSet set(graph);
    for (int round = 0; round < 3; ++round) {
      set.clear();
      Set inside = 0;
      for (;;) {
        for (std::size_t q = 0; q < graph.num_kinds; ++q) {
          const SetPrice price = set.price(q);
          if (price.possible != oracle::may_hold(graph, inside, q)) return "possible";
          for (std::size_t p = 0; p < graph.phases; ++p) {
            if (price.load[p] != oracle::load_of(graph, inside, q, p)) return "load";
            if (price.compute[p] != oracle::parts_of(graph, inside, q, p).compute) {
              return "compute";
            }
          }
        }
        if (inside == oracle::all_of(graph)) break;
        auto v = static_cast<Node>(trial.random.below(graph.num_nodes));
        while (oracle::has(inside, v)) v = static_cast<Node>((v + 1) % graph.num_nodes);
        set.add(v);
        inside |= Set{1} << v;
      }
    }
    return std::nullopt;
  });
}

TEST(StagePricer, PricesEveryPairOfIdeals) {
  oracle::expect_no_fault({.count = 3000}, [](const Trial& trial) -> std::optional<std::string> {
    const Contracted& graph = trial.graph;
    IdealStore store(graph);
    const std::vector<Set> ideals = oracle::all_ideals(graph);
    std::vector<IdealStore::Index> index;
    for (const Set ideal : ideals) index.push_back(store.intern(words_of(graph, ideal).data()));
    StagePricer pricer(store);
    const std::vector<std::uint8_t> unblocked(graph.edges.size(), 0);
    for (std::size_t i = 0; i < ideals.size(); ++i) {
      pricer.start(index[i]);
      for (std::size_t j = i; j < ideals.size(); ++j) {
        if (!oracle::within(ideals[i], ideals[j])) continue;
        const Set nodes = ideals[j] & ~ideals[i];
        for (std::size_t q = 0; q < graph.num_kinds; ++q) {
          pricer.choose(q, unblocked.data());
          const StagePricer::Price price = pricer.price(index[j]);
          if (price.memory != oracle::memory_of(graph, nodes)) return "memory";
          for (std::size_t p = 0; p < graph.phases; ++p) {
            if (price.load[p] != oracle::load_of(graph, nodes, q, p)) return "load";
          }
        }
      }
    }
    return std::nullopt;
  });
}

// The floor of a stage is below the load of each larger stage that may end at the level and keeps
// the caps; and it says something: it is not 0 throughout.
TEST(StagePricer, FloorIsBelowAllLargerStages) {
  std::uint64_t floors = 0;
  std::uint64_t beyond_compute = 0;
  oracle::expect_no_fault(
      {.count = 1000, .max_operators = 6}, [&](const Trial& trial) -> std::optional<std::string> {
        const Contracted& graph = trial.graph;
        const Levels levels(graph);
        const Reachability reach(graph);
        Frame frame(graph, levels, &reach);
        Caps caps;
        for (std::size_t p = 0; p < 2; ++p) {
          Amount most = 0;
          for (std::size_t q = 0; q < graph.num_kinds && p < graph.phases; ++q) {
            most = std::max(most, oracle::load_of(graph, oracle::all_of(graph), q, p));
          }
          caps.by_phase[p] = trial.random.between(0, most);
        }
        frame.set_caps(caps);
        IdealStore store(graph);
        StagePricer pricer(store);
        const std::vector<Set> ideals = oracle::all_ideals(graph);
        const auto level = trial.random.below(levels.size());
        const Set permitted = oracle::set_of(graph, frame.permitted(level));
        const std::size_t q = trial.random.below(graph.num_kinds);
        std::vector<std::uint8_t> blocked(graph.edges.size());
        for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
          blocked[e] = !frame.can_hold(e, q);
          for (const Node pin : graph.pins_of(e)) blocked[e] |= !oracle::has(permitted, pin);
        }
        for (const Set i : ideals) {
          pricer.start(store.intern(words_of(graph, i).data()));
          pricer.choose(q, blocked.data());
          for (const Set j : ideals) {
            if (!oracle::within(i, j) || !oracle::within(j, permitted)) continue;
            const auto price = pricer.price(store.intern(words_of(graph, j).data()));
            for (std::size_t p = 0; p < graph.phases; ++p) {
              ++floors;
              beyond_compute +=
                  price.floor[p] > oracle::parts_of(graph, j & ~i, q, p).compute ? 1 : 0;
            }
            for (const Set k : ideals) {
              if (!oracle::within(j, k) || !oracle::within(k, permitted)) continue;
              if (!oracle::may_hold(graph, k & ~i, q)) continue;
              Amount load[2] = {0, 0};
              for (std::size_t p = 0; p < graph.phases; ++p) {
                load[p] = oracle::load_of(graph, k & ~i, q, p);
              }
              if (load[0] > caps.by_phase[0] || load[1] > caps.by_phase[1]) continue;
              if (price.floor[0] > load[0] || price.floor[1] > load[1]) return "floor";
            }
          }
        }
        return std::nullopt;
      });
  EXPECT_GT(beyond_compute * 50, floors) << "transfers never count";
}

}  // namespace
}  // namespace cleave::throughput
