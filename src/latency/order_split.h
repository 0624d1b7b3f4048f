#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/base/random.h"
#include "latency/layout.h"

namespace cleave::latency {

/// Assignments from slices of an order: what is called together is a row of neighbours in it.
///
/// The order is over blocks: colocated operators, merged further where they wait for one another
/// in a circle. A dynamic program over (blocks so far, accelerators so far) finds the slices whose
/// calls and pool times add up to least; that pool and calls may overlap it leaves to others.
class OrderSplit {
 public:
  /// REQUIRES: `problem` outlives this.
  explicit OrderSplit(const model::Problem& problem);

  static constexpr std::size_t kNumMethods = 6;  ///< further numbers are random orders
  /// A topological order of the blocks: by method, of the graph or of the reversed one. Empty at
  /// the deadline.
  [[nodiscard]] std::vector<std::uint32_t> order(std::size_t method, bool reversed,
                                                 base::Random& random,
                                                 const base::Deadline& deadline) const;

  /// The best slices of the order, on devices' first slots; empty: there are none. Adds slices
  /// priced to `effort`. O(blocks · window · (edges · kinds + devices)).
  [[nodiscard]] std::vector<SlotId> split(std::span<const std::uint32_t> order,
                                          const cost::LatencyClock& clock, std::uint64_t& effort,
                                          const base::Deadline& deadline) const;

 private:
  using Amount = std::int64_t;
  static constexpr Amount kNever = base::kMaxDuration.count();

  class Slices;
  struct Pooled {
    Amount time = kNever;
    DeviceId device;
  };

  void merge_blocks();
  [[nodiscard]] std::vector<Pooled> fastest_pools(std::span<const std::uint32_t> order) const;
  [[nodiscard]] std::vector<DeviceId> accelerators() const;
  [[nodiscard]] Amount time_on(std::uint32_t block, DeviceId device) const;

  const model::Problem& problem_;
  std::size_t num_blocks_ = 0;
  std::vector<std::uint32_t> block_of_;  // [operators]
  std::vector<std::vector<OperatorId>> members_;
  std::vector<std::vector<std::uint32_t>> successors_, predecessors_;  // [blocks]: distinct
  std::vector<Amount> memory_, compute_, moved_;                       // [blocks]
};

}  // namespace cleave::latency
