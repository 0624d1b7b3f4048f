#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::reduce {

/// Time in picoseconds, or memory in bytes, as the searches add them up.
using Amount = std::int64_t;
/// A node of the contracted graph; nodes are numbered topologically.
using Node = std::uint32_t;

/// All tensors with the same pins, as one: a device that pays transfers pays its weight exactly
/// if it holds some but not all of the pins (docs/model.md, "Tensors as hyperedges").
struct Edge {
  std::uint32_t first_pin = 0;  ///< into Contracted::pins
  std::uint32_t num_pins = 0;   ///< ≥ 2
  Node producer = 0;            ///< one of the pins
  std::uint8_t phase = 0;       ///< of the producer; 0 unless phases are kept apart
};

/// The problem as the contiguous searches see it. One node is a set of operators that must share a
/// device: colocation groups merged, then the strongly connected components that this creates.
/// Contiguous placements of the operators and chains of down-sets of the nodes are the same thing
/// with the same loads (docs/model.md).
///
/// For gpipe, `phases` is 2 and times and edges are split by phase; otherwise it is 1.
struct Contracted {
  std::size_t num_nodes = 0;
  std::size_t num_kinds = 0;
  std::size_t phases = 1;
  model::Transfers transfers = model::Transfers::serial;

  std::vector<std::vector<model::OperatorId>> members;  ///< [nodes]
  std::vector<Amount> memory;                           ///< [nodes]
  std::vector<Amount> times;          ///< [nodes × kinds × phases]; 0 where not allowed
  std::vector<std::uint8_t> allowed;  ///< [nodes × kinds]

  std::vector<std::uint32_t> kind_count;  ///< [kinds]
  std::vector<Amount> kind_memory;        ///< [kinds]; kUnlimited where there is no limit
  std::vector<int> kind_weights;  ///< [kinds]; which row of `weights`; −1: pays no transfers

  /// Arcs, transitively reduced where the graph is small enough (`reduced`).
  std::vector<std::uint32_t> successor_offsets, predecessor_offsets;  ///< [nodes + 1]
  std::vector<Node> successor_nodes, predecessor_nodes;
  bool reduced = false;

  std::vector<Edge> edges;
  std::vector<Node> pins;                        ///< of all edges, ascending within an edge
  std::vector<std::vector<Amount>> weights;      ///< [rows][edges]
  std::vector<std::uint32_t> incidence_offsets;  ///< [nodes + 1]
  std::vector<std::uint32_t> incident_edges;     ///< edges of a node, ascending

  static constexpr Amount kUnlimited = std::int64_t{1} << 61;

  [[nodiscard]] Amount time(Node v, std::size_t kind, std::size_t phase) const {
    return times[(v * num_kinds + kind) * phases + phase];
  }
  [[nodiscard]] bool is_allowed(Node v, std::size_t kind) const {
    return allowed[v * num_kinds + kind] != 0;
  }
  [[nodiscard]] std::span<const Node> successors(Node v) const {
    return slice(successor_nodes, successor_offsets, v);
  }
  [[nodiscard]] std::span<const Node> predecessors(Node v) const {
    return slice(predecessor_nodes, predecessor_offsets, v);
  }
  [[nodiscard]] std::span<const std::uint32_t> edges_of(Node v) const {
    return slice(incident_edges, incidence_offsets, v);
  }
  [[nodiscard]] std::span<const Node> pins_of(std::uint32_t edge) const {
    return std::span(pins).subspan(edges[edge].first_pin, edges[edge].num_pins);
  }
  [[nodiscard]] Amount weight(std::size_t kind, std::uint32_t edge) const {
    return kind_weights[kind] < 0 ? 0 : weights[static_cast<std::size_t>(kind_weights[kind])][edge];
  }

 private:
  template <class T>
  static std::span<const T> slice(const std::vector<T>& data,
                                  const std::vector<std::uint32_t>& offsets, std::size_t i) {
    return std::span<const T>(data).subspan(offsets[i], offsets[i + 1] - offsets[i]);
  }
};

/// Contracts a problem. Error: infeasible, where the operators of one node have no device in
/// common or are larger than every device that could hold them, or where all operators together
/// exceed all memory; the message names operators, devices and bytes.
/// O(operators + edges · log), and O(nodes · arcs / 64) for the transitive reduction.
[[nodiscard]] base::Result<Contracted> contract(const model::Problem& problem);

/// The problem as searches without contiguity see it: only colocation groups are merged, and there
/// are no arcs. Nodes are numbered by their first operators in topological order. For gpipe,
/// `phases_apart` false adds up both phases: the loads of 1f1b, whose largest is at most gpipe's
/// objective for every placement. Errors as of contract(). O(operators + edges · log).
[[nodiscard]] base::Result<Contracted> contract_groups(const model::Problem& problem,
                                                       bool phases_apart = true);

/// The same problem with time running backwards: arcs turned round, node v renumbered n − 1 − v.
/// Chains of down-sets correspond one to one, in reverse order, with equal loads.
[[nodiscard]] Contracted reversed(const Contracted& graph);

/// The graph with the nodes of each part as one: node v becomes part_of[v], of 0 … num_parts − 1,
/// none empty. Edges within a part vanish, edges with equal pins become one, arcs are left out. A
/// part is allowed where all its nodes are. Loads are the same with serial transfers, where it does
/// not count who produces an edge's tensor. O(pins · log).
[[nodiscard]] Contracted fuse_nodes(const Contracted& graph, std::span<const Node> part_of,
                                    std::size_t num_parts);

/// One stage of a chain: which kind of device, and the nodes it adds.
struct ChainStage {
  std::size_t kind = 0;
  std::vector<Node> nodes;
};

/// The placement of the operators that a chain stands for: each stage takes the next free device
/// of its kind. REQUIRES: no kind is used more often than it has devices.
[[nodiscard]] model::Placement expand(const model::Problem& problem, const Contracted& graph,
                                      std::span<const ChainStage> chain);

}  // namespace cleave::reduce
