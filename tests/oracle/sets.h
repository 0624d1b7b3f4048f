#pragma once

#include <cstdint>
#include <vector>

#include "cleave/ideals/ideal_store.h"
#include "cleave/reduce/contract.h"

namespace cleave::oracle {

using reduce::Amount;
using reduce::Contracted;
using reduce::Node;

/// Nodes of a contracted graph with at most 20 of them, one bit each. What is worked out about
/// sets here follows docs/model.md word by word, in time that does not matter.
using Set = std::uint32_t;

[[nodiscard]] inline bool has(Set set, Node v) { return (set >> v & 1) != 0; }
[[nodiscard]] inline bool within(Set smaller, Set larger) { return (smaller & ~larger) == 0; }
[[nodiscard]] inline Set all_of(const Contracted& graph) { return (Set{1} << graph.num_nodes) - 1; }
[[nodiscard]] Set set_of(const Contracted& graph, const ideals::Word* words);
[[nodiscard]] Set set_of(const std::vector<Node>& nodes);

[[nodiscard]] bool is_ideal(const Contracted& graph, Set set);
/// All ideals, ascending as numbers: each comes after those that it holds.
[[nodiscard]] std::vector<Set> all_ideals(const Contracted& graph);

/// Whether some but not all pins of the edge are inside.
[[nodiscard]] bool cuts(const Contracted& graph, Set set, std::uint32_t edge);

/// What a device of the kind spends on the set in one phase.
struct Parts {
  Amount in = 0, compute = 0, out = 0;
};
[[nodiscard]] Parts parts_of(const Contracted& graph, Set set, std::size_t kind, std::size_t phase);
/// The parts as the graph's transfer model combines them.
[[nodiscard]] Amount load_of(const Contracted& graph, Set set, std::size_t kind, std::size_t phase);
[[nodiscard]] Amount memory_of(const Contracted& graph, Set set);
/// Every node allowed there, and enough memory.
[[nodiscard]] bool may_hold(const Contracted& graph, Set set, std::size_t kind);

}  // namespace cleave::oracle
