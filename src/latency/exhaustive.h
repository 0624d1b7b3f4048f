#pragma once

#include <cstdint>
#include <optional>

#include "cleave/base/limits.h"
#include "latency/layout.h"

namespace cleave::latency {

struct Exhaustion {
  std::optional<Assignment> best;  ///< with a makespan below the given one
  Duration makespan{0};            ///< of `best`
  bool complete = false;           ///< nothing below `makespan`, or the given one, exists
  std::uint64_t states = 0;
};

/// Every assignment, depth first along a topological order: what is placed already is timed, and
/// nothing that follows makes it faster. Devices of one kind that are still empty are tried once.
/// With workers, every row of a pool's operators is tried at the leaves, where they are few.
/// Exponential: for small graphs.
[[nodiscard]] Exhaustion exhaust(const model::Problem& problem, Duration below, Duration enough,
                                 std::uint64_t max_states, const base::Deadline& deadline);

}  // namespace cleave::latency
