// Bounds from multiples of rows, against all solutions of small programs.
#include "cleave/program/certify.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cleave/base/random.h"
#include "cleave/program/linear_solver.h"
#include "random_program.h"

namespace cleave::program {
namespace {

constexpr Amount kLarge = Amount{1} << 45;

// The relaxation of a program as it stands, without units.
std::unique_ptr<LinearSolver> relax(const Program& program) {
  auto solver = make_linear_solver();
  for (const auto& column : program.columns()) {
    solver->add_column(static_cast<double>(column.cost), static_cast<double>(column.lower),
                       static_cast<double>(column.upper), {});
  }
  for (const auto& row : program.rows()) {
    std::vector<LinearSolver::Entry> entries;
    for (const auto& [j, a] : row.entries) entries.push_back({j, static_cast<double>(a)});
    solver->add_row(
        row.lower == Program::kNoLower ? -LinearSolver::kInfinity : static_cast<double>(row.lower),
        row.upper == Program::kNoUpper ? LinearSolver::kInfinity : static_cast<double>(row.upper),
        entries);
  }
  return solver;
}

// Any multiples at all: small, huge, infinite, of either sign.
std::vector<double> wild_multiples(base::Random& random, std::size_t rows) {
  std::vector<double> multiples;
  for (std::size_t i = 0; i < rows; ++i) {
    const double size = std::exp2(static_cast<double>(random.between(-60, 80)));
    const double sign = random.chance(0.5) ? 1.0 : -1.0;
    multiples.push_back(random.chance(0.02) ? sign * INFINITY : sign * size * random.unit());
    if (random.chance(0.01)) multiples.back() = NAN;
  }
  return multiples;
}

TEST(Certify, NoMultiplesProveTooMuch) {
  base::Random random(11);
  int proven = 0;
  for (int round = 0; round < 20000; ++round) {
    const Program program = random_program(random, round % 2 == 0 ? 20 : kLarge);
    const auto least = least_objective(program, program.box());
    const auto multiples = wild_multiples(random, program.rows().size());
    const auto bound = Certificate(program, program.box(), multiples).bound();
    proven += bound ? 1 : 0;
    if (bound && least) {
      ASSERT_LE(*bound, *least) << "round " << round;
    }
    if (least) {
      ASSERT_FALSE(certified_infeasible(program, program.box(), multiples));
    }
  }
  EXPECT_GT(proven, 10000);
}

// Of a part of the box, with the multiples of the whole.
TEST(Certify, BoundsHoldWhereAChoiceIsDecided) {
  base::Random random(13);
  int raised = 0;
  for (int round = 0; round < 20000; ++round) {
    const Program program = random_program(random, round % 2 == 0 ? 20 : kLarge);
    const auto multiples = wild_multiples(random, program.rows().size());
    const Certificate certificate(program, program.box(), multiples);
    const auto& columns = program.choices()[0].columns;
    for (const std::uint32_t one : columns) {
      Program::Box part = program.box();
      for (const std::uint32_t j : columns) part.upper[j] = 0;
      part.lower[one] = part.upper[one] = 1;
      const auto bound = certificate.bound_where(program.box(), columns, one);
      EXPECT_EQ(bound, Certificate(program, part, multiples).bound()) << "round " << round;
      raised += bound && certificate.bound() && *bound > *certificate.bound() ? 1 : 0;
      const auto least = least_objective(program, part);
      if (bound && least) {
        ASSERT_LE(*bound, *least) << "round " << round;
      }
    }
  }
  EXPECT_GT(raised, 10000);
}

// The solver's duals prove what the relaxation says but for rounding; disturbed ones prove less.
TEST(Certify, DualsProveTheRelaxation) {
  base::Random random(12);
  int optimal = 0, refuted = 0;
  for (int round = 0; round < 3000; ++round) {
    const Program program = random_program(random, 1000);
    const auto least = least_objective(program, program.box());
    const auto solver = relax(program);
    std::uint64_t effort = 0;
    const auto outcome = solver->solve(100000, effort, base::Deadline{base::Limits{}});
    if (outcome == LinearSolver::Outcome::infeasible) {
      ASSERT_FALSE(least);
      refuted += 1;
      EXPECT_TRUE(certified_infeasible(program, program.box(), solver->ray())) << "round " << round;
      continue;
    }
    ASSERT_EQ(outcome, LinearSolver::Outcome::optimal);
    ++optimal;
    std::vector<double> duals = solver->duals();
    const auto bound = Certificate(program, program.box(), duals).bound();
    ASSERT_TRUE(bound);
    EXPECT_GE(static_cast<double>(*bound), solver->objective() - 1e-3) << "round " << round;
    EXPECT_LE(static_cast<double>(*bound), solver->objective() + 1 + 1e-3) << "round " << round;
    if (!least) continue;
    EXPECT_LE(*bound, *least);
    for (double& dual : duals) dual *= 1 + 0.2 * (random.unit() - 0.5);
    const auto disturbed = Certificate(program, program.box(), duals).bound();
    ASSERT_TRUE(disturbed);
    EXPECT_LE(*disturbed, *least);
  }
  EXPECT_GT(optimal, 1000);
  EXPECT_GT(refuted, 100);
}

TEST(Certify, ProvesNothingWhereSumsDoNotFit) {
  Program program;
  const Amount most = std::numeric_limits<Amount>::max();
  const std::uint32_t x = program.add_column({0, most, 1, 1});
  program.add_row({most, Program::kNoUpper, {{x, most}}});
  EXPECT_EQ(Certificate(program, program.box(), std::vector{0x1.0p+60}).bound(), std::nullopt);
  EXPECT_FALSE(certified_infeasible(program, program.box(), std::vector{0x1.0p+60}));
}

}  // namespace
}  // namespace cleave::program
