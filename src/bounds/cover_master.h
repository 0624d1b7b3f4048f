#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cleave::bounds {

/// The linear program of covering rows with columns, at most `counts[q]` of kind q:
///
///   minimise  Σ cost_v · short_v + surplus_cost_v · surplus_v
///   so that   Σ_j a_vj · x_j + short_v − surplus_v = 1 for every row v,
///             Σ_{j of kind q} x_j ≤ counts_q
///
/// Its duals say which rows are hard to cover. They come in floating point and are only ever used
/// as a proposal: whoever uses them has to prove what they claim anew, in integers.
///
/// Revised primal simplex with an explicit inverse: O(rows²) memory and time a pivot.
class CoverMaster {
 public:
  using Column = std::vector<std::pair<std::uint32_t, double>>;  // (row, a_vj), a_vj in (0, 1]

  /// Costs are > 0, surplus costs ≥ 0: duals lie between −surplus_cost_v and cost_v.
  CoverMaster(std::vector<double> costs, std::vector<double> surplus_costs,
              std::vector<double> counts);

  void add(std::size_t kind, Column column);
  /// Ends at the optimum or after so many pivots.
  void solve(int max_pivots);

  /// What is short at the current basis.
  [[nodiscard]] double objective() const;
  /// [rows]
  [[nodiscard]] std::vector<double> duals() const;
  /// By how much the column's dual value exceeds its kind's price: it may improve where positive.
  [[nodiscard]] double excess(std::size_t kind, const Column& column) const;

 private:
  // Variables: short_v, then surplus of row v, then slack of kind q, then columns.
  [[nodiscard]] std::size_t size() const { return costs_.size() + counts_.size(); }
  [[nodiscard]] double cost(std::size_t variable) const;
  [[nodiscard]] double reduced_cost(std::size_t variable) const;
  [[nodiscard]] std::vector<double> direction(std::size_t variable) const;
  void pivot(std::size_t variable, std::size_t row, const std::vector<double>& direction);

  std::vector<double> costs_, surplus_costs_;  // [rows]
  std::vector<double> counts_;                 // [kinds]
  std::vector<std::pair<std::size_t, Column>> columns_;
  std::vector<std::size_t> basis_;  // [size()]
  std::vector<bool> basic_;         // [variables]
  std::vector<double> inverse_;     // [size()²]
  std::vector<double> value_;       // [size()], of the basis
  std::vector<double> dual_;        // [size()]
};

}  // namespace cleave::bounds
