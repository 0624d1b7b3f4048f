#include "cleave/bounds/node_cuts.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "cleave/bounds/min_cut.h"

namespace cleave::bounds {
namespace {

using reduce::Amount;
using reduce::Contracted;
using reduce::Node;

// The least load, over all sets with a given node, on one kind of device that pays transfers.
class LeastLoad {
 public:
  LeastLoad(const Contracted& graph, std::size_t kind, std::size_t phase) {
    std::size_t num_nodes = graph.num_nodes + 2;
    for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
      if (counts(graph, kind, phase, e) && graph.edges[e].num_pins > 2) num_nodes += 2;
    }
    network_.clear(num_nodes);
    for (Node v = 0; v < graph.num_nodes; ++v) {
      source_arcs_.push_back(network_.add_arc(MinCut::kSource, v + 2, 0));
      // A node that the kind cannot run is never in the set.
      network_.add_arc(v + 2, MinCut::kSink,
                       graph.is_allowed(v, kind) ? graph.time(v, kind, phase) : MinCut::kInfinite);
    }
    auto next = static_cast<std::uint32_t>(graph.num_nodes + 2);
    for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
      if (!counts(graph, kind, phase, e)) continue;
      const Amount w = graph.weight(kind, e);
      const auto pins = graph.pins_of(e);
      if (pins.size() == 2) {
        network_.add_arc(pins[0] + 2, pins[1] + 2, w);
        network_.add_arc(pins[1] + 2, pins[0] + 2, w);
        continue;
      }
      const std::uint32_t any_in = next++;
      const std::uint32_t any_out = next++;
      network_.add_arc(any_in, any_out, w);
      for (const Node pin : pins) {
        network_.add_arc(pin + 2, any_in, MinCut::kInfinite);
        network_.add_arc(any_out, pin + 2, MinCut::kInfinite);
      }
    }
  }

  [[nodiscard]] Amount with(Node v) {
    network_.set_capacity(source_arcs_[v], MinCut::kInfinite);
    const Amount load = network_.solve();
    network_.set_capacity(source_arcs_[v], 0);
    return load;
  }

 private:
  static bool counts(const Contracted& graph, std::size_t kind, std::size_t phase,
                     std::uint32_t e) {
    return graph.edges[e].phase == phase && graph.weight(kind, e) > 0;
  }

  MinCut network_;
  std::vector<std::size_t> source_arcs_;
};

}  // namespace

Amount least_load_of_a_node(const Contracted& graph, std::size_t phase, Amount at_least,
                            const base::Deadline& deadline, Node* heaviest) {
  const bool serial = graph.transfers == model::Transfers::serial;
  // What v costs alone on the kind: more than the minimum cut, so a reason to pass it over.
  const auto alone = [&](Node v, std::size_t q) {
    Amount load = graph.time(v, q, phase);
    if (!serial || graph.kind_weights[q] < 0) return load;
    for (const std::uint32_t e : graph.edges_of(v)) {
      if (graph.edges[e].phase == phase) load += graph.weight(q, e);
    }
    return load;
  };
  struct Candidate {
    Node node;
    Amount alone;
  };
  std::vector<Candidate> candidates;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    Amount least = std::numeric_limits<Amount>::max();
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      if (graph.is_allowed(v, q)) least = std::min(least, alone(v, q));
    }
    if (least > at_least) candidates.push_back(Candidate{v, least});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.alone != b.alone ? a.alone > b.alone : a.node < b.node;
  });
  std::vector<LeastLoad> networks;
  std::vector<std::size_t> network_of(graph.num_kinds, 0);
  if (serial && !candidates.empty()) {
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      network_of[q] = networks.size();
      if (graph.kind_weights[q] >= 0) networks.emplace_back(graph, q, phase);
    }
  }
  for (const Candidate& candidate : candidates) {
    if (candidate.alone <= at_least || deadline.reached()) break;
    Amount least = candidate.alone;
    for (std::size_t q = 0; q < graph.num_kinds && least > at_least; ++q) {
      if (!graph.is_allowed(candidate.node, q) || !serial || graph.kind_weights[q] < 0) continue;
      least = std::min(least, networks[network_of[q]].with(candidate.node));
    }
    if (least <= at_least) continue;
    at_least = least;
    if (heaviest != nullptr) *heaviest = candidate.node;
  }
  return at_least;
}

}  // namespace cleave::bounds
