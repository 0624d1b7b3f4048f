#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/bounds/path_pricing.h"
#include "cleave/reduce/contract.h"

namespace cleave::bounds {

/// Whether all nodes can be covered by sets that each fit on a device within a threshold T on its
/// load. For any weights of the nodes: if the most weight that each device can hold within T,
/// summed over the devices, is less than the weight of all nodes, then no placement has all loads
/// within T (Farley's bound, in integers, so that no rounding is trusted). Contiguity plays no
/// part.
///
/// What a device can hold is bounded by PathPricing where it pays for transfers (serial), and by
/// fractional knapsacks over time and memory otherwise. REQUIRES: one phase. Not thread-safe.
class Cover {
 public:
  using Amount = reduce::Amount;

  /// The graph has to outlive this.
  explicit Cover(const reduce::Contracted& graph);
  ~Cover();

  /// Largest T + 1 refuted with the nodes' times as weights and no transfers; 0: none is.
  [[nodiscard]] Amount work() const;

  enum class Outcome {
    refuted,  ///< every placement has a load above the threshold
    open,     ///< no weights refute it: fractions of sets within it cover everything
    stopped,  ///< by the deadline or the effort
  };
  /// With the nodes' times as weights: open where they do not refute it.
  [[nodiscard]] Outcome refute_by_share(Amount threshold, std::uint64_t& effort,
                                        const base::Deadline& deadline);
  /// Looks for weights that do, by column generation (Dantzig and Wolfe 1960). Ends when `effort`
  /// exceeds `max_effort`. Sets and weights are kept for the next call.
  [[nodiscard]] Outcome refute(Amount threshold, std::uint64_t& effort, std::uint64_t max_effort,
                               const base::Deadline& deadline);

 private:
  using Weights = std::vector<std::int64_t>;  // [nodes], sum at most 2^46
  struct Column {
    std::size_t kind;
    Amount load;
    std::vector<std::pair<std::uint32_t, double>> members;
  };
  struct Evaluation {
    bool refuted = false;
    bool stopped = false;
    double ratio = 0;  // weight of all nodes over what all devices can hold
    std::vector<Column> columns;
  };
  /// The most weight that fits into the capacity, nodes being divisible.
  struct Knapsack {
    std::int64_t most = 0;
    std::vector<std::pair<std::uint32_t, double>> members;
  };

  [[nodiscard]] Knapsack fill(std::span<const std::int64_t> weights, std::size_t kind,
                              bool by_memory, Amount capacity) const;
  [[nodiscard]] Knapsack fill(std::span<const std::int64_t> weights, std::size_t kind,
                              Amount threshold) const;
  [[nodiscard]] bool prices_cuts(std::size_t kind) const;
  [[nodiscard]] Evaluation evaluate(const Weights& weights, Amount threshold, std::uint64_t& effort,
                                    const base::Deadline& deadline);
  void collect(Evaluation& evaluation, Weights weights, std::size_t kind, Amount threshold,
               std::vector<reduce::Node> first, std::uint64_t& effort,
               const base::Deadline& deadline);
  [[nodiscard]] Amount load_of(std::span<const reduce::Node> set, std::size_t kind) const;

  const reduce::Contracted& graph_;
  std::vector<std::unique_ptr<PathPricing>> pricing_;  // [kinds]; built when first asked for
  Weights times_;
  Weights best_;  // that refuted the highest threshold
  std::vector<Column> columns_;
};

}  // namespace cleave::bounds
