#include "throughput/shortage.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "throughput/phase_search.h"

namespace cleave::throughput {
namespace {

constexpr std::uint64_t kMostEffort = 3'000'000;  // see ChainSearch::Outcome::effort
constexpr std::size_t kMostTakes = 50'000;        // stages tried by find_stranded()

Amount total_memory(const Contracted& graph) {
  Amount total = 0;
  for (const Amount m : graph.memory) total += m;
  return total;
}

// The same chains with another load, whose largest value is to be minimised: of a stage on a kind
// with a limit, how much its memory exceeds the limit, plus `base_`, the largest limit, so that no
// load is negative. The difference between `base_` and the limit of a kind does not depend on the
// stage: it is the weight of one edge that every stage cuts, because its pins are all nodes and an
// end that lies on a device of its own. Kinds that can hold everything cost nothing.
class ExcessGraph {
 public:
  explicit ExcessGraph(const Contracted& graph) : graph_(graph), total_(total_memory(graph)) {
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      if (limited(q)) base_ = std::max(base_, graph.kind_memory[q]);
    }
    excess_.num_nodes = graph.num_nodes + 1;
    excess_.num_kinds = graph.num_kinds + 1;
    excess_.members.resize(excess_.num_nodes);
    excess_.memory.assign(excess_.num_nodes, 0);
    add_kinds();
    add_nodes();
    add_arcs();
    add_edge();
  }

  [[nodiscard]] const Contracted& graph() const { return excess_; }
  /// Load of a stage that fits exactly.
  [[nodiscard]] Amount base() const { return base_; }
  [[nodiscard]] Amount largest_load() const { return total_ + base_; }

 private:
  [[nodiscard]] bool limited(std::size_t kind) const { return graph_.kind_memory[kind] < total_; }

  void add_kinds() {
    excess_.kind_count = graph_.kind_count;
    excess_.kind_count.push_back(1);
    excess_.kind_memory.assign(excess_.num_kinds, Contracted::kUnlimited);
    excess_.kind_weights.assign(excess_.num_kinds, -1);
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      if (!limited(q) || graph_.kind_memory[q] == base_) continue;
      excess_.kind_weights[q] = static_cast<int>(excess_.weights.size());
      excess_.weights.push_back({base_ - graph_.kind_memory[q]});
    }
  }

  void add_nodes() {
    for (Node v = 0; v < graph_.num_nodes; ++v) {
      for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
        const bool allowed = graph_.is_allowed(v, q);
        excess_.allowed.push_back(allowed);
        excess_.times.push_back(allowed && limited(q) ? graph_.memory[v] : 0);
      }
      excess_.allowed.push_back(0);
      excess_.times.push_back(0);
    }
    excess_.allowed.resize(excess_.num_nodes * excess_.num_kinds, 0);
    excess_.allowed.back() = 1;
    excess_.times.resize(excess_.allowed.size(), 0);
  }

  // Those of the graph, and from all that nothing follows to the end.
  void add_arcs() {
    const auto end = static_cast<Node>(graph_.num_nodes);
    excess_.reduced = graph_.reduced;
    excess_.predecessor_offsets = graph_.predecessor_offsets;
    excess_.predecessor_nodes = graph_.predecessor_nodes;
    excess_.successor_offsets.push_back(0);
    const auto close_row = [](std::vector<std::uint32_t>& offsets, const std::vector<Node>& nodes) {
      offsets.push_back(static_cast<std::uint32_t>(nodes.size()));
    };
    for (Node v = 0; v < graph_.num_nodes; ++v) {
      const auto next = graph_.successors(v);
      excess_.successor_nodes.insert(excess_.successor_nodes.end(), next.begin(), next.end());
      if (next.empty()) {
        excess_.successor_nodes.push_back(end);
        excess_.predecessor_nodes.push_back(v);
      }
      close_row(excess_.successor_offsets, excess_.successor_nodes);
    }
    close_row(excess_.successor_offsets, excess_.successor_nodes);
    close_row(excess_.predecessor_offsets, excess_.predecessor_nodes);
  }

  void add_edge() {
    excess_.incidence_offsets.assign(excess_.num_nodes + 1, 0);
    if (excess_.weights.empty()) return;
    reduce::Edge edge;
    edge.num_pins = static_cast<std::uint32_t>(excess_.num_nodes);
    excess_.edges.push_back(edge);
    excess_.incident_edges.assign(excess_.num_nodes, 0);
    for (Node v = 0; v < excess_.num_nodes; ++v) {
      excess_.pins.push_back(v);
      excess_.incidence_offsets[v + 1] = v + 1;
    }
  }

  const Contracted& graph_;
  Amount total_;
  Amount base_ = 0;
  Contracted excess_;
};

// The stage of the chain that exceeds its limit the most.
Shortage::Stage find_fullest(const Contracted& graph, const Chain& chain) {
  Shortage::Stage fullest;
  fullest.excess = std::numeric_limits<Amount>::min();
  for (const reduce::ChainStage& stage : chain) {
    if (stage.kind == graph.num_kinds) continue;  // the end
    Shortage::Stage now{stage.kind, stage.nodes.front(), 0, 0};
    for (const Node v : stage.nodes) now.memory += graph.memory[v];
    now.excess = now.memory - graph.kind_memory[stage.kind];
    if (now.excess > fullest.excess) fullest = now;
  }
  return fullest;
}

// Chains as sets of nodes placed so far, memory aside: a device may as well take every node that it
// can, so all that matters is which kinds follow one another.
class Takes {
 public:
  explicit Takes(const Contracted& graph)
      : graph_(graph), levels_(graph), reached_(levels_.size()), furthest_(graph.num_nodes, false) {
    reached_[0].insert(furthest_);
    for (std::size_t level = 0; level < levels_.full(); ++level) {
      for (const Placed& placed : reached_[level]) extend(level, placed);
    }
  }

  [[nodiscard]] bool gave_up() const { return tried_ > kMostTakes; }
  /// The first node outside the largest set; the number of nodes where it has all.
  [[nodiscard]] Node first_left() const {
    return static_cast<Node>(std::find(furthest_.begin(), furthest_.end(), false) -
                             furthest_.begin());
  }

 private:
  using Placed = std::vector<bool>;  // [nodes]

  void extend(std::size_t level, const Placed& placed) {
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      if (levels_.left(level, q) == 0 || ++tried_ > kMostTakes) continue;
      Placed more = take(placed, q);
      if (more == placed) continue;
      if (std::count(more.begin(), more.end(), true) >
          std::count(furthest_.begin(), furthest_.end(), true)) {
        furthest_ = more;
      }
      reached_[levels_.next(level, q)].insert(std::move(more));
    }
  }

  [[nodiscard]] Placed take(Placed placed, std::size_t kind) const {
    for (Node v = 0; v < graph_.num_nodes; ++v) {
      if (placed[v] || !graph_.is_allowed(v, kind)) continue;
      const auto before = graph_.predecessors(v);
      placed[v] = std::all_of(before.begin(), before.end(), [&](Node u) { return placed[u]; });
    }
    return placed;
  }

  const Contracted& graph_;
  Levels levels_;
  std::vector<std::set<Placed>> reached_;  // [levels]
  Placed furthest_;
  std::size_t tried_ = 0;
};

std::string class_name(const model::Problem& problem, std::size_t kind) {
  const model::Kind& k = problem.kind(model::KindId(kind));
  return problem.machine().device_class(k.device_class).name;
}

std::string count_bytes(Amount count) {
  return fmt::format("{} byte{}", count, count == 1 ? "" : "s");
}

// The classes, or where rules tell devices of a class apart, the first of those alike.
std::string list_kinds(const model::Problem& problem, const Contracted& graph, Node node) {
  std::string list;
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (!graph.is_allowed(node, q)) continue;
    const model::Kind& kind = problem.kind(model::KindId(q));
    const std::size_t alike = kind.devices.size();
    if (!list.empty()) list += ", ";
    if (static_cast<int>(alike) == problem.machine().device_class(kind.device_class).count) {
      list += class_name(problem, q);
    } else {
      list += problem.machine().device_name(kind.devices.front());
      if (alike > 1) list += fmt::format(" and {} like it", alike - 1);
    }
  }
  return list;
}

std::string first_member(const model::Problem& problem, const Contracted& graph, Node node) {
  return problem.graph().id(graph.members[node].front());
}

}  // namespace

Shortage measure_shortage(const Contracted& graph, const base::Limits& limits,
                          const base::Deadline& deadline) {
  const ExcessGraph excess(graph);
  base::Limits bounded = limits;
  bounded.states = std::min(limits.states, kMostEffort);
  bounded.gap = 0;
  std::uint64_t effort = 0;
  PhaseSearch search(excess.graph(), bounded, deadline, effort);
  Caps caps;
  caps.by_phase[0] = excess.largest_load();
  caps.by_phase[1] = 0;
  const auto result = search.minimise(caps, 0, excess.base() + 1, [](const auto&) {});
  Shortage shortage;
  if (result.best) shortage.closest = find_fullest(graph, result.best->chain);
  shortage.least = result.lower_bound - excess.base();
  return shortage;
}

std::optional<Node> find_stranded(const Contracted& graph) {
  const Takes takes(graph);
  const Node left = takes.first_left();
  if (takes.gave_up() || left == graph.num_nodes) return std::nullopt;
  return left;
}

std::string explain_infeasible(const model::Problem& problem, const Contracted& graph,
                               const base::Limits& limits, const base::Deadline& deadline) {
  if (const auto left = find_stranded(graph)) {
    return fmt::format(
        "no order of the devices lets every operator be where it may be; the one that gets "
        "furthest leaves no device for operator '{}', which may be on {} only",
        first_member(problem, graph, *left), list_kinds(problem, graph, *left));
  }
  const Shortage shortage = measure_shortage(graph, limits, deadline);
  if (!shortage.closest) {
    return "every contiguous placement breaks a device's memory limit or puts an operator where "
           "it may not be";
  }
  const Shortage::Stage& stage = *shortage.closest;
  return fmt::format(
      "no contiguous placement fits into memory: {}{} short; the one that comes closest has {} on "
      "a device of class '{}', which has {}, in the stage that begins with operator '{}'",
      stage.excess == shortage.least ? "" : "at least ", count_bytes(shortage.least),
      count_bytes(stage.memory), class_name(problem, stage.kind), graph.kind_memory[stage.kind],
      first_member(problem, graph, stage.first));
}

}  // namespace cleave::throughput
