#include "cleave/simulate/simulate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "simulate/pipelines.h"

namespace cleave::simulate {
namespace {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Phase;
using model::Transfers;

Timeline run(const Planned& planned, const Options& options = {}) {
  auto timeline = simulate(planned.problem, planned.plan, options);
  EXPECT_TRUE(timeline.ok()) << timeline.error().to_string();
  return std::move(timeline).value();
}

std::string refusal(const Planned& planned, const Options& options) {
  const auto timeline = simulate(planned.problem, planned.plan, options);
  EXPECT_FALSE(timeline.ok());
  if (timeline.ok()) return "";
  EXPECT_EQ(timeline.error().code, base::ErrorCode::bad_input);
  return timeline.error().message;
}

// "F1 F2 B1 …": what the stage computes, in order.
std::string order_of(const Timeline& timeline, std::int32_t stage) {
  std::string order;
  for (const Slice& slice : slices_of(timeline, stage, Activity::compute)) {
    if (!order.empty()) order += " ";
    order += (slice.phase == Phase::forward ? "F" : "B") + std::to_string(slice.micro_batch);
  }
  return order;
}

std::vector<int> in_flight(const Timeline& timeline) {
  std::vector<int> numbers;
  for (const DeviceUse& use : timeline.devices) numbers.push_back(use.in_flight);
  return numbers;
}

std::vector<int> versions(const Timeline& timeline) {
  std::vector<int> numbers;
  for (const DeviceUse& use : timeline.devices) numbers.push_back(use.versions);
  return numbers;
}

const std::vector<Schedule> kSchedules{Schedule::inference, Schedule::gpipe, Schedule::one_f_one_b,
                                       Schedule::flush, Schedule::two_bw};

TEST(Schedules, HaveNames) {
  for (const Schedule schedule : kSchedules) {
    EXPECT_EQ(find_schedule(to_string(schedule)), schedule);
  }
  EXPECT_EQ(find_schedule("1F1B"), std::nullopt);
}

TEST(Schedules, InferenceIsAFlowShop) {
  const auto timeline =
      run(make_pipeline({{2, 5, 3}, {}, 0, Transfers::serial}), {.micro_batches = 10});
  EXPECT_EQ(timeline.schedule, Schedule::inference);
  EXPECT_EQ(timeline.makespan, Duration(2 + 10 * 5 + 3));
  EXPECT_EQ(timeline.devices[1].busy, Duration(50));
  EXPECT_EQ(timeline.devices[0].busy, Duration(20));
  EXPECT_EQ(versions(timeline), (std::vector<int>{0, 0, 0}));
}

TEST(Schedules, InferenceLetsSamplesInAsFastAsThePipelineTakesThem) {
  const auto timeline =
      run(make_pipeline({{1, 1, 9}, {}, 0, Transfers::serial}), {.micro_batches = 30});
  EXPECT_EQ(timeline.depth, 3);
  EXPECT_EQ(timeline.makespan, Duration(1 + 1 + 30 * 9));
  for (const DeviceUse& use : timeline.devices) EXPECT_LE(use.in_flight, 3);
}

TEST(Schedules, OneFOneBAlternates) {
  const auto planned = make_pipeline({{1, 1, 1}, {2, 2, 2}, 0, Transfers::serial});
  const auto timeline = run(planned, {.micro_batches = 5});
  EXPECT_EQ(timeline.schedule, Schedule::one_f_one_b);
  EXPECT_EQ(order_of(timeline, 0), "F1 F2 F3 B1 F4 B2 F5 B3 B4 B5");
  EXPECT_EQ(order_of(timeline, 1), "F1 F2 B1 F3 B2 F4 B3 F5 B4 B5");
  EXPECT_EQ(order_of(timeline, 2), "F1 B1 F2 B2 F3 B3 F4 B4 F5 B5");
  EXPECT_EQ(in_flight(timeline), (std::vector<int>{3, 2, 1}));
  EXPECT_EQ(timeline.makespan, Duration((5 + 2) * 3));
}

TEST(Schedules, GPipeDoesAllForwardsThenAllBackwards) {
  const auto planned = make_pipeline({{1, 1, 1}, {2, 2, 2}, 0, Transfers::serial});
  const auto timeline = run(planned, {.schedule = Schedule::gpipe, .micro_batches = 8, .batch = 4});
  for (std::int32_t stage = 0; stage < 3; ++stage) {
    EXPECT_EQ(order_of(timeline, stage), "F1 F2 F3 F4 B1 B2 B3 B4 F5 F6 F7 F8 B5 B6 B7 B8");
  }
  EXPECT_EQ(timeline.makespan, Duration(2 * (4 + 2) * (1 + 2)));
  EXPECT_EQ(timeline.rate.per_micro_batch(), Duration(5));  // 36 / 8, rounded
  EXPECT_EQ(in_flight(timeline), (std::vector<int>{4, 4, 4}));
  EXPECT_EQ(versions(timeline), (std::vector<int>{1, 1, 1}));
}

TEST(Schedules, FlushEmptiesThePipelineBetweenBatches) {
  const auto planned = make_pipeline({{1, 1, 1}, {2, 2, 2}, 0, Transfers::serial});
  const auto timeline = run(planned, {.schedule = Schedule::flush, .micro_batches = 8, .batch = 4});
  EXPECT_EQ(order_of(timeline, 0), "F1 F2 F3 B1 F4 B2 B3 B4 F5 F6 F7 B5 F8 B6 B7 B8");
  EXPECT_EQ(timeline.makespan, Duration(2 * (4 + 2) * (1 + 2)));
  EXPECT_EQ(in_flight(timeline), (std::vector<int>{3, 2, 1}));
  EXPECT_EQ(versions(timeline), (std::vector<int>{1, 1, 1}));
}

// Where transfers overlap with computing, those on their way count too.
TEST(Schedules, FlushHasAtMostAsManyInFlightAsKeepThePipelineBusy) {
  for (const auto& [transfers, depth] :
       {std::pair{Transfers::serial, 3}, std::pair{Transfers::half_duplex, 11},
        std::pair{Transfers::full_duplex, 11}}) {
    const auto planned = make_pipeline({{3, 1, 4}, {2, 5, 1}, 2, transfers});
    const auto timeline =
        run(planned, {.schedule = Schedule::flush, .micro_batches = 80, .batch = 40});
    EXPECT_EQ(timeline.depth, depth);
    for (const int number : in_flight(timeline)) EXPECT_LE(number, depth);
  }
}

TEST(Transfers, OverlapAsTheModelSays) {
  // Stage 1 moves 3 in, computes 4 and moves 3 out.
  const PipelineSpec spec{{4, 4, 4}, {}, 3, Transfers::serial};
  for (const auto& [transfers, busiest] :
       {std::pair{Transfers::serial, 10}, std::pair{Transfers::half_duplex, 6},
        std::pair{Transfers::full_duplex, 4}}) {
    PipelineSpec as = spec;
    as.transfers = transfers;
    const auto timeline = run(make_pipeline(as), {.micro_batches = 200});
    EXPECT_EQ(timeline.rate.per_micro_batch(), Duration(busiest));
    EXPECT_EQ(timeline.devices[1].in, Duration(600));
    EXPECT_EQ(timeline.devices[1].out, Duration(600));
    EXPECT_EQ(timeline.devices[0].in, Duration(0));
    // The first one has nobody to wait for.
    const auto first = slices_of(timeline, 2, Activity::compute).front();
    EXPECT_EQ(first.start, Duration(4 + 3 + 3 + 4 + 3 + 3));
  }
}

// Producer, then consumers on the devices named.
Planned fan_out(const std::vector<std::size_t>& consumers, Transfers transfers) {
  support::Draft draft;
  draft.time_columns = {"acc"};
  draft.classes = {devices("acc", 4, true)};
  draft.question.placement = model::PlacementRule::any;
  draft.question.transfers = transfers;
  draft.operators.push_back({"p", "", Phase::forward, base::Bytes(0), {Duration(1)}, {}});
  std::vector<OperatorId> ids;
  std::vector<std::size_t> placement{0};
  for (const std::size_t device : consumers) {
    ids.emplace_back(draft.operators.size());
    draft.operators.push_back(
        {"c" + std::to_string(ids.size()), "", Phase::forward, base::Bytes(0), {Duration(1)}, {}});
    placement.push_back(device);
  }
  draft.tensors.push_back({OperatorId(0), ids, {}, Duration(5)});
  return place(draft, placement);
}

TEST(Transfers, ATensorMovesOnceIntoADeviceAndOnceOut) {
  const auto timeline = run(fan_out({0, 1, 1, 2}, Transfers::serial), {.micro_batches = 1});
  EXPECT_EQ(timeline.devices[0].out, Duration(5));
  EXPECT_EQ(timeline.devices[1].in, Duration(5));
  EXPECT_EQ(timeline.devices[2].in, Duration(5));
  EXPECT_EQ(timeline.devices[3].busy, Duration(0));
}

TEST(Transfers, ABusCarriesSoManyAtOnce) {
  const auto planned = fan_out({1, 2, 3}, Transfers::full_duplex);
  const auto makespan = [&](std::optional<int> bus) {
    return run(planned, {.micro_batches = 1, .bus = bus}).makespan;
  };
  EXPECT_EQ(makespan({}), Duration(1 + 5 + 5 + 1));
  EXPECT_EQ(makespan(3), Duration(1 + 5 + 5 + 1));
  EXPECT_EQ(makespan(2), Duration(1 + 5 + 10 + 1));
  EXPECT_EQ(makespan(1), Duration(1 + 5 + 15 + 1));
}

TEST(Transfers, WhatOnlyTheBackwardPassNeedsIsReceivedInTheForwardPass) {
  // f1's tensor goes to b0 alone: gpipe moves it before any backward pass.
  support::Draft draft;
  draft.time_columns = {"acc"};
  draft.classes = {devices("acc", 2, true)};
  draft.question.schedule = model::Schedule::gpipe;
  const auto add = [&](const char* id, Phase phase, const char* group) {
    draft.operators.push_back({id, "", phase, base::Bytes(0), {Duration(10)}, group});
  };
  add("f0", Phase::forward, "0");
  add("f1", Phase::forward, "1");
  add("b1", Phase::backward, "1");
  add("b0", Phase::backward, "0");
  draft.tensors.push_back({OperatorId(0), {OperatorId(1)}, {}, Duration(1)});
  draft.tensors.push_back({OperatorId(1), {OperatorId(3)}, {}, Duration(2)});
  draft.tensors.push_back({OperatorId(2), {OperatorId(3)}, {}, Duration(3)});
  const auto timeline = run(place(draft, {0, 1, 1, 0}), {.micro_batches = 2, .batch = 2});
  Duration last_receipt{0};
  Duration first_backward = timeline.makespan;
  int receipts = 0;
  for (const Slice& slice : timeline.slices) {
    if (slice.device == DeviceId(0) && slice.activity == Activity::in &&
        slice.phase == Phase::forward) {
      EXPECT_EQ(slice.end - slice.start, Duration(2));
      last_receipt = std::max(last_receipt, slice.end);
      ++receipts;
    }
    if (slice.phase == Phase::backward) first_backward = std::min(first_backward, slice.start);
  }
  EXPECT_EQ(receipts, 2);
  EXPECT_LE(last_receipt, first_backward);
}

TEST(VirtualStages, ADeviceTakesItsStagesInTurn) {
  // a on device 0, b on device 1, c on device 0 again.
  support::Draft draft;
  draft.time_columns = {"acc"};
  draft.classes = {devices("acc", 2, false)};
  draft.question.placement = model::PlacementRule::any;
  for (const char* id : {"a", "b", "c"}) {
    draft.operators.push_back({id, "", Phase::forward, base::Bytes(0), {Duration(5)}, {}});
  }
  draft.tensors.push_back({OperatorId(0), {OperatorId(1)}, {}, Duration(0)});
  draft.tensors.push_back({OperatorId(1), {OperatorId(2)}, {}, Duration(0)});
  const auto planned = place(draft, {0, 1, 0});
  ASSERT_EQ(planned.plan.stages.size(), 3u);
  const auto timeline = run(planned, {.micro_batches = 100});
  EXPECT_EQ(planned.plan.objective, Duration(10));
  EXPECT_EQ(timeline.rate.per_micro_batch(), Duration(10));
  EXPECT_EQ(timeline.devices[0].compute, Duration(1000));
}

TEST(Jitter, FollowsItsSeed) {
  const auto planned = make_pipeline({{1000, 2000}, {3000, 4000}, 500, Transfers::serial});
  const Options options{.micro_batches = 20, .jitter = 0.25, .seed = 7};
  const auto timeline = run(planned, options);
  EXPECT_EQ(timeline.slices, run(planned, options).slices);
  Options other = options;
  other.seed = 8;
  EXPECT_NE(timeline.slices, run(planned, other).slices);
  bool varies = false;
  for (const Slice& slice : timeline.slices) {
    const auto length = (slice.end - slice.start).count();
    const auto time =
        slice.phase == Phase::forward ? 1000 + 1000 * slice.stage : 3000 + 1000 * slice.stage;
    if (slice.activity != Activity::compute) {
      EXPECT_EQ(length, 500);
      continue;
    }
    EXPECT_GE(length, time * 3 / 4);
    EXPECT_LE(length, time * 5 / 4);
    varies = varies || length != time;
  }
  EXPECT_TRUE(varies);
}

// Whether no two of the slices overlap.
bool are_apart(std::vector<Slice> slices) {
  std::sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
    return std::tie(a.start, a.end) < std::tie(b.start, b.end);
  });
  for (std::size_t i = 1; i < slices.size(); ++i) {
    if (slices[i].start < slices[i - 1].end) return false;
  }
  return true;
}

// A device does one thing at a time, as the transfer model has it.
void expect_devices_apart(const Planned& planned, const Timeline& timeline) {
  std::map<std::pair<DeviceId, int>, std::vector<Slice>> does;
  for (const Slice& slice : timeline.slices) {
    const bool computes = slice.activity == Activity::compute;
    int unit = 0;
    if (planned.problem.transfers() == Transfers::half_duplex) unit = computes ? 0 : 1;
    if (planned.problem.transfers() == Transfers::full_duplex) {
      unit = static_cast<int>(slice.activity);
    }
    does[{slice.device, unit}].push_back(slice);
  }
  for (const auto& [unit, slices] : does) EXPECT_TRUE(are_apart(slices));
}

// Every device moves and computes for each micro-batch what the plan says of a sample.
void expect_planned_work(const Planned& planned, const Timeline& timeline) {
  for (std::size_t d = 0; d < timeline.devices.size(); ++d) {
    const DeviceUse& use = timeline.devices[d];
    const model::DeviceLoad& load = planned.plan.devices[d];
    EXPECT_EQ(use.in, timeline.micro_batches * load.in);
    EXPECT_EQ(use.compute, timeline.micro_batches * load.compute);
    EXPECT_EQ(use.out, timeline.micro_batches * load.out);
    EXPECT_LE(use.busy, timeline.makespan);
  }
}

// No computation starts before those of its inputs are over and moved. Looks at stages that compute
// once a phase; returns at how many pairs of a tensor and a micro-batch it has looked.
std::int64_t expect_inputs_first(const Planned& planned, const Timeline& timeline) {
  const model::Graph& graph = planned.problem.graph();
  std::vector<std::int32_t> stage_of(graph.num_operators());
  for (std::size_t s = 0; s < planned.plan.stages.size(); ++s) {
    for (const OperatorId op : planned.plan.stages[s].operators) {
      stage_of[op.index()] = static_cast<std::int32_t>(s);
    }
  }
  std::map<std::tuple<std::int32_t, Phase, std::int32_t>, std::vector<Slice>> computations;
  for (const Slice& slice : timeline.slices) {
    if (slice.activity != Activity::compute) continue;
    computations[{slice.stage, slice.phase, slice.micro_batch}].push_back(slice);
  }
  std::int64_t looked = 0;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId from = graph.producer(TensorId(x));
    const auto class_of = [&](OperatorId op) {
      return planned.problem.machine().class_of(planned.plan.placement[op.index()]);
    };
    for (const OperatorId to : graph.consumers(TensorId(x))) {
      const auto key = [&](OperatorId op, std::int32_t k) {
        return std::tuple(stage_of[op.index()], graph.phase(op), k);
      };
      if (key(from, 0) == key(to, 0)) continue;
      const bool moves = planned.plan.placement[from.index()] != planned.plan.placement[to.index()];
      const Duration move = planned.problem.transfer(TensorId(x), class_of(from)) +
                            planned.problem.transfer(TensorId(x), class_of(to));
      for (std::int32_t k = 1; k <= timeline.micro_batches; ++k) {
        const auto& before = computations.at(key(from, k));
        const auto& after = computations.at(key(to, k));
        if (before.size() > 1 || after.size() > 1) continue;
        EXPECT_LE(before.front().end + (moves ? move : Duration::zero()), after.front().start);
        ++looked;
      }
    }
  }
  return looked;
}

TEST(RandomPlans, DoWhatIsPlannedInOrderUnderEverySchedule) {
  std::int64_t simulated = 0;
  std::int64_t inputs = 0;
  std::uint64_t seed = 1;
  for (int i = 0; i < 400; ++i, ++seed) {
    const Planned planned = random_planned(seed);
    for (const Schedule schedule : kSchedules) {
      // 2bw refuses batches below the depth, which 1f1b shares.
      const Schedule like = schedule == Schedule::two_bw ? Schedule::one_f_one_b : schedule;
      const auto depth = simulate(planned.problem, planned.plan,
                                  {.schedule = like, .micro_batches = 1, .batch = 1});
      if (!depth) {
        EXPECT_TRUE(schedule == Schedule::inference || schedule == Schedule::gpipe)
            << depth.error().to_string();
        continue;
      }
      const std::int64_t batch = depth->depth + 2;
      const std::optional<int> bus = i % 3 == 0 ? std::optional(1 + i % 2) : std::nullopt;
      const auto timeline = run(
          planned, {.schedule = schedule, .micro_batches = 2 * batch, .batch = batch, .bus = bus});
      expect_devices_apart(planned, timeline);
      expect_planned_work(planned, timeline);
      inputs += expect_inputs_first(planned, timeline);
      for (const DeviceUse& use : timeline.devices) {
        EXPECT_LE(use.in_flight, schedule == Schedule::gpipe ? batch : timeline.depth);
      }
      ++simulated;
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << " " << to_string(schedule);
    }
  }
  EXPECT_GT(inputs, 10000);
  std::cout << simulated << " simulations of random plans, " << inputs << " inputs looked at\n";
}

TEST(BadInput, SaysWhatIsWrong) {
  const auto training = make_pipeline({{1, 1, 1}, {2, 2, 2}, 0, Transfers::serial});
  EXPECT_EQ(refusal(training, {.schedule = Schedule::inference}),
            "the graph has backward operators; inference has no use for them");
  EXPECT_EQ(refusal(training, {.schedule = Schedule::gpipe, .micro_batches = 10, .batch = 4}),
            "10 micro-batches are no whole number of batches of 4");
  EXPECT_EQ(refusal(training, {.schedule = Schedule::two_bw, .batch = 2}),
            "2bw keeps two versions of the weights, so a batch needs as many micro-batches as are "
            "in the pipeline at once: at least 3, and it has 2");
  EXPECT_EQ(refusal(training, {.micro_batches = 0}),
            "0 micro-batches are asked for; there must be 1 to 10000000");
  EXPECT_EQ(refusal(training, {.micro_batches = 10'000'000}),
            "10000000 micro-batches of 6 activities each are more than 10000000");
  EXPECT_EQ(refusal(training, {.jitter = 1.0}),
            "the jitter is 1; it must be at least 0 and below 1");
  EXPECT_EQ(refusal(training, {.bus = 0}), "the bus carries 0 transfers; it must carry at least 1");
  const auto slow = make_pipeline({{std::int64_t{1} << 58}, {}, 0, Transfers::serial});
  EXPECT_NE(refusal(slow, {.micro_batches = 100}).find("take longer than can be counted"),
            std::string::npos);
}

TEST(BadInput, PlansThatAreNone) {
  Planned planned = make_pipeline({{1, 1}, {}, 0, Transfers::serial});
  std::swap(planned.plan.stages[0].operators, planned.plan.stages[1].operators);
  planned.plan.stages[0].operators.clear();
  EXPECT_EQ(refusal(planned, {}), "operator 'f1' is in no stage");
  planned.plan.stages[0].operators = planned.plan.stages[1].operators;
  EXPECT_EQ(refusal(planned, {}), "operator 'f0' is in two stages");
  planned.plan.stages[0].device = DeviceId(7);
  EXPECT_EQ(refusal(planned, {}), "stage 0 is on a device that the machine lacks");
  planned.plan = {};
  EXPECT_EQ(refusal(planned, {}), "the plan has no placement to simulate");
}

}  // namespace
}  // namespace cleave::simulate
