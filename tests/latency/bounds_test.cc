#include <gtest/gtest.h>

#include "latency/optimum.h"
#include "latency/path_bound.h"

namespace cleave::latency {
namespace {

using base::Duration;

TEST(CriticalPath, IsNoLongerThanAnyPlan) {
  std::uint64_t tight = 0;
  expect_no_fault(3000,
                  [&](const model::Problem& problem,
                      std::optional<Duration> optimum) -> std::optional<std::string> {
                    if (!optimum) return std::nullopt;
                    const Amount bound = critical_path(Relaxed(problem));
                    tight += bound == optimum->count() ? 1 : 0;
                    if (bound > optimum->count()) return "above the optimum";
                    return std::nullopt;
                  });
  EXPECT_GT(tight, 0U);
}

TEST(PathBound, IsNoMoreThanAnyPlanTakes) {
  std::uint64_t tight = 0;
  std::uint64_t tried = 0;
  expect_no_fault(6000,
                  [&](const model::Problem& problem,
                      std::optional<Duration> optimum) -> std::optional<std::string> {
                    const Relaxed graph(problem);
                    const base::Limits limits;
                    const base::Deadline deadline(limits);
                    for (const auto& path : choose_paths(graph)) {
                      std::uint64_t effort = 0;
                      PathBound bound(graph, path);
                      const Amount value = bound.raise(Relaxed::kNever, effort, deadline);
                      if (!optimum) continue;
                      ++tried;
                      tight += value == optimum->count() ? 1 : 0;
                      if (value > optimum->count()) return "above the optimum";
                    }
                    return std::nullopt;
                  });
  EXPECT_GT(tight, tried / 4) << "of " << tried;
}

}  // namespace
}  // namespace cleave::latency
