#include "cleave/hybrid/cluster.h"

#include <gtest/gtest.h>

namespace cleave::hybrid {
namespace {

constexpr model::Link kInside{1000, base::Duration(0)};
constexpr model::Link kBetween{100, base::Duration(0)};

Cluster cluster_of(std::int64_t devices, std::int64_t per_server) {
  return {devices, per_server, std::nullopt, kInside, kBetween};
}

void expect_routes(const std::vector<Route>& routes, const std::vector<std::int64_t>& sharers) {
  ASSERT_EQ(routes.size(), sharers.size());
  for (std::size_t i = 0; i < routes.size(); ++i) {
    // 0 stands for the link inside.
    EXPECT_EQ(routes[i].link.bytes_per_second,
              sharers[i] == 0 ? kInside.bytes_per_second : kBetween.bytes_per_second)
        << i;
    EXPECT_EQ(routes[i].sharers, std::max<std::int64_t>(sharers[i], 1)) << i;
  }
}

TEST(Cluster, ReplicasTogetherLeaveTheBordersToTheNetwork) {
  const Grid grid{4, 3, Layout::replicas_together};
  expect_routes(border_routes(cluster_of(12, 4), grid), {0, 4, 4});
  expect_routes(ring_routes(cluster_of(12, 4), grid), {0, 0, 0});
}

TEST(Cluster, StagesTogetherLeaveTheRingsToTheNetwork) {
  const Grid grid{4, 3, Layout::stages_together};
  expect_routes(border_routes(cluster_of(12, 3), grid), {0, 0, 0});
  expect_routes(ring_routes(cluster_of(12, 3), grid), {3, 3, 3});
}

TEST(Cluster, OneServerNeedsNoNetwork) {
  const Grid grid{4, 3, Layout::stages_together};
  expect_routes(border_routes(cluster_of(12, 12), grid), {0, 0, 0});
  expect_routes(ring_routes(cluster_of(12, 12), grid), {0, 0, 0});
}

TEST(Cluster, ServersThatHoldTwoStagesAreEnteredOncePerReplica) {
  const Grid grid{2, 4, Layout::replicas_together};
  expect_routes(border_routes(cluster_of(8, 4), grid), {0, 0, 2, 0});
  expect_routes(ring_routes(cluster_of(8, 4), grid), {0, 0, 0, 0});
}

TEST(Cluster, StagesThatStraddleServersShareTheirLinks) {
  // Devices 0 1 2 | 3 4 5: stage 0 is {0, 1}, stage 1 {2, 3}, stage 2 {4, 5}.
  const Grid grid{2, 3, Layout::replicas_together};
  expect_routes(border_routes(cluster_of(6, 3), grid), {0, 1 + 1, 1 + 1});
  expect_routes(ring_routes(cluster_of(6, 3), grid), {0, 1, 0});
}

TEST(Cluster, TransfersAreRoundedUpAndShareTheLink) {
  const Route route{{3, base::Duration(7)}, 2};
  EXPECT_EQ(transfer_time(route, base::Bytes(0)).count(), 7);
  EXPECT_EQ(transfer_time(route, base::Bytes(5)).count(), 7 + 3'333'333'333'334);
  EXPECT_EQ(transfer_time({{1, base::Duration(0)}, 1}, base::Bytes::max()), base::kMaxDuration);
}

TEST(Cluster, AllReduceMovesTwiceAllButOneShare) {
  const Route route{{1'000'000'000'000, base::Duration(0)}, 1};
  EXPECT_EQ(all_reduce_time(route, 1, base::Bytes(800)).count(), 0);
  EXPECT_EQ(all_reduce_time(route, 2, base::Bytes(800)).count(), 800);
  EXPECT_EQ(all_reduce_time(route, 8, base::Bytes(800)).count(), 1400);
}

}  // namespace
}  // namespace cleave::hybrid
