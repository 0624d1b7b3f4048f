#pragma once

#include "cleave/base/limits.h"
#include "cleave/reduce/contract.h"

namespace cleave::bounds {

/// A lower bound for any placement of the nodes, contiguous or not: some device holds node v, and
/// whatever else it holds, its load is at least the least load of a set with v, a minimum cut. The
/// bound is the largest over v of the least over the kinds of device that may hold v. Serial
/// transfers; for other transfer models the node's own time. Memory is relaxed. (Operators that
/// only contiguity holds together are one node, so this bounds placements that keep them so.)
///
/// Only loads of the given phase count. Nodes that cannot raise the bound above `at_least` are
/// passed over; the result is at least `at_least`. Ends early, still valid, at the deadline. Where
/// it is more, `heaviest` becomes the node that it is of.
/// O(candidates · minimum cut).
[[nodiscard]] reduce::Amount least_load_of_a_node(const reduce::Contracted& graph,
                                                  std::size_t phase, reduce::Amount at_least,
                                                  const base::Deadline& deadline,
                                                  reduce::Node* heaviest = nullptr);

}  // namespace cleave::bounds
