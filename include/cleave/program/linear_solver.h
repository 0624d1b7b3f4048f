#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "cleave/base/limits.h"

namespace cleave::program {

/// A linear program in floating point that may grow and change between solutions:
///
///   minimise Σ cost_j · x_j   so that   lower_i ≤ Σ_j a_ij · x_j ≤ upper_i,   lower_j ≤ x_j ≤
///   upper_j
///
/// Solved by the simplex method, which goes on from the last basis. Nothing that it says is proven:
/// values and duals are proposals, see certify.h for what can be made of them.
///
/// Deterministic, on one thread. Not thread-safe; several may work side by side.
class LinearSolver {
 public:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  struct Entry {
    std::uint32_t index;  ///< of the row or the column
    double value;
  };

  enum class Outcome { optimal, infeasible, stopped };

  LinearSolver() = default;
  LinearSolver(const LinearSolver&) = delete;
  LinearSolver& operator=(const LinearSolver&) = delete;
  virtual ~LinearSolver() = default;

  /// Returns its number: 0, 1, 2, … `entries` are of rows that exist, each at most once.
  virtual std::uint32_t add_column(double cost, double lower, double upper,
                                   std::span<const Entry> entries) = 0;
  /// Likewise; `entries` are of columns.
  virtual std::uint32_t add_row(double lower, double upper, std::span<const Entry> entries) = 0;
  virtual void set_column_bounds(std::uint32_t column, double lower, double upper) = 0;

  /// `stopped`: by the iterations, by the deadline, or by trouble with numbers. Adds the simplex
  /// iterations to `effort`.
  virtual Outcome solve(std::uint64_t max_iterations, std::uint64_t& effort,
                        const base::Deadline& deadline) = 0;

  /// Of the last solution. `values` are [columns], `duals` [rows]: by how much the objective rises
  /// with the row's bound; ≥ 0 where the lower one counts, ≤ 0 where the upper one does.
  [[nodiscard]] virtual double objective() const = 0;
  [[nodiscard]] virtual const std::vector<double>& values() const = 0;
  [[nodiscard]] virtual const std::vector<double>& duals() const = 0;
  /// After `infeasible`: multiples of the rows, [rows], whose sum no x within its bounds can
  /// satisfy; their sign counts as that of duals does. Empty: not known.
  [[nodiscard]] virtual const std::vector<double>& ray() const = 0;
};

/// HiGHS; null where cleave was built without it (CLEAVE_HIGHS).
[[nodiscard]] std::unique_ptr<LinearSolver> make_linear_solver();

}  // namespace cleave::program
