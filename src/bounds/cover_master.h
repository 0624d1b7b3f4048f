#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cleave/program/linear_solver.h"

namespace cleave::bounds {

/// The linear program of covering rows with columns, at most `counts[q]` of kind q:
///
///   minimise  Σ cost_v · short_v + surplus_cost_v · surplus_v
///   so that   Σ_j a_vj · x_j + short_v − surplus_v = 1 for every row v,
///             Σ_{j of kind q} x_j ≤ counts_q
///
/// Its duals say which rows are hard to cover. They come in floating point and are only ever used
/// as a proposal: whoever uses them has to prove what they claim anew, in integers.
class CoverMaster {
 public:
  using Column = std::vector<program::LinearSolver::Entry>;  // rows, a_vj in (0, 1]

  /// Costs are > 0, surplus costs ≥ 0: duals lie between −surplus_cost_v and cost_v.
  /// REQUIRES: `solver` is new.
  CoverMaster(std::unique_ptr<program::LinearSolver> solver, std::vector<double> costs,
              const std::vector<double>& surplus_costs, const std::vector<double>& counts);

  void add(std::size_t kind, Column column);
  /// Ends at the optimum; false: before it, at the deadline. Adds to `effort` what about takes as
  /// long as so many labels.
  [[nodiscard]] bool solve(std::uint64_t& effort, const base::Deadline& deadline);

  /// What is short at the optimum.
  [[nodiscard]] double objective() const { return solver_->objective(); }
  /// [rows]
  [[nodiscard]] std::vector<double> duals() const;
  /// By how much the column's dual value exceeds its kind's price: it may improve where positive.
  [[nodiscard]] double excess(std::size_t kind, const Column& column) const;

 private:
  std::unique_ptr<program::LinearSolver> solver_;
  std::size_t rows_;
  std::vector<double> duals_;  // of the rows, then of the kinds
};

}  // namespace cleave::bounds
