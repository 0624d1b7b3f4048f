#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/reduce/contract.h"

namespace cleave::bounds {

/// Given a weight of every node: the most weight that one device of a kind can hold with a load
/// within a threshold. A dynamic program along an order of the nodes. What it has to remember of
/// the past is, for every edge that the order has entered and not left, whether its pins so far are
/// all in, all out, or mixed, and so paid for: a few bits on graphs that look like pipelines.
///
/// Serial transfers and one phase; memory is relaxed. Everything that is cut short (edges beyond
/// the width that can be remembered, times below the resolution, labels beyond the effort) is
/// rounded towards more weight, so the answer is always an upper bound.
class PathPricing {
 public:
  /// REQUIRES: the kind pays transfers; graph.phases is 1; the graph outlives this.
  PathPricing(const reduce::Contracted& graph, std::size_t kind);

  /// A permutation of the nodes along which few edges that the kind pays for are open at a time:
  /// the given order or a greedy one.
  [[nodiscard]] static std::vector<reduce::Node> narrow_order(const reduce::Contracted& graph,
                                                              std::size_t kind);

  struct Price {
    std::int64_t most = 0;          ///< no set within the threshold weighs more
    std::vector<reduce::Node> set;  ///< a heavy one; empty where `most` is what was enough
    bool cut_short = false;         ///< `most` may be far from any set's weight
  };

  /// Weights are ≥ 0 with a sum of at most 2^46. Ends when it is clear that no set weighs more than
  /// `enough`, and returns `enough` then. Adds labels made to `effort`.
  [[nodiscard]] Price price(std::span<const std::int64_t> weights, reduce::Amount threshold,
                            std::int64_t enough, std::uint64_t& effort,
                            const base::Deadline& deadline);

 private:
  using StateId = std::uint32_t;
  static constexpr StateId kNone = 0xffffffff;
  // From a state, with the order's next node out or in: [0] out, [1] in.
  struct Step {
    StateId to[2] = {kNone, kNone};
    reduce::Amount load[2] = {0, 0};
  };

  [[nodiscard]] bool build_states(std::size_t width);

  const reduce::Contracted& graph_;
  std::size_t kind_;
  std::vector<reduce::Node> order_;
  std::vector<std::vector<Step>> layers_;  // [nodes][states before the node]
};

}  // namespace cleave::bounds
