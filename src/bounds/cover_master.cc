#include "bounds/cover_master.h"

#include <limits>
#include <utility>

namespace cleave::bounds {

using program::LinearSolver;

namespace {

constexpr std::uint64_t kLabelsPerEntry = 16;  // of a basis, in one iteration

}  // namespace

CoverMaster::CoverMaster(std::unique_ptr<LinearSolver> solver, std::vector<double> costs,
                         const std::vector<double>& surplus_costs,
                         const std::vector<double>& counts)
    : solver_(std::move(solver)), rows_(costs.size()) {
  for (std::uint32_t v = 0; v < rows_; ++v) {
    const std::uint32_t row = solver_->add_row(1.0, 1.0, {});
    const Column is_short{{row, 1.0}}, is_surplus{{row, -1.0}};
    solver_->add_column(costs[v], 0.0, LinearSolver::kInfinity, is_short);
    solver_->add_column(surplus_costs[v], 0.0, LinearSolver::kInfinity, is_surplus);
  }
  for (const double count : counts) solver_->add_row(-LinearSolver::kInfinity, count, {});
  duals_ = std::move(costs);
  duals_.resize(rows_ + counts.size(), 0.0);
}

void CoverMaster::add(std::size_t kind, Column column) {
  column.push_back({static_cast<std::uint32_t>(rows_ + kind), 1.0});
  solver_->add_column(0.0, 0.0, LinearSolver::kInfinity, column);
}

bool CoverMaster::solve(std::uint64_t& effort, const base::Deadline& deadline) {
  std::uint64_t iterations = 0;
  const auto outcome =
      solver_->solve(std::numeric_limits<std::uint64_t>::max(), iterations, deadline);
  effort += (1 + iterations) * kLabelsPerEntry * rows_;
  if (outcome != LinearSolver::Outcome::optimal) return false;
  duals_ = solver_->duals();
  return true;
}

double CoverMaster::excess(std::size_t kind, const Column& column) const {
  double excess = duals_[rows_ + kind];
  for (const auto& [row, a] : column) excess += duals_[row] * a;
  return excess;
}

std::vector<double> CoverMaster::duals() const {
  return {duals_.begin(), duals_.begin() + static_cast<std::ptrdiff_t>(rows_)};
}

}  // namespace cleave::bounds
