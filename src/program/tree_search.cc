#include "cleave/program/tree_search.h"

#include <cassert>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace cleave::program {
namespace {

// A node whose bound lacks no more than one part in so many of the best objective is closed: its
// duals were rounded, and branching would only repeat that. Its bound is kept as it is.
constexpr Amount kHair = 1'000'000'000;

double power_of_two_near(double value) { return value > 0 ? std::exp2(std::ilogb(value)) : 1.0; }

}  // namespace

TreeSearch::TreeSearch(const Program& program, std::unique_ptr<LinearSolver> solver, Amount known,
                       Visit visit)
    : program_(program),
      solver_(std::move(solver)),
      visit_(std::move(visit)),
      best_(known),
      closed_bound_(std::numeric_limits<Amount>::max()),
      root_(program.box()),
      box_(root_),
      loaded_(root_) {
  load();
  open_.push_back(Node{std::numeric_limits<Amount>::min(), 0, -1});
}

// In units in which costs, coefficients and values are near 1.
void TreeSearch::load() {
  const auto& columns = program_.columns();
  double largest_cost = 0;
  for (const auto& column : columns) {
    largest_cost = std::max(largest_cost, std::abs(static_cast<double>(column.cost)) * column.unit);
  }
  objective_unit_ = power_of_two_near(largest_cost);
  for (const auto& column : columns) {
    solver_->add_column(static_cast<double>(column.cost) * column.unit / objective_unit_,
                        static_cast<double>(column.lower) / column.unit,
                        static_cast<double>(column.upper) / column.unit, {});
  }
  std::vector<LinearSolver::Entry> entries;
  for (const Program::Row& row : program_.rows()) {
    double largest = 0;
    for (const auto& [j, a] : row.entries) {
      largest = std::max(largest, std::abs(static_cast<double>(a)) * columns[j].unit);
    }
    const double unit = power_of_two_near(largest);
    entries.clear();
    for (const auto& [j, a] : row.entries) {
      entries.push_back({j, static_cast<double>(a) * columns[j].unit / unit});
    }
    const double lower = row.lower == Program::kNoLower ? -LinearSolver::kInfinity
                                                        : static_cast<double>(row.lower) / unit;
    const double upper = row.upper == Program::kNoUpper ? LinearSolver::kInfinity
                                                        : static_cast<double>(row.upper) / unit;
    solver_->add_row(lower, upper, entries);
    row_units_.push_back(unit);
  }
}

std::vector<double> TreeSearch::as_given(const std::vector<double>& multiples,
                                         double objective_unit) const {
  std::vector<double> result(multiples.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = multiples[i] * objective_unit / row_units_[i];
  }
  return result;
}

// Of two nodes with one bound the deeper one comes first: it is nearer to a solution.
bool TreeSearch::comes_later(const Node& a, const Node& b) {
  if (a.bound != b.bound) return a.bound > b.bound;
  if (a.depth != b.depth) return a.depth < b.depth;
  return a.last > b.last;
}

void TreeSearch::push(const Node& node) {
  open_.push_back(node);
  std::push_heap(open_.begin(), open_.end(), comes_later);
}

std::optional<TreeSearch::Node> TreeSearch::next() {
  if (child_) return std::exchange(child_, std::nullopt);
  if (open_.empty()) return std::nullopt;
  std::pop_heap(open_.begin(), open_.end(), comes_later);
  const Node node = open_.back();
  open_.pop_back();
  return node;
}

Amount TreeSearch::bound() const {
  Amount bound = std::min(best_, closed_bound_);
  if (!open_.empty()) bound = std::min(bound, open_.front().bound);
  if (child_) bound = std::min(bound, child_->bound);
  return bound;
}

TreeSearch::Outcome TreeSearch::run(std::uint64_t max_effort, std::uint64_t& effort,
                                    const base::Deadline& deadline) {
  while (auto node = next()) {
    if (node->bound >= best_) continue;
    const bool stop = effort >= max_effort || deadline.reached();
    const Fate fate = stop ? Fate::unsolved : examine(*node, max_effort, effort, deadline);
    if (fate == Fate::unsolved) {
      push(*node);
      return Outcome::stopped;
    }
    if (fate == Fate::open) branch(*node);
  }
  return Outcome::finished;
}

// Takes the node's box to work with, and to the solver.
void TreeSearch::enter(const Node& node) {
  box_ = root_;
  decided_.assign(program_.choices().size(), 0);
  num_decided_ = node.depth;
  for (std::int64_t i = node.last; i >= 0; i = decisions_[static_cast<std::size_t>(i)].parent) {
    const Decision& decision = decisions_[static_cast<std::size_t>(i)];
    decided_[decision.choice] = 1;
    for (const std::uint32_t j : program_.choices()[decision.choice].columns) box_.upper[j] = 0;
    box_.lower[decision.column] = box_.upper[decision.column] = 1;
  }
  for (std::uint32_t j = 0; j < box_.lower.size(); ++j) {
    if (box_.lower[j] == loaded_.lower[j] && box_.upper[j] == loaded_.upper[j]) continue;
    const double unit = program_.columns()[j].unit;
    solver_->set_column_bounds(j, static_cast<double>(box_.lower[j]) / unit,
                               static_cast<double>(box_.upper[j]) / unit);
  }
  loaded_ = box_;
}

TreeSearch::Fate TreeSearch::examine(Node& node, std::uint64_t max_effort, std::uint64_t& effort,
                                     const base::Deadline& deadline) {
  ++nodes_;
  ++effort;
  enter(node);
  if (num_decided_ == program_.choices().size()) {
    values_.assign(box_.lower.begin(), box_.lower.end());
    best_ = std::min(best_, visit_(values_));
    return Fate::closed;
  }
  values_.clear();
  certificate_.reset();
  switch (solver_->solve(max_effort - std::min(max_effort, effort - 1), effort, deadline)) {
    case LinearSolver::Outcome::infeasible:
      return proves_infeasible() ? Fate::closed : Fate::open;
    case LinearSolver::Outcome::stopped:
      // Where nothing stopped it but its own troubles, smaller boxes may do.
      return effort >= max_effort || deadline.reached() ? Fate::unsolved : Fate::open;
    case LinearSolver::Outcome::optimal:
      break;
  }
  certificate_.emplace(program_, box_, as_given(solver_->duals(), objective_unit_));
  node.bound = std::max(node.bound, certificate_->bound().value_or(node.bound));
  values_ = solver_->values();
  for (std::size_t j = 0; j < values_.size(); ++j) values_[j] *= program_.columns()[j].unit;
  if (node.bound < best_) best_ = std::min(best_, visit_(values_));
  return close_at(node.bound) ? Fate::closed : Fate::open;
}

// Whether nothing below this bound is worth a look; if it is a hair below the best, notes it.
bool TreeSearch::close_at(Amount bound) {
  if (bound < best_ - std::abs(best_) / kHair) return false;
  if (bound < best_) closed_bound_ = std::min(closed_bound_, bound);
  return true;
}

bool TreeSearch::proves_infeasible() const {
  return !solver_->ray().empty() &&
         certified_infeasible(program_, box_, as_given(solver_->ray(), 1.0));
}

// One that the relaxation leaves open, of great priority.
std::size_t TreeSearch::choice_to_branch_on() const {
  std::size_t best = decided_.size();
  double best_score = 0;
  for (std::size_t c = 0; c < decided_.size(); ++c) {
    if (decided_[c] != 0) continue;
    const Program::Choice& choice = program_.choices()[c];
    double largest = 0;
    if (!values_.empty()) {
      for (const std::uint32_t j : choice.columns) largest = std::max(largest, values_[j]);
    }
    // Even where the relaxation decides everything, something has to be branched on.
    const double score = choice.priority * (1e-6 + std::max(0.0, 1.0 - largest));
    if (best == decided_.size() || score > best_score) {
      best = c;
      best_score = score;
    }
  }
  assert(best < decided_.size());
  return best;
}

void TreeSearch::branch(const Node& node) {
  const std::size_t choice = choice_to_branch_on();
  const auto& columns = program_.choices()[choice].columns;
  double most = -1;
  for (const std::uint32_t column : columns) {
    if (box_.upper[column] == 0) continue;
    Node child{node.bound, node.depth + 1, static_cast<std::int64_t>(decisions_.size())};
    if (certificate_) {
      const auto bound = certificate_->bound_where(box_, columns, column);
      child.bound = std::max(child.bound, bound.value_or(child.bound));
    }
    if (close_at(child.bound)) continue;
    decisions_.push_back({static_cast<std::uint32_t>(choice), column, node.last});
    const double value = values_.empty() ? 0.0 : values_[column];
    if (value > most) {
      most = value;
      if (child_) push(*child_);
      child_ = child;
    } else {
      push(child);
    }
  }
}

}  // namespace cleave::program
