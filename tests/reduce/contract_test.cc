#include "cleave/reduce/contract.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cleave/cost/loads.h"
#include "oracle/chains.h"
#include "oracle/trials.h"
#include "support/draft.h"

namespace cleave::reduce {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::Phase;
using oracle::Set;
using oracle::Trial;
using support::Draft;

using Fault = std::optional<std::string>;
using Nodes = std::vector<Node>;

// Drafts written as lists: operators by id, tensors by the ids they join.
class Sketch {
 public:
  Sketch() {
    draft_.time_columns = {"acc"};
    add_class("acc", 2, std::nullopt);
  }

  void add_class(const std::string& name, int count, std::optional<std::int64_t> memory) {
    model::DeviceClass device;
    device.name = name;
    device.times = "acc";
    device.count = count;
    if (memory) device.memory = Bytes(*memory);
    if (draft_.classes.size() == 1 && draft_.classes[0].name == name) draft_.classes.clear();
    draft_.classes.push_back(std::move(device));
  }
  Sketch& op(const std::string& id, Phase phase = Phase::forward, const std::string& group = "") {
    model::OperatorSpec spec;
    spec.id = id;
    spec.phase = phase;
    spec.memory = Bytes(10);
    spec.times = {Duration(1)};
    if (!group.empty()) spec.group = group;
    draft_.operators.push_back(std::move(spec));
    return *this;
  }
  Sketch& tensor(const std::string& from, const std::vector<std::string>& to, int transfer = 5) {
    model::TensorSpec spec;
    spec.producer = find(from);
    for (const std::string& id : to) spec.consumers.push_back(find(id));
    spec.transfer = Duration(transfer);
    draft_.tensors.push_back(std::move(spec));
    return *this;
  }
  Sketch& memory(const std::string& id, std::int64_t bytes) {
    draft_.operators[find(id).index()].memory = Bytes(bytes);
    return *this;
  }
  Draft& draft() { return draft_; }

  [[nodiscard]] OperatorId find(const std::string& id) const {
    std::size_t i = 0;
    while (draft_.operators[i].id != id) ++i;
    return OperatorId(i);
  }
  [[nodiscard]] model::Problem problem() const { return support::build(draft_).value(); }
  [[nodiscard]] Contracted contracted() const { return contract(problem()).value(); }
  [[nodiscard]] Node node(const Contracted& graph, const std::string& id) const {
    for (Node v = 0; v < graph.num_nodes; ++v) {
      const auto& members = graph.members[v];
      if (std::find(members.begin(), members.end(), find(id)) != members.end()) return v;
    }
    return static_cast<Node>(graph.num_nodes);
  }

 private:
  Draft draft_;
};

Nodes list(std::span<const Node> nodes) { return {nodes.begin(), nodes.end()}; }

std::string refusal(const Sketch& sketch) {
  const auto graph = contract(sketch.problem());
  if (graph) return "contracted";
  EXPECT_EQ(graph.error().code, base::ErrorCode::infeasible);
  return graph.error().message;
}

TEST(Contract, MergesGroups) {
  Sketch sketch;
  sketch.op("a", Phase::forward, "g").op("b").op("c").op("d", Phase::forward, "g2");
  sketch.op("e", Phase::forward, "g2");
  sketch.tensor("a", {"b"}).tensor("b", {"c"}).tensor("c", {"d"}).tensor("d", {"e"});
  const Contracted graph = sketch.contracted();
  ASSERT_EQ(graph.num_nodes, 4u);
  const Node merged = sketch.node(graph, "d");
  EXPECT_EQ(sketch.node(graph, "e"), merged);
  EXPECT_EQ(graph.memory[merged], 20);
  EXPECT_EQ(graph.time(merged, 0, 0), 2);
  EXPECT_EQ(graph.edges.size(), 3u);  // d → e stays inside
}

// a → b → c with a and c in one group: b must be where they are.
TEST(Contract, FusesWhatGroupsHoldTogether) {
  Sketch sketch;
  sketch.op("a", Phase::forward, "g").op("b").op("c", Phase::forward, "g").op("d");
  sketch.tensor("a", {"b"}).tensor("b", {"c"}).tensor("c", {"d"});
  const Contracted graph = sketch.contracted();
  ASSERT_EQ(graph.num_nodes, 2u);
  EXPECT_EQ(graph.members[0].size(), 3u);
  EXPECT_EQ(list(graph.successors(0)), (Nodes{1}));
}

// Backward operators without a forward member act by a stand-in with their arcs mirrored; those
// with a forward twin follow it and add no arc.
TEST(Contract, MirrorsArcsOfOrphanBackwardOperators) {
  Sketch sketch;
  sketch.op("f1", Phase::forward, "1").op("f2", Phase::forward, "2");
  sketch.op("b2", Phase::backward, "2").op("o", Phase::backward).op("b1", Phase::backward, "1");
  sketch.tensor("f1", {"f2"}).tensor("f2", {"b2"}).tensor("b2", {"o"}).tensor("o", {"b1"});
  const Contracted graph = sketch.contracted();
  ASSERT_EQ(graph.num_nodes, 3u);
  const Node first = sketch.node(graph, "f1");
  const Node orphan = sketch.node(graph, "o");
  const Node second = sketch.node(graph, "f2");
  EXPECT_LT(first, orphan);
  EXPECT_LT(orphan, second);
  EXPECT_EQ(list(graph.successors(first)), (Nodes{orphan}));
  EXPECT_EQ(list(graph.successors(orphan)), (Nodes{second}));
  EXPECT_EQ(graph.phases, 1u);
}

TEST(Contract, KeepsOnlyArcsThatNoPathImplies) {
  Sketch sketch;
  sketch.op("a").op("b").op("c").op("d");
  sketch.tensor("a", {"b", "c", "d"}).tensor("b", {"c"}).tensor("c", {"d"});
  const Contracted graph = sketch.contracted();
  EXPECT_TRUE(graph.reduced);
  EXPECT_EQ(list(graph.successors(0)), (Nodes{1}));
  EXPECT_EQ(list(graph.successors(1)), (Nodes{2}));
  EXPECT_EQ(list(graph.predecessors(3)), (Nodes{2}));
}

TEST(Contract, MergesTensorsWithEqualPins) {
  Sketch sketch;
  sketch.op("a").op("b").op("c");
  sketch.tensor("a", {"b"}, 3).tensor("a", {"b"}, 4).tensor("a", {"b", "c"}, 5);
  sketch.tensor("b", {"c"}, 0).tensor("b", {}, 7);
  const Contracted graph = sketch.contracted();
  ASSERT_EQ(graph.edges.size(), 2u);  // free and unused tensors are none
  EXPECT_EQ(graph.weight(0, 0), 7);
  EXPECT_EQ(graph.weight(0, 1), 5);
  EXPECT_EQ(list(graph.pins_of(1)), (Nodes{0, 1, 2}));
}

// a → b and b′ → a′ join the same two nodes. Only full-duplex and gpipe tell them apart.
TEST(Contract, MergesTensorsOnlyWhereNoLoadTellsThemApart) {
  Sketch sketch;
  sketch.op("a", Phase::forward, "1").op("b", Phase::forward, "2");
  sketch.op("B", Phase::backward, "2").op("A", Phase::backward, "1");
  sketch.tensor("a", {"b"}, 3).tensor("B", {"A"}, 4);
  for (const auto schedule : {model::Schedule::one_f_one_b, model::Schedule::gpipe}) {
    for (const auto transfers :
         {model::Transfers::serial, model::Transfers::half_duplex, model::Transfers::full_duplex}) {
      sketch.draft().question.schedule = schedule;
      sketch.draft().question.transfers = transfers;
      const Contracted graph = sketch.contracted();
      const bool apart =
          schedule == model::Schedule::gpipe || transfers == model::Transfers::full_duplex;
      EXPECT_EQ(graph.edges.size(), apart ? 2u : 1u);
      EXPECT_EQ(graph.phases, schedule == model::Schedule::gpipe ? 2u : 1u);
      EXPECT_TRUE(apart || graph.weight(0, 0) == 7);
    }
  }
}

TEST(Contract, SaysWhoNeedsHowManyBytesMore) {
  Sketch sketch;
  sketch.add_class("acc", 2, 100);
  sketch.add_class("big", 1, 120);
  sketch.op("a").op("b").tensor("a", {"b"});
  sketch.memory("b", 150);
  EXPECT_EQ(refusal(sketch),
            "operator 'b' needs 150 bytes; a device of class 'big' has 120: 30 bytes short");
}

TEST(Contract, SaysWhichGroupIsTooLarge) {
  Sketch sketch;
  sketch.add_class("acc", 2, 100);
  sketch.op("a", Phase::forward, "g").op("b").op("c", Phase::forward, "g");
  sketch.tensor("a", {"b"}).memory("a", 60).memory("c", 70);
  EXPECT_EQ(refusal(sketch),
            "the 2 operators that must share a device with 'a' ('c' among them) need 130 bytes; a "
            "device of class 'acc' has 100: 30 bytes short");
}

TEST(Contract, SaysThatAllTogetherAreTooLarge) {
  Sketch sketch;
  sketch.add_class("acc", 2, 100);
  sketch.op("a").op("b").op("c").memory("a", 90).memory("b", 80).memory("c", 70);
  EXPECT_EQ(refusal(sketch),
            "all operators together need 240 bytes; all devices together have 200: 40 bytes short");
}

TEST(Contract, SaysThatNoDeviceMayHoldAGroup) {
  Sketch sketch;
  sketch.op("a", Phase::forward, "g").op("b", Phase::forward, "g");
  sketch.draft().time_columns = {"acc", "cpu"};
  sketch.draft().operators[0].times = {Duration(1), std::nullopt};
  sketch.draft().operators[1].times = {std::nullopt, Duration(1)};
  sketch.add_class("cpu", 1, std::nullopt);
  sketch.draft().classes[1].times = "cpu";
  EXPECT_EQ(refusal(sketch),
            "no device may hold all of them: the 2 operators that must share a device with 'a' "
            "('b' among them)");
}

// Placing a random chain by expand() gives the loads that the sets have in the contracted graph,
// and a device of the right kind for each.
TEST(Contract, KeepsLoadsAndMemory) {
  oracle::expect_no_fault({.count = 3000}, [](const Trial& trial) -> Fault {
    const Contracted& graph = trial.graph;
    const std::vector<Set> ideals = oracle::all_ideals(graph);
    // A chain through a random ideal, its stages on random kinds with devices to spare.
    std::vector<ChainStage> chain;
    std::vector<std::uint32_t> used(graph.num_kinds, 0);
    Set inside = 0;
    while (inside != oracle::all_of(graph)) {
      const Set next = inside | ideals[trial.random.below(ideals.size())];
      const std::size_t q = trial.random.below(graph.num_kinds);
      if (next == inside) continue;
      if (used[q] == graph.kind_count[q]) return std::nullopt;
      ++used[q];
      ChainStage stage{q, {}};
      for (Node v = 0; v < graph.num_nodes; ++v) {
        if (oracle::has(next & ~inside, v)) stage.nodes.push_back(v);
      }
      for (const Node v : stage.nodes) {
        if (!graph.is_allowed(v, q)) return std::nullopt;
      }
      chain.push_back(std::move(stage));
      inside = next;
    }
    const model::Placement placement = expand(trial.problem, graph, chain);
    const cost::Evaluation evaluation = cost::evaluate(trial.problem, placement);
    std::set<DeviceId> devices;
    for (const ChainStage& stage : chain) {
      const DeviceId device = placement[graph.members[stage.nodes[0]][0].index()];
      if (!devices.insert(device).second) return "two stages on a device";
      if (trial.problem.kind_of(device) != base::KindId(stage.kind)) return "kind";
      for (const Node v : stage.nodes) {
        for (const OperatorId op : graph.members[v]) {
          if (placement[op.index()] != device) return "a stage on two devices";
        }
      }
      const Set nodes = oracle::set_of(stage.nodes);
      const model::DeviceLoad& load = evaluation.devices[device.index()];
      if (load.memory.count() != oracle::memory_of(graph, nodes)) return "memory";
      const Amount first = oracle::load_of(graph, nodes, stage.kind, 0);
      if (graph.phases == 1 && load.load.count() != first) return "load";
      if (graph.phases == 2 &&
          (load.forward.count() != first ||
           load.backward.count() != oracle::load_of(graph, nodes, stage.kind, 1))) {
        return "load of a phase";
      }
    }
    return std::nullopt;
  });
}

TEST(Contract, NumbersNodesTopologicallyAndReducesArcs) {
  oracle::expect_no_fault({.count = 2000, .max_operators = 12}, [](const Trial& trial) -> Fault {
    const Contracted& graph = trial.graph;
    std::size_t members = 0;
    for (Node v = 0; v < graph.num_nodes; ++v) {
      members += graph.members[v].size();
      for (const Node w : graph.successors(v)) {
        if (w <= v) return "an arc that goes back";
        const auto before = graph.predecessors(w);
        if (std::count(before.begin(), before.end(), v) != 1) return "predecessors";
        // Without the arc its ends must be free of each other: an ideal has w, not v.
        Set needed = Set{1} << w;
        for (Node x = w + 1; x-- > 0;) {
          if (!oracle::has(needed, x)) continue;
          for (const Node u : graph.predecessors(x)) {
            if (x != w || u != v) needed |= Set{1} << u;
          }
        }
        if (oracle::has(needed, v)) return "an arc that a path implies";
      }
      for (const std::uint32_t e : graph.edges_of(v)) {
        const auto pins = graph.pins_of(e);
        if (std::count(pins.begin(), pins.end(), v) != 1) return "incidence";
      }
    }
    return members == trial.problem.graph().num_operators() ? Fault() : "members";
  });
}

TEST(Reversed, TwiceIsTheSame) {
  oracle::expect_no_fault({.count = 2000}, [](const Trial& trial) -> Fault {
    const Contracted& graph = trial.graph;
    const Contracted again = reversed(reversed(graph));
    if (again.members != graph.members || again.memory != graph.memory) return "nodes";
    if (again.times != graph.times || again.allowed != graph.allowed) return "times";
    if (again.pins != graph.pins || again.weights != graph.weights) return "pins";
    for (std::size_t e = 0; e < graph.edges.size(); ++e) {
      if (again.edges[e].producer != graph.edges[e].producer) return "producers";
    }
    if (again.successor_offsets != graph.successor_offsets ||
        again.successor_nodes != graph.successor_nodes ||
        again.predecessor_offsets != graph.predecessor_offsets ||
        again.predecessor_nodes != graph.predecessor_nodes) {
      return "arcs";
    }
    if (again.incidence_offsets != graph.incidence_offsets ||
        again.incident_edges != graph.incident_edges) {
      return "incidence";
    }
    return std::nullopt;
  });
}

TEST(Reversed, HasTheComplementsAsIdealsAndEqualLoads) {
  oracle::expect_no_fault({.count = 2000}, [](const Trial& trial) -> Fault {
    const Contracted& graph = trial.graph;
    const Contracted turned = reversed(graph);
    const auto flip = [&](Set set) {
      Set flipped = 0;
      for (Node v = 0; v < graph.num_nodes; ++v) {
        if (oracle::has(set, v)) flipped |= Set{1} << (graph.num_nodes - 1 - v);
      }
      return flipped;
    };
    std::vector<Set> complements;
    for (const Set ideal : oracle::all_ideals(graph)) {
      complements.push_back(flip(oracle::all_of(graph) & ~ideal));
    }
    std::sort(complements.begin(), complements.end());
    if (oracle::all_ideals(turned) != complements) return "ideals";
    for (int round = 0; round < 8; ++round) {
      const auto set = static_cast<Set>(trial.random.below(oracle::all_of(graph) + 1u));
      for (std::size_t q = 0; q < graph.num_kinds; ++q) {
        if (oracle::may_hold(turned, flip(set), q) != oracle::may_hold(graph, set, q)) {
          return "may hold";
        }
        for (std::size_t p = 0; p < graph.phases; ++p) {
          if (oracle::load_of(turned, flip(set), q, p) != oracle::load_of(graph, set, q, p)) {
            return "load";
          }
        }
      }
    }
    return std::nullopt;
  });
}

}  // namespace
}  // namespace cleave::reduce
