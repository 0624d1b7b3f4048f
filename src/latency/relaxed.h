#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "cleave/model/problem.h"

namespace cleave::latency {

/// Time in picoseconds, or memory in bytes.
using Amount = std::int64_t;
using Vertex = std::uint32_t;

/// A latency problem as its lower bounds see it: one kind of accelerator that is, operator by
/// operator and tensor by tensor, as good as the best of the machine, and one pool likewise,
/// without limits on workers or memory. With one class of accelerators and one pool nothing but
/// the pool's limits, pins to single devices and forbids are lost. Every plan of the problem is one
/// here, and takes no longer.
///
/// Vertices are the operators, numbered in topological order. Immutable.
struct Relaxed {
  explicit Relaxed(const model::Problem& problem);

  /// Larger than any sum of amounts, small enough to add a few.
  static constexpr Amount kNever = std::numeric_limits<Amount>::max() / 4;

  std::size_t size = 0;
  model::Transfers transfers = model::Transfers::serial;
  std::size_t calls = 0;                     ///< that all accelerators can take together
  std::size_t slots = 1;                     ///< that one accelerator can take
  Amount memory_limit = 0;                   ///< of an accelerator; kNever: none
  std::vector<Amount> call_time, pool_time;  ///< [vertices]; kNever: not possible
  std::vector<Amount> memory;                ///< [vertices]
  std::vector<std::uint32_t> group;          ///< [vertices]: dense; its own where it has none
  std::vector<std::vector<Vertex>> members;  ///< [groups], ascending

  struct Tensor {
    Vertex producer = 0;
    std::vector<Vertex> consumers;  ///< ascending; may be empty
    Amount price = 0;               ///< in or out of an accelerator
  };
  std::vector<Tensor> tensors;
  std::vector<std::vector<std::uint32_t>> inputs, outputs;    ///< [vertices]: tensors
  std::vector<std::vector<Vertex>> successors, predecessors;  ///< [vertices]: distinct
};

}  // namespace cleave::latency
