#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/reduce/contract.h"

namespace cleave::throughput {

/// What exhausting all placements gave.
struct Exhaustion {
  std::optional<std::vector<base::DeviceId>> device_of;  ///< [nodes]: better than asked for
  reduce::Amount objective = 0;
  bool complete = false;  ///< nothing better than `objective` (or what was asked for) exists
  std::uint64_t states = 0;
};

/// Tries every device for every node, depth first, heaviest node first; of the unused devices of a
/// kind only the first. A partial placement is dropped when its loads so far are not below the
/// best: they only grow. Looks for objectives below `below` and ends at the first that is not above
/// `enough`, after `max_states` assignments, or at the deadline.
///
/// For gpipe the graph has to keep its phases apart. Exponential.
[[nodiscard]] Exhaustion exhaust(const model::Problem& problem, const reduce::Contracted& graph,
                                 reduce::Amount below, reduce::Amount enough,
                                 std::uint64_t max_states, const base::Deadline& deadline);

}  // namespace cleave::throughput
