#pragma once

#include <cstdint>

#include "cleave/base/limits.h"
#include "latency/layout.h"

namespace cleave::latency {

/// Simulated annealing over assignments. A move takes an operator, with or without those that come
/// before or after it in its slot, what lies between it and another call, or a cluster around it,
/// to the slot of a neighbour, a pool or any other; or exchanges two slots. Every assignment on the
/// way keeps every rule. Deterministic but for the deadline.
struct Annealing {
  std::uint64_t moves = 0;
  std::uint64_t seed = 1;
  double heat = 0.02;  ///< a worsening by this share of the makespan is accepted often at first
  Duration enough{0};  ///< ends when the makespan is at most this
};

/// The best assignment seen; `layout` has been started. Adds moves made to `effort`.
[[nodiscard]] Assignment anneal(Layout& layout, const Annealing& how, std::uint64_t& effort,
                                const base::Deadline& deadline);

}  // namespace cleave::latency
