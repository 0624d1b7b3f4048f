#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/program/tree_search.h"
#include "cleave/reduce/contract.h"

namespace cleave::throughput {

/// Placements without contiguity as an integer program: which device has which node
/// (docs/algorithms/integer-program.md), searched by branch and bound. Every schedule of problems
/// without stages, every transfer model, memory, pins and unsupported nodes. Not thread-safe.
class PlacementProgram {
 public:
  using Amount = reduce::Amount;

  /// Null where the program would be too large to be of use, or there is nothing to solve it with.
  /// `below`: the objective of a known placement, or above them all. `bound`: a lower bound.
  /// For gpipe the graph has to keep its phases apart. REQUIRES: the arguments outlive it.
  [[nodiscard]] static std::unique_ptr<PlacementProgram> create(const model::Problem& problem,
                                                                const reduce::Contracted& graph,
                                                                Amount below, Amount bound);

  /// Goes on with the search until `states` is about `max_states`. A simplex iteration counts by
  /// the rows and columns of the program, so that a state takes about as long as elsewhere.
  [[nodiscard]] program::TreeSearch::Outcome run(std::uint64_t max_states, std::uint64_t& states,
                                                 const base::Deadline& deadline);
  /// A placement that is better than all before is known.
  void improve(Amount objective);

  /// No placement is below it, or below the best one known.
  [[nodiscard]] Amount bound() const { return search_->bound(); }
  /// The best placement found here, and its objective; empty: none better than was known.
  [[nodiscard]] const model::Placement& placement() const { return placement_; }
  [[nodiscard]] Amount objective() const { return best_; }

 private:
  static constexpr std::uint32_t kAbsent = 0xffffffff;

  // What one device moves and computes in one phase, as linear terms.
  struct Terms {
    std::vector<program::Program::Entry> in, compute, out;
  };

  PlacementProgram(const model::Problem& problem, const reduce::Contracted& graph, Amount below,
                   Amount bound);
  void add_objective(Amount bound);
  void add_places();
  void add_device(std::uint32_t device);
  void add_transfer(std::uint32_t edge, std::uint32_t device, Amount weight, Terms& terms);
  void add_difference(std::uint32_t column, std::uint32_t held, std::uint32_t other);
  void bound_load(const Terms& terms, std::uint32_t largest);
  [[nodiscard]] std::vector<reduce::Node> heaviest_first() const;
  [[nodiscard]] std::uint32_t place(reduce::Node v, std::uint32_t device) const {
    return places_[v * num_devices_ + device];
  }
  Amount visit(std::span<const double> values);

  const model::Problem& problem_;
  const reduce::Contracted& graph_;
  std::size_t num_devices_;
  Amount best_;
  program::Program program_;
  std::vector<std::uint32_t> objective_;  // [phases]: columns
  std::vector<std::uint32_t> places_;     // [nodes × devices]: columns; kAbsent: may not be there
  model::Placement placement_;
  std::unique_ptr<program::TreeSearch> search_;
};

}  // namespace cleave::throughput
