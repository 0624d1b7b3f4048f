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

}  // namespace
}  // namespace cleave::latency
