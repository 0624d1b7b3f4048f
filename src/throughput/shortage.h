#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "cleave/base/limits.h"
#include "cleave/model/problem.h"
#include "throughput/levels.h"

namespace cleave::throughput {

/// Why a problem has no chain of down-sets: for people who want to know what to change.

/// By how much memory is too small: D is the least number of bytes that, added to every device
/// with a memory limit, makes room for a chain,
///   D = min over chains of max over stages S on such devices of (memory of S − the limit).
struct Shortage {
  Amount least = 1;  ///< proven: D ≥ least

  /// The stage that exceeds its device the most, in the closest chain known.
  struct Stage {
    std::size_t kind = 0;
    Node first = 0;     ///< its first node
    Amount memory = 0;  ///< of all its nodes
    Amount excess = 0;  ///< D ≤ excess; D = excess where least = excess
  };
  std::optional<Stage> closest;  ///< nullopt: none was found, perhaps because there is none
};

/// REQUIRES: no chain keeps the graph's memory limits, but every single node has a device that it
/// fits. Exact unless a limit ends the search.
[[nodiscard]] Shortage measure_shortage(const Contracted& graph, const base::Limits& limits,
                                        const base::Deadline& deadline);

/// The first node without a device in the chain that places the most nodes, memory aside. nullopt:
/// some chain places all of them, or there are too many orders of devices to try.
/// O(orders of kinds · (nodes + arcs)).
[[nodiscard]] std::optional<Node> find_stranded(const Contracted& graph);

/// One sentence with the operator, and where memory is the cause the bytes, that are at fault.
/// REQUIRES: the graph, the problem's, has no chain. The search for the figures is bounded.
[[nodiscard]] std::string explain_infeasible(const model::Problem& problem, const Contracted& graph,
                                             const base::Limits& limits,
                                             const base::Deadline& deadline);

}  // namespace cleave::throughput
