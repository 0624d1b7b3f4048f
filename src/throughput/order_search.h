#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/base/random.h"
#include "throughput/levels.h"

namespace cleave::throughput {

/// A chain with the largest load of its stages in the objective phase.
struct Found {
  Chain chain;
  Amount value = 0;
};

/// Topological orders worth cutting into intervals: by number, depth first, breadth first, along
/// the cheapest cut, randomised; `count` of them, each distinct in method or seed.
[[nodiscard]] std::vector<std::vector<Node>> propose_orders(const Contracted& graph,
                                                            std::size_t count, std::uint64_t seed);

/// The best chain whose boundaries are prefixes of `order`, among those with all loads within
/// `caps`; nullopt where there is none. Dynamic programming over (prefix, level): exact for the
/// order up to `max_positions` candidate boundaries, beyond that over the cheapest cuts only.
/// O(positions · window · (edges + levels)).
[[nodiscard]] std::optional<Found> best_intervals(const Contracted& graph, const Levels& levels,
                                                  std::span<const Node> order, const Caps& caps,
                                                  std::size_t objective_phase,
                                                  std::size_t max_positions,
                                                  const base::Deadline& deadline);

}  // namespace cleave::throughput
