#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cleave/base/limits.h"
#include "throughput/any_resplit.h"

namespace cleave::throughput {

/// A device for each node of a graph.
struct Dealing {
  std::vector<std::uint32_t> device_of;  ///< [nodes]
  std::vector<Amount> loads;             ///< [devices]
  [[nodiscard]] Amount objective() const;
};

/// `kind_of` is [devices].
[[nodiscard]] Dealing measure(const Contracted& graph, std::span<const std::size_t> kind_of,
                              std::vector<std::uint32_t> device_of);

/// Lowers the largest load by dealing pairs of devices anew (Resplit) until no pair helps: the
/// busiest with every other, and where that is stuck, two others so that both together have less
/// to move. Never raises the objective. Ends early at the deadline. `kind_of` is [devices].
void descend(std::span<const std::size_t> kind_of, Resplit& resplit, Dealing& dealing,
             std::uint64_t& effort, const base::Deadline& deadline);

}  // namespace cleave::throughput
