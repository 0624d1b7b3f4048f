#include "oracle/sets.h"

#include <algorithm>

namespace cleave::oracle {

Set set_of(const Contracted& graph, const ideals::Word* words) {
  Set set = 0;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (ideals::contains(words, v)) set |= Set{1} << v;
  }
  return set;
}

Set set_of(const std::vector<Node>& nodes) {
  Set set = 0;
  for (const Node v : nodes) set |= Set{1} << v;
  return set;
}

bool is_ideal(const Contracted& graph, Set set) {
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (!has(set, v)) continue;
    for (const Node u : graph.predecessors(v)) {
      if (!has(set, u)) return false;
    }
  }
  return true;
}

std::vector<Set> all_ideals(const Contracted& graph) {
  std::vector<Set> ideals;
  for (Set set = 0; set <= all_of(graph); ++set) {
    if (is_ideal(graph, set)) ideals.push_back(set);
  }
  return ideals;
}

bool cuts(const Contracted& graph, Set set, std::uint32_t edge) {
  const auto pins = graph.pins_of(edge);
  const auto inside = std::count_if(pins.begin(), pins.end(), [&](Node v) { return has(set, v); });
  return inside > 0 && inside < static_cast<std::ptrdiff_t>(pins.size());
}

Parts parts_of(const Contracted& graph, Set set, std::size_t kind, std::size_t phase) {
  Parts parts;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (has(set, v)) parts.compute += graph.time(v, kind, phase);
  }
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    if (graph.edges[e].phase != phase || !cuts(graph, set, e)) continue;
    (has(set, graph.edges[e].producer) ? parts.out : parts.in) += graph.weight(kind, e);
  }
  return parts;
}

Amount load_of(const Contracted& graph, Set set, std::size_t kind, std::size_t phase) {
  const Parts parts = parts_of(graph, set, kind, phase);
  switch (graph.transfers) {
    case model::Transfers::serial:
      break;
    case model::Transfers::half_duplex:
      return std::max(parts.in + parts.out, parts.compute);
    case model::Transfers::full_duplex:
      return std::max({parts.in, parts.compute, parts.out});
  }
  return parts.in + parts.compute + parts.out;
}

Amount memory_of(const Contracted& graph, Set set) {
  Amount memory = 0;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (has(set, v)) memory += graph.memory[v];
  }
  return memory;
}

bool may_hold(const Contracted& graph, Set set, std::size_t kind) {
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (has(set, v) && !graph.is_allowed(v, kind)) return false;
  }
  return memory_of(graph, set) <= graph.kind_memory[kind];
}

}  // namespace cleave::oracle
