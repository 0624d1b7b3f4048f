// Branch and bound against all solutions of small programs.
#include "cleave/program/tree_search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cleave/base/random.h"
#include "random_program.h"

namespace cleave::program {
namespace {

const base::Deadline kNoDeadline{base::Limits{}};
constexpr Amount kAboveAll = Amount{1} << 60;

// Takes solutions from boxes in which all choices are decided.
class Solutions {
 public:
  explicit Solutions(const Program& program) : program_(program) {}

  Amount visit(std::span<const double> values) {
    Program::Box box = program_.box();
    for (const auto& choice : program_.choices()) {
      for (const std::uint32_t j : choice.columns) {
        const double whole = std::round(values[j]);
        if (std::abs(values[j] - whole) > 1e-6) return best;
        box.lower[j] = box.upper[j] = static_cast<Amount>(whole);
      }
    }
    if (const auto least = least_objective(program_, box)) best = std::min(best, *least);
    return best;
  }

  Amount best = kAboveAll;

 private:
  const Program& program_;
};

// The objective has to be whole at the best solution: only choices count and cost.
Program random_choices(base::Random& random, Amount size) {
  for (;;) {
    Program program = random_program(random, size);
    std::size_t chosen = 0;
    for (const auto& choice : program.choices()) chosen += choice.columns.size();
    if (chosen == program.columns().size()) return program;
  }
}

TEST(TreeSearch, FindsTheOptimumAndProvesIt) {
  base::Random random(21);
  int infeasible = 0;
  for (int round = 0; round < 3000; ++round) {
    const Program program = random_choices(random, round % 2 == 0 ? 10 : Amount{1} << 40);
    const auto least = least_objective(program, program.box());
    infeasible += least ? 0 : 1;
    Solutions solutions(program);
    TreeSearch search(program, make_linear_solver(), kAboveAll,
                      [&](std::span<const double> values) { return solutions.visit(values); });
    // In small steps, the bound valid at each.
    std::uint64_t effort = 0;
    auto outcome = TreeSearch::Outcome::stopped;
    while (outcome == TreeSearch::Outcome::stopped) {
      outcome = search.run(effort + 7, effort, kNoDeadline);
      if (least) {
        ASSERT_LE(search.bound(), *least) << "round " << round;
      }
      ASSERT_LT(effort, 100000U);
    }
    ASSERT_EQ(solutions.best, least.value_or(kAboveAll)) << "round " << round;
    const Amount hair = std::abs(solutions.best) / 1'000'000'000;
    EXPECT_GE(search.bound(), solutions.best - hair) << "round " << round;
  }
  EXPECT_GT(infeasible, 100);
}

// What is known from elsewhere is not looked for again.
TEST(TreeSearch, ProvesThatNothingBetterExists) {
  base::Random random(22);
  for (int round = 0; round < 500; ++round) {
    const Program program = random_choices(random, 50);
    const auto least = least_objective(program, program.box());
    if (!least) continue;
    Solutions solutions(program);
    solutions.best = *least;
    TreeSearch search(program, make_linear_solver(), *least,
                      [&](std::span<const double> values) { return solutions.visit(values); });
    std::uint64_t effort = 0;
    ASSERT_EQ(search.run(100000, effort, kNoDeadline), TreeSearch::Outcome::finished);
    EXPECT_EQ(search.bound(), *least);
  }
}

}  // namespace
}  // namespace cleave::program
