#include "cleave/ideals/ideal_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "cleave/workload/workload.h"
#include "oracle/sets.h"
#include "oracle/trials.h"

namespace cleave::ideals {
namespace {

using oracle::Set;
using oracle::Trial;

using Fault = std::optional<std::string>;

std::vector<Node> nodes_of(const Contracted& graph, Set set) {
  std::vector<Node> nodes;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (oracle::has(set, v)) nodes.push_back(v);
  }
  return nodes;
}

Set ready_after(const Contracted& graph, Set ideal) {
  Set ready = 0;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    const Set grown = ideal | Set{1} << v;
    if (grown != ideal && oracle::is_ideal(graph, grown)) ready |= Set{1} << v;
  }
  return ready;
}

Set removable_from(const Contracted& graph, Set ideal) {
  Set removable = 0;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (oracle::has(ideal, v) && oracle::is_ideal(graph, ideal & ~(Set{1} << v))) {
      removable |= Set{1} << v;
    }
  }
  return removable;
}

Amount cut_of(const Contracted& graph, Set ideal, std::size_t row, std::size_t phase,
              std::size_t direction) {
  Amount cut = 0;
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    const bool inside = oracle::has(ideal, graph.edges[e].producer);
    if (graph.edges[e].phase == phase && inside == (direction == 1) &&
        oracle::cuts(graph, ideal, e)) {
      cut += graph.weights[row][e];
    }
  }
  return cut;
}

// Everything stored with an ideal, worked out anew.
Fault fault_of(const IdealStore& store, IdealStore::Index index, Set ideal) {
  const Contracted& graph = store.graph();
  if (oracle::set_of(graph, store.bits(index)) != ideal) return "bits";
  if (store.memory(index) != oracle::memory_of(graph, ideal)) return "memory";
  for (std::size_t p = 0; p < graph.phases; ++p) {
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      if (store.time(index, q, p) != oracle::parts_of(graph, ideal, q, p).compute) return "time";
    }
    for (std::size_t row = 0; row < graph.weights.size(); ++row) {
      for (const std::size_t direction : {0u, 1u}) {
        if (store.cut(index, row, p, direction) != cut_of(graph, ideal, row, p, direction)) {
          return "cut";
        }
      }
      if (store.cut(index, row, p) != store.cut(index, row, p, 0) + store.cut(index, row, p, 1)) {
        return "cut of both directions";
      }
    }
  }
  const auto ready = store.ready(index);
  if (!std::is_sorted(ready.begin(), ready.end())) return "order of ready nodes";
  if (oracle::set_of({ready.begin(), ready.end()}) != ready_after(graph, ideal)) return "ready";
  const std::vector<Node> removable = store.removable(index);
  if (oracle::set_of(removable) != removable_from(graph, ideal)) return "removable";

  std::uint32_t expected = 0;
  for (const OpenEdge& open : store.open(index)) {
    while (expected < open.edge && !oracle::cuts(graph, ideal, expected)) ++expected;
    if (open.edge != expected) return "open edges";
    const auto pins = graph.pins_of(open.edge);
    const auto inside =
        std::count_if(pins.begin(), pins.end(), [&](Node v) { return oracle::has(ideal, v); });
    if (static_cast<std::ptrdiff_t>(open.inside) != inside) return "pins inside";
    if ((open.producer_inside != 0) != oracle::has(ideal, graph.edges[open.edge].producer)) {
      return "producer inside";
    }
    ++expected;
  }
  while (expected < graph.edges.size() && !oracle::cuts(graph, ideal, expected)) ++expected;
  return expected == graph.edges.size() ? Fault() : "open edges end early";
}

// Random walks by every operation reach ideals whose records are right, each stored once.
TEST(IdealStore, KeepsWhatEachIdealIs) {
  oracle::expect_no_fault({.count = 3000, .max_operators = 9}, [](const Trial& trial) -> Fault {
    const Contracted& graph = trial.graph;
    base::Random& random = trial.random;
    IdealStore store(graph);
    const std::vector<Set> ideals = oracle::all_ideals(graph);
    std::map<Set, IdealStore::Index> known = {{0, store.empty_ideal()}};
    IdealStore::Index at = store.empty_ideal();
    Set set = 0;
    for (int step = 0; step < 60; ++step) {
      const Word other = ideals[random.below(ideals.size())];
      switch (random.below(4)) {
        case 0: {
          const auto ready = store.ready(at);
          if (ready.empty()) continue;
          const std::size_t slot = random.below(ready.size());
          set |= Set{1} << ready[slot];
          at = store.grow(at, slot);
          break;
        }
        case 1: {
          const std::vector<Node> removable = nodes_of(graph, removable_from(graph, set));
          if (removable.empty()) continue;
          const Node v = removable[random.below(removable.size())];
          set &= ~(Set{1} << v);
          at = store.shrink(at, v);
          break;
        }
        case 2:
          set |= static_cast<Set>(other);
          at = store.join(at, &other);
          break;
        default:
          set = static_cast<Set>(other);
          at = store.intern(&other);
      }
      const auto [it, fresh] = known.try_emplace(set, at);
      if (it->second != at) return "one ideal has two numbers";
      if (fresh && at + 1 != store.size()) return "numbers are not dense";
      if (auto fault = fault_of(store, at, set)) return fault;
    }
    if (store.size() != known.size()) return "more is stored than was asked for";
    return std::nullopt;
  });
}

// All growth by one node at a time, from nothing: every ideal, and no other set.
TEST(IdealStore, GrowsToAllIdeals) {
  oracle::expect_no_fault({.count = 1000, .max_operators = 9}, [](const Trial& trial) -> Fault {
    IdealStore store(trial.graph);
    for (IdealStore::Index i = 0; i < store.size(); ++i) {
      for (std::size_t slot = 0; slot < store.ready(i).size(); ++slot) store.grow(i, slot);
    }
    std::vector<Set> found;
    for (IdealStore::Index i = 0; i < store.size(); ++i) {
      found.push_back(oracle::set_of(trial.graph, store.bits(i)));
    }
    std::sort(found.begin(), found.end());
    return found == oracle::all_ideals(trial.graph) ? Fault() : "ideals";
  });
}

// Sets of several words: v's number within its word and the word itself both count.
TEST(IdealStore, HoldsGraphsOfManyWords) {
  auto graph = workload::generate("bert", {{"layers", 12}}, false);
  ASSERT_TRUE(graph) << graph.error().to_string();
  model::DeviceClass device;
  device.name = "accelerator";
  const auto problem =
      model::Problem::create(std::make_shared<const model::Graph>(*std::move(graph)),
                             model::Machine::create({device}).value(), {});
  ASSERT_TRUE(problem) << problem.error().to_string();
  const auto contracted = reduce::contract(*problem);
  ASSERT_TRUE(contracted) << contracted.error().to_string();
  ASSERT_GT(contracted->num_nodes, 64u);
  IdealStore store(*contracted);
  IdealStore::Index at = store.empty_ideal();
  Amount work = 0;
  std::vector<Word> inside(store.words(), 0);
  while (!store.ready(at).empty()) {
    const std::size_t slot = store.ready(at).size() - 1;
    const Node v = store.ready(at)[slot];
    at = store.grow(at, slot);
    insert(inside.data(), v);
    work += contracted->time(v, 0, 0);
    EXPECT_TRUE(std::equal(inside.begin(), inside.end(), store.bits(at)));
    EXPECT_EQ(store.time(at, 0, 0), work);
    EXPECT_EQ(store.intern(inside.data()), at);
  }
  EXPECT_EQ(store.size(), contracted->num_nodes + 1);
  EXPECT_EQ(store.cut(at, 0, 0), 0);
  EXPECT_TRUE(store.open(at).empty());
  EXPECT_GT(store.memory_used(), store.size() * store.words() * sizeof(Word));
}

}  // namespace
}  // namespace cleave::ideals
