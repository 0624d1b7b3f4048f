// Weight versions, as the papers promise them.

#include "simulate/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "simulate/pipelines.h"

namespace cleave::simulate {
namespace {

using base::Duration;
using model::Phase;
using model::Transfers;

Timeline run(const Planned& planned, const Options& options) {
  auto timeline = simulate(planned.problem, planned.plan, options);
  EXPECT_TRUE(timeline.ok()) << timeline.error().to_string();
  return std::move(timeline).value();
}

// Pipelines of one to six stages, balanced and not, under every transfer model.
std::vector<Planned> pipelines() {
  std::vector<Planned> planned;
  for (const auto transfers : {Transfers::serial, Transfers::half_duplex, Transfers::full_duplex}) {
    for (std::int64_t stages = 1; stages <= 6; ++stages) {
      PipelineSpec spec;
      for (std::int64_t s = 0; s < stages; ++s) {
        spec.forward.push_back(1 + 3 * s % 5);
        spec.backward.push_back(2 + 7 * s % 4);
      }
      spec.transfer = 2;
      spec.transfers = transfers;
      planned.push_back(make_pipeline(spec));
    }
  }
  return planned;
}

TEST(Weights, TwoBWUsesTheVersionBeforeTheLastBatch) {
  for (const Planned& planned : pipelines()) {
    for (const std::int64_t more : {0, 1, 5}) {
      const auto probe = run(planned, {.micro_batches = 1});
      const std::int64_t m = probe.depth + more;
      const auto timeline =
          run(planned, {.schedule = Schedule::two_bw, .micro_batches = 5 * m, .batch = m});
      for (const Slice& slice : timeline.slices) {
        if (slice.activity != Activity::compute) continue;
        EXPECT_EQ(slice.version, std::max<std::int64_t>((slice.micro_batch - 1) / m - 1, 0));
      }
      for (const DeviceUse& use : timeline.devices) EXPECT_EQ(use.versions, 2);
    }
  }
}

TEST(Weights, SchedulesWithAFlushHaveOneVersion) {
  for (const Planned& planned : pipelines()) {
    for (const Schedule schedule : {Schedule::flush, Schedule::gpipe}) {
      const auto timeline = run(planned, {.schedule = schedule, .micro_batches = 28, .batch = 7});
      for (const Slice& slice : timeline.slices) {
        if (slice.activity != Activity::compute) continue;
        EXPECT_EQ(slice.version, (slice.micro_batch - 1) / 7);
      }
      for (const DeviceUse& use : timeline.devices) EXPECT_EQ(use.versions, 1);
    }
  }
}

TEST(Weights, StashingGivesBothPassesTheVersionOfTheForward) {
  for (const Planned& planned : pipelines()) {
    const auto timeline = run(planned, {.schedule = Schedule::one_f_one_b, .micro_batches = 40});
    const auto stages = static_cast<std::int32_t>(planned.plan.stages.size());
    for (std::int32_t stage = 0; stage < stages; ++stage) {
      std::int32_t updates = 0;
      std::map<std::int32_t, std::int32_t> stashed;
      for (const Slice& slice : slices_of(timeline, stage, Activity::compute)) {
        if (slice.phase == Phase::forward) {
          EXPECT_EQ(slice.version, updates);
          stashed[slice.micro_batch] = slice.version;
        } else {
          EXPECT_EQ(slice.version, stashed.at(slice.micro_batch));
          ++updates;
        }
      }
      EXPECT_EQ(updates, 40);
      const int device = planned.plan.stages[static_cast<std::size_t>(stage)].device.value();
      const DeviceUse& use = timeline.devices[static_cast<std::size_t>(device)];
      if (planned.problem.transfers() == Transfers::serial) {
        EXPECT_EQ(use.versions, stages - stage);
      }
      EXPECT_LE(use.versions, use.in_flight);
    }
  }
}

// Computations of one stage, one after the other: "F1 F2 B1 B2".
std::vector<Slice> computations(const std::string& order) {
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < order.size(); i += 3) {
    Slice slice;
    slice.start = Duration(static_cast<std::int64_t>(i));
    slice.end = slice.start + Duration(3);
    slice.phase = order[i] == 'F' ? Phase::forward : Phase::backward;
    slice.micro_batch = order[i + 1] - '0';
    slices.push_back(slice);
  }
  return slices;
}

base::Result<std::vector<int>> track(Schedule schedule, std::int64_t batch, std::string order) {
  std::vector<Slice> slices = computations(order);
  return track_weights({{true, 2}}, schedule, batch, slices);
}

TEST(Weights, BrokenPromisesAreFound) {
  EXPECT_EQ(track(Schedule::flush, 2, "F1 F2 B1 B2 F3 B3").value(), std::vector<int>{1});
  const auto mixed = track(Schedule::flush, 2, "F1 F2 B1 F3 B2 B3");
  ASSERT_FALSE(mixed.ok());
  EXPECT_EQ(mixed.error().code, base::ErrorCode::internal);
  EXPECT_EQ(mixed.error().message,
            "flush: stage 0 at micro-batch 2: 2 versions of the weights are alive");
  EXPECT_FALSE(track(Schedule::gpipe, 2, "F1 F2 B1 F3 B2 B3").ok());

  EXPECT_EQ(track(Schedule::two_bw, 2, "F1 F2 B1 F3 B2 F4 B3 F5 B4 B5").value(),
            std::vector<int>{2});
  // Five in flight, batches of two: the fifth needs the version that the second makes.
  const auto late = track(Schedule::two_bw, 2, "F1 F2 F3 F4 F5 B1 B2 B3 B4 B5");
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().message,
            "2bw: stage 0 at micro-batch 5: reads version 1 of the weights, and the newest is 0");
  // A micro-batch that stays for a batch too long keeps a third version.
  const auto stays = track(Schedule::two_bw, 2, "F1 F2 F3 F4 B2 B3 F5 B4 B5");
  ASSERT_FALSE(stays.ok());
  EXPECT_EQ(stays.error().message,
            "2bw: stage 0 at micro-batch 5: 3 versions of the weights are alive");

  EXPECT_EQ(track(Schedule::one_f_one_b, 0, "F1 F2 B1 F3 B2 B3").value(), std::vector<int>{2});
}

TEST(Weights, StagesWithoutUpdatesHaveNoVersions) {
  std::vector<Slice> slices = computations("F1 F2 F3");
  EXPECT_EQ(track_weights({{false, 1}}, Schedule::flush, 1, slices).value(), std::vector<int>{0});
  EXPECT_EQ(slices, computations("F1 F2 F3"));
}

}  // namespace
}  // namespace cleave::simulate
