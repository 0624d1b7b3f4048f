#include "cleave/program/linear_solver.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "cleave/base/random.h"

namespace cleave::program {
namespace {

using Entry = LinearSolver::Entry;
using Outcome = LinearSolver::Outcome;
constexpr double kInfinity = LinearSolver::kInfinity;
constexpr std::uint64_t kManyIterations = 1'000'000;

const base::Deadline kNoDeadline{base::Limits{}};

class LinearSolverTest : public ::testing::Test {
 protected:
  Outcome solve() { return solver->solve(kManyIterations, effort, kNoDeadline); }

  std::unique_ptr<LinearSolver> solver = make_linear_solver();
  std::uint64_t effort = 0;
};

// minimise −3x − 5y, x ≤ 4, 2y ≤ 12, 3x + 2y ≤ 18: x = 2, y = 6.
TEST_F(LinearSolverTest, SolvesATextbookProgram) {
  solver->add_column(-3, 0, 4, {});
  solver->add_column(-5, 0, kInfinity, {});
  solver->add_row(-kInfinity, 12, std::array{Entry{1, 2}});
  solver->add_row(-kInfinity, 18, std::array{Entry{0, 3}, Entry{1, 2}});
  ASSERT_EQ(solve(), Outcome::optimal);
  EXPECT_NEAR(solver->objective(), -36, 1e-9);
  EXPECT_NEAR(solver->values()[0], 2, 1e-9);
  EXPECT_NEAR(solver->values()[1], 6, 1e-9);
  // Raising an upper bound by one lowers the objective by so much.
  EXPECT_NEAR(solver->duals()[0], -1.5, 1e-9);
  EXPECT_NEAR(solver->duals()[1], -1, 1e-9);
  EXPECT_GT(effort, 0U);
}

TEST_F(LinearSolverTest, GoesOnAfterColumnsRowsAndBoundsChange) {
  solver->add_column(1, 0, kInfinity, {});
  const std::uint32_t demand = solver->add_row(10, kInfinity, std::array{Entry{0, 1}});
  ASSERT_EQ(solve(), Outcome::optimal);
  EXPECT_NEAR(solver->objective(), 10, 1e-9);
  const std::uint32_t cheaper = solver->add_column(0.5, 0, 4, std::array{Entry{demand, 1}});
  ASSERT_EQ(solve(), Outcome::optimal);
  EXPECT_NEAR(solver->objective(), 8, 1e-9);
  solver->add_row(-kInfinity, 3, std::array{Entry{cheaper, 1}});
  ASSERT_EQ(solve(), Outcome::optimal);
  EXPECT_NEAR(solver->objective(), 8.5, 1e-9);
  solver->set_column_bounds(0, 0, 9);
  ASSERT_EQ(solve(), Outcome::optimal);
  solver->set_column_bounds(0, 0, 6.5);
  ASSERT_EQ(solve(), Outcome::infeasible);
  ASSERT_EQ(solver->ray().size(), 2U);
  // x₀ + x₁ ≥ 10 and x₁ ≤ 3 contradict x₀ ≤ 6.5: one multiple of each row.
  EXPECT_NEAR(std::abs(solver->ray()[0]), std::abs(solver->ray()[1]), 1e-9);
  EXPECT_LT(solver->ray()[0] * solver->ray()[1], 0);
}

// A random assignment problem, large enough to take many iterations.
void add_assignment(LinearSolver& solver, std::uint32_t size) {
  base::Random random(3);
  for (std::uint32_t i = 0; i < 2 * size; ++i) solver.add_row(1, 1, {});
  for (std::uint32_t i = 0; i < size; ++i) {
    for (std::uint32_t j = 0; j < size; ++j) {
      solver.add_column(random.unit(), 0, kInfinity, std::array{Entry{i, 1}, Entry{size + j, 1}});
    }
  }
}

TEST_F(LinearSolverTest, StopsAtItsIterationsAndAtTheDeadline) {
  add_assignment(*solver, 40);
  EXPECT_EQ(solver->solve(5, effort, kNoDeadline), Outcome::stopped);
  EXPECT_LE(effort, 6U);
  base::Limits none;
  none.time = std::chrono::duration<double>(0);
  EXPECT_EQ(solver->solve(kManyIterations, effort, base::Deadline(none)), Outcome::stopped);
  EXPECT_EQ(solve(), Outcome::optimal);
}

TEST_F(LinearSolverTest, GivesEqualAnswersToEqualQuestions) {
  add_assignment(*solver, 30);
  const auto other = make_linear_solver();
  add_assignment(*other, 30);
  std::uint64_t other_effort = 0;
  ASSERT_EQ(solve(), Outcome::optimal);
  ASSERT_EQ(other->solve(kManyIterations, other_effort, kNoDeadline), Outcome::optimal);
  EXPECT_EQ(effort, other_effort);
  EXPECT_EQ(solver->values(), other->values());
  EXPECT_EQ(solver->duals(), other->duals());
}

}  // namespace
}  // namespace cleave::program
