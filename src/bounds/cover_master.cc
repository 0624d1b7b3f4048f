#include "bounds/cover_master.h"

#include <algorithm>

namespace cleave::bounds {
namespace {

constexpr double kTolerance = 1e-9;

}  // namespace

CoverMaster::CoverMaster(std::vector<double> costs, std::vector<double> surplus_costs,
                         std::vector<double> counts)
    : costs_(std::move(costs)),
      surplus_costs_(std::move(surplus_costs)),
      counts_(std::move(counts)) {
  const std::size_t rows = costs_.size();
  const std::size_t n = size();
  basic_.assign(2 * rows + counts_.size(), false);
  inverse_.assign(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    inverse_[i * n + i] = 1.0;
    basis_.push_back(i < rows ? i : rows + i);
    basic_[basis_.back()] = true;
    // A little more than 1, differently for each row: ties would let the simplex turn in circles.
    value_.push_back(i < rows ? 1.0 + 1e-7 * static_cast<double>((i * 7919) % 1009)
                              : counts_[i - rows]);
    dual_.push_back(i < rows ? costs_[i] : 0.0);
  }
}

void CoverMaster::add(std::size_t kind, Column column) {
  columns_.emplace_back(kind, std::move(column));
  basic_.push_back(false);
}

double CoverMaster::cost(std::size_t variable) const {
  const std::size_t rows = costs_.size();
  if (variable < rows) return costs_[variable];
  return variable < 2 * rows ? surplus_costs_[variable - rows] : 0.0;
}

double CoverMaster::excess(std::size_t kind, const Column& column) const {
  double excess = dual_[costs_.size() + kind];
  for (const auto& [row, a] : column) excess += dual_[row] * a;
  return excess;
}

double CoverMaster::reduced_cost(std::size_t variable) const {
  const std::size_t rows = costs_.size();
  if (variable < rows) return costs_[variable] - dual_[variable];
  if (variable < 2 * rows) return surplus_costs_[variable - rows] + dual_[variable - rows];
  if (variable < 2 * rows + counts_.size()) return -dual_[variable - rows];
  const auto& [kind, column] = columns_[variable - 2 * rows - counts_.size()];
  return -excess(kind, column);
}

std::vector<double> CoverMaster::direction(std::size_t variable) const {
  const std::size_t rows = costs_.size();
  const std::size_t n = size();
  std::vector<double> result(n, 0.0);
  const auto add = [&](std::size_t row, double a) {
    for (std::size_t i = 0; i < n; ++i) result[i] += inverse_[i * n + row] * a;
  };
  if (variable < rows) {
    add(variable, 1.0);
  } else if (variable < 2 * rows) {
    add(variable - rows, -1.0);
  } else if (variable < 2 * rows + counts_.size()) {
    add(variable - rows, 1.0);
  } else {
    const auto& [kind, column] = columns_[variable - 2 * rows - counts_.size()];
    for (std::size_t i = 0; i < n; ++i) {
      const double* const row = &inverse_[i * n];
      double sum = row[rows + kind];
      for (const auto& [v, a] : column) sum += row[v] * a;
      result[i] = sum;
    }
  }
  return result;
}

void CoverMaster::pivot(std::size_t variable, std::size_t row,
                        const std::vector<double>& direction) {
  const std::size_t n = size();
  const double reduced = reduced_cost(variable);
  double* const own = &inverse_[row * n];
  for (std::size_t j = 0; j < n; ++j) own[j] /= direction[row];
  value_[row] /= direction[row];
  for (std::size_t i = 0; i < n; ++i) {
    if (i == row || direction[i] == 0.0) continue;
    double* const other = &inverse_[i * n];
    for (std::size_t j = 0; j < n; ++j) other[j] -= direction[i] * own[j];
    value_[i] = std::max(0.0, value_[i] - direction[i] * value_[row]);
  }
  for (std::size_t j = 0; j < n; ++j) dual_[j] += reduced * own[j];
  basic_[basis_[row]] = false;
  basis_[row] = variable;
  basic_[variable] = true;
}

void CoverMaster::solve(int max_pivots) {
  for (int i = 0; i < max_pivots; ++i) {
    std::size_t entering = basic_.size();
    double least = -kTolerance;
    for (std::size_t variable = 0; variable < basic_.size(); ++variable) {
      if (basic_[variable]) continue;
      const double reduced = reduced_cost(variable);
      if (reduced < least) {
        least = reduced;
        entering = variable;
      }
    }
    if (entering == basic_.size()) return;
    const std::vector<double> toward = direction(entering);
    std::size_t leaving = size();
    double reach = 0;
    for (std::size_t row = 0; row < size(); ++row) {
      if (toward[row] <= kTolerance) continue;
      const double ratio = value_[row] / toward[row];
      if (leaving == size() || ratio < reach || (ratio == reach && toward[row] > toward[leaving])) {
        leaving = row;
        reach = ratio;
      }
    }
    if (leaving == size()) return;  // unbounded: only by rounding
    pivot(entering, leaving, toward);
  }
}

double CoverMaster::objective() const {
  double sum = 0;
  for (std::size_t i = 0; i < size(); ++i) sum += cost(basis_[i]) * value_[i];
  return sum;
}

std::vector<double> CoverMaster::duals() const {
  return {dual_.begin(), dual_.begin() + static_cast<std::ptrdiff_t>(costs_.size())};
}

}  // namespace cleave::bounds
