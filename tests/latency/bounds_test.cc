#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "latency/optimum.h"
#include "latency/path_bound.h"
#include "latency/series_bound.h"

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

// Both bounds, on every path worth trying.
class Bounds {
 public:
  std::optional<std::string> find_fault(const model::Problem& problem,
                                        std::optional<Duration> optimum) {
    if (!optimum) return std::nullopt;
    const Relaxed graph(problem);
    const base::Limits limits;
    const base::Deadline deadline(limits);
    for (const auto& path : choose_paths(graph)) {
      ++paths_;
      std::uint64_t effort = 0;
      const Amount by_path = PathBound(graph, path).raise(Relaxed::kNever, effort, deadline);
      tight_[0] += by_path == optimum->count() ? 1 : 0;
      if (by_path > optimum->count()) return fault("path", by_path, *optimum);
      const auto chain = chain_of(graph, path);
      if (chain.empty()) continue;
      ++chains_;
      const Amount by_series = SeriesBound(graph, chain, 24, deadline).compute();
      tight_[1] += by_series == optimum->count() ? 1 : 0;
      if (by_series > optimum->count()) return fault("series", by_series, *optimum);
      const Amount by_half = SeriesBound(graph, every_other(chain), 8, deadline).compute();
      if (by_half > optimum->count()) return fault("thinned series", by_half, *optimum);
    }
    return std::nullopt;
  }

  void expect_some_tight() const {
    EXPECT_GT(tight_[0], paths_ / 5) << "of " << paths_;
    EXPECT_GT(tight_[1], chains_ / 5) << "of " << chains_;
  }

 private:
  static std::vector<Vertex> every_other(const std::vector<Vertex>& chain) {
    std::vector<Vertex> kept;
    for (std::size_t i = 0; i < chain.size(); i += 2) kept.push_back(chain[i]);
    return kept;
  }

  static std::string fault(const std::string& bound, Amount value, Duration optimum) {
    return bound + ": " + std::to_string(value) + " for an optimum of " +
           std::to_string(optimum.count());
  }

  std::uint64_t paths_ = 0, chains_ = 0;
  std::array<std::uint64_t, 2> tight_{};
};

TEST(Bounds, AreNoMoreThanAnyPlanTakes) {
  Bounds bounds;
  expect_no_fault(20000, [&](const auto& problem, auto optimum) {
    return bounds.find_fault(problem, optimum);
  });
  bounds.expect_some_tight();
}

TEST(Bounds, AreNoMoreThanAnyPlanTakesWithBranches) {
  Bounds bounds;
  expect_no_fault_with_branches(
      6000, [&](const auto& problem, auto optimum) { return bounds.find_fault(problem, optimum); });
  bounds.expect_some_tight();
}

TEST(Series, ThinsLongChainsOnly) {
  std::vector<Vertex> chain(600);
  std::iota(chain.begin(), chain.end(), Vertex{0});
  EXPECT_EQ(thinned(chain), chain);
  chain.resize(1200);
  std::iota(chain.begin(), chain.end(), Vertex{0});
  const auto kept = thinned(chain);
  EXPECT_EQ(kept.size(), 601U);
  EXPECT_EQ(kept.front(), 0U);
  EXPECT_EQ(kept[1], 2U);
  EXPECT_EQ(kept.back(), 1199U);
}

TEST(Bounds, AreNoMoreThanAnyPlanTakesWithColocatedRows) {
  Bounds bounds;
  expect_no_fault_with_mates(
      6000, [&](const auto& problem, auto optimum) { return bounds.find_fault(problem, optimum); });
  bounds.expect_some_tight();
}

}  // namespace
}  // namespace cleave::latency
