#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/bounds/path_pricing.h"
#include "cleave/model/proof.h"
#include "cleave/program/linear_solver.h"
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
  [[nodiscard]] Amount work();

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

  /// Why the last refuted threshold is, with the graph's nodes for groups.
  [[nodiscard]] const std::vector<model::ProofStep>& proof() const { return proof_; }

 private:
  using Weights = std::vector<std::int64_t>;  // [nodes], sum at most 2^46
  using Members = std::vector<program::LinearSolver::Entry>;
  /// The graph with nodes fused that share a device in every placement within some threshold.
  struct Fused {
    reduce::Contracted graph;
    std::vector<reduce::Node> part_of;      ///< [nodes of the original]
    std::vector<std::uint32_t> part_sizes;  ///< [nodes of the graph]
    std::shared_ptr<const Fused> before;    ///< what it was made of; null: nothing is fused
    model::ProofStep step;                  ///< and why
  };
  /// A fused graph and what prices its sets, by kind; built when first asked for.
  struct Level {
    std::shared_ptr<const Fused> fused;
    std::vector<std::unique_ptr<PathPricing>> pricing;
  };
  struct Column {
    std::size_t kind;
    std::vector<reduce::Node> nodes;  ///< of the original, ascending
    Amount load;
  };
  struct Evaluation {
    bool refuted = false;
    bool stopped = false;
    bool blurred = false;              ///< the heaviest set is above the threshold: no column
    double ratio = 0;                  ///< weight of all nodes over what all devices can hold
    __extension__ __int128 spare = 0;  ///< by how much they can hold more
    std::vector<std::int64_t> most;    ///< [kinds]: what one device can hold
    std::vector<std::pair<std::size_t, Members>> columns;  ///< kind, nodes of the fused graph
  };
  /// The most weight that fits into the capacity, nodes being divisible.
  struct Knapsack {
    std::int64_t most = 0;
    Members members;
  };
  enum class Step { refuted, open, stopped, fused };

  [[nodiscard]] static Knapsack fill(const reduce::Contracted& graph,
                                     std::span<const std::int64_t> weights, std::size_t kind,
                                     bool by_memory, Amount capacity);
  [[nodiscard]] static Knapsack fill(const reduce::Contracted& graph,
                                     std::span<const std::int64_t> weights, std::size_t kind,
                                     Amount threshold);
  [[nodiscard]] bool prices_cuts(std::size_t kind) const;
  [[nodiscard]] PathPricing& pricing(std::size_t kind);
  void choose_level(Amount threshold);
  [[nodiscard]] Weights weights_on_level(const Weights& weights) const;
  [[nodiscard]] Weights weights_from_level(const Weights& weights) const;
  [[nodiscard]] Evaluation evaluate(const Weights& weights, Amount threshold, std::uint64_t& effort,
                                    const base::Deadline& deadline);
  void collect(Evaluation& evaluation, Weights weights, std::size_t kind, Amount threshold,
               std::vector<reduce::Node> first, std::uint64_t& effort,
               const base::Deadline& deadline);
  bool fuse(const Weights& weights, const Evaluation& evaluation, Amount threshold,
            std::uint64_t& effort, const base::Deadline& deadline);
  Step generate(Weights& weights, double negative, Amount threshold, std::uint64_t& effort,
                std::uint64_t max_effort, const base::Deadline& deadline);
  [[nodiscard]] model::ProofStep to_step(const Weights& weights, const Evaluation& evaluation);
  void conclude(model::ProofStep last);
  [[nodiscard]] static std::vector<std::vector<reduce::Node>> newly_fused(const Fused& before,
                                                                          const Fused& after);
  [[nodiscard]] Column from_level(std::size_t kind, const std::vector<reduce::Node>& parts) const;
  [[nodiscard]] std::optional<Members> on_level(const Column& column) const;

  const reduce::Contracted& graph_;
  Weights times_;
  Weights best_;  // that refuted the highest threshold
  std::vector<Column> columns_;
  std::map<Amount, std::shared_ptr<const Fused>> fused_;  // by the threshold up to which they hold
  std::size_t max_labels_ = 1 << 12;
  bool rough_ = true;  // sets above the threshold count as columns: quick, and seldom misleading
  Level level_;        // the one at work
  std::vector<model::ProofStep> proof_;
};

}  // namespace cleave::bounds
