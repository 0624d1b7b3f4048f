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

  /// The one it goes along.
  [[nodiscard]] const std::vector<reduce::Node>& order() const { return order_; }

  struct Price {
    std::int64_t most = 0;          ///< no set within the threshold weighs more
    std::vector<reduce::Node> set;  ///< a heavy one; empty where `most` is what was enough
    bool cut_short = false;  ///< the set may be above the threshold, `most` above every set's
  };

  /// The weights' sizes sum up to at most 2^46. Ends when it is clear that no set weighs more than
  /// `enough`, and returns `enough` then. Adds labels made to `effort`.
  [[nodiscard]] Price price(std::span<const std::int64_t> weights, reduce::Amount threshold,
                            std::int64_t enough, std::uint64_t& effort,
                            const base::Deadline& deadline);

  /// How many pairs of load and weight are told apart in front of a node: more make `most` sharper
  /// where it was cut short, and take longer.
  void set_max_labels(std::size_t max_labels) { max_labels_ = max_labels; }

  /// [edges]: 0 where no set within the threshold that weighs more than `weight` holds some but not
  /// all pins. Weights as for price().
  [[nodiscard]] std::vector<std::uint8_t> edges_cut_above(std::span<const std::int64_t> weights,
                                                          reduce::Amount threshold,
                                                          std::int64_t weight,
                                                          std::uint64_t& effort,
                                                          const base::Deadline& deadline);

 private:
  using StateId = std::uint32_t;
  static constexpr StateId kNone = 0xffffffff;
  // From a state, with the order's next node out or in: [0] out, [1] in.
  struct Step {
    StateId to[2] = {kNone, kNone};
    reduce::Amount load[2] = {0, 0};
    std::uint32_t cut[2] = {0,
                            0};  // of the node's first 32 edges, those with pins on both sides now
  };
  // The most that can still be added, less a price on load.
  struct Completion {
    std::int64_t load_price;
    std::int64_t bound;                            // of all sets
    std::vector<std::vector<std::int64_t>> value;  // [positions + 1][states]
  };
  [[nodiscard]] Price search(std::span<const std::int64_t> weights, reduce::Amount threshold,
                             std::int64_t enough, std::vector<std::uint8_t>* cut,
                             std::uint64_t& effort, const base::Deadline& deadline);
  [[nodiscard]] Completion complete(std::span<const std::int64_t> weights, reduce::Amount threshold,
                                    std::int64_t load_price) const;
  [[nodiscard]] std::vector<Completion> completions(std::span<const std::int64_t> weights,
                                                    reduce::Amount threshold, std::int64_t enough,
                                                    std::uint64_t& effort) const;

  [[nodiscard]] bool build_states(std::size_t width);

  const reduce::Contracted& graph_;
  std::size_t kind_;
  std::vector<reduce::Node> order_;
  std::vector<std::vector<Step>> layers_;  // [nodes][states before the node]
  std::size_t max_labels_ = 1 << 12;
  std::vector<std::uint8_t> watched_;  // [edges]: 1 where every cut of it shows in the steps
};

}  // namespace cleave::bounds
