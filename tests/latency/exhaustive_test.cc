#include "latency/exhaustive.h"

#include <gtest/gtest.h>

#include "latency/optimum.h"

namespace cleave::latency {
namespace {

TEST(Exhaustive, EqualsEnumeration) {
  expect_no_fault(
      3000,
      [](const model::Problem& problem,
         std::optional<Duration> optimum) -> std::optional<std::string> {
        const base::Limits limits;
        const Exhaustion found =
            exhaust(problem, base::kMaxDuration, Duration(0), 10'000'000, base::Deadline(limits));
        if (!found.complete) return "not complete";
        if (found.best.has_value() != optimum.has_value()) return "feasible or not";
        if (optimum && found.makespan != *optimum)
          return "not the optimum: " + std::to_string((found.best ? found.makespan.count() : -1)) +
                 " not " + std::to_string(optimum->count());
        return std::nullopt;
      });
}

}  // namespace
}  // namespace cleave::latency
