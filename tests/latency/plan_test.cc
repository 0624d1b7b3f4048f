#include <gtest/gtest.h>

#include "cleave/latency/latency.h"
#include "latency/optimum.h"

namespace cleave::latency {
namespace {

using base::Duration;
using model::PlanStatus;

TEST(Plan, IsOptimalOnSmallProblems) {
  expect_no_fault(3000,
                  [](const model::Problem& problem,
                     std::optional<Duration> optimum) -> std::optional<std::string> {
                    const Answer answer = plan(problem, {});
                    if (!optimum) {
                      if (answer.status != PlanStatus::infeasible) return "not proven infeasible";
                      return std::nullopt;
                    }
                    if (answer.status != PlanStatus::optimal) return "not optimal";
                    if (answer.objective != *optimum) return "not the optimum";
                    if (answer.bound.value != *optimum) return "the bound differs";
                    return std::nullopt;
                  });
}

// A history by effort needs the effort of every step.
TEST(Plan, ReportsItsEffort) {
  std::uint64_t last = 0;
  expect_no_fault(
      50,
      [&](const model::Problem& problem, std::optional<Duration>) -> std::optional<std::string> {
        std::uint64_t before = 0;
        bool fell = false;
        const Answer answer = plan(problem, {}, [&](const base::Progress& now) {
          fell = fell || now.effort < before;
          before = now.effort;
        });
        last = std::max(last, before);
        if (fell) return "the effort fell";
        if (before > answer.states) return "more effort on the way than in all";
        return std::nullopt;
      });
  EXPECT_GT(last, 0U);
}

}  // namespace
}  // namespace cleave::latency
