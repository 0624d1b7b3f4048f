#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/ideals/ideal_store.h"
#include "cleave/reduce/contract.h"

namespace cleave::throughput {

/// Ideals that may be borders of stages, and how each grows by a node to others of them.
struct StageLattice {
  using Index = ideals::IdealStore::Index;
  struct Step {
    reduce::Node node = 0;
    Index to = 0;
  };

  std::vector<std::vector<Step>> steps;  ///< [ideals]; the empty ideal is 0
  std::vector<Step> origins;   ///< [ideals]: one that the ideal grew from, and by which node
  std::vector<Index> by_size;  ///< ascending
  Index full = 0;              ///< the ideal of all nodes
  bool complete = false;       ///< whether these are all ideals

  /// Of the tables above.
  [[nodiscard]] base::Bytes memory_used() const;

  /// The nodes of `to` that are not in `from`, topologically. REQUIRES: `from` is a subset of `to`.
  /// O(nodes · log(nodes)).
  [[nodiscard]] std::vector<reduce::Node> nodes_between(Index from, Index to) const;
};

/// All ideals where there are at most `most`, and enumerating them takes at most `memory`; else the
/// prefixes of several topological orders: by number, from the sources, from the sinks, and depth
/// first. O(ideals · ready nodes).
[[nodiscard]] StageLattice build_lattice(const reduce::Contracted& graph, std::size_t most,
                                         base::Bytes memory);

}  // namespace cleave::throughput
