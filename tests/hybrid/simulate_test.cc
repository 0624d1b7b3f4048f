// The planner's formulas against the simulator, which shares no code with them.

#include "cleave/simulate/simulate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/hybrid/plan.h"
#include "cleave/solve/solve.h"

namespace cleave::hybrid {
namespace {

using base::Duration;
using base::OperatorId;

// A row of blocks, forward and backward; tensors move in no time.
model::Graph make_chain(const std::vector<Piece>& blocks) {
  model::GraphBuilder builder({"accelerator"});
  const std::size_t n = blocks.size();
  const auto add = [&](std::size_t block, model::Phase phase) {
    const bool runs_forward = phase == model::Phase::forward;
    model::OperatorSpec spec;
    spec.id = fmt::format("{}{}", runs_forward ? "forward" : "backward", block);
    spec.phase = phase;
    spec.times = {runs_forward ? blocks[block].forward : blocks[block].backward};
    spec.group = fmt::format("block{}", block);
    builder.add_operator(std::move(spec));
  };
  const auto connect = [&](std::size_t from, std::size_t to) {
    builder.add_tensor({OperatorId(from), {OperatorId(to)}, base::Bytes(0), Duration(0)});
  };
  // Forward operators are 0 … n − 1; the twin of operator i is n + i.
  for (std::size_t i = 0; i < n; ++i) add(i, model::Phase::forward);
  for (std::size_t i = 0; i < n; ++i) add(i, model::Phase::backward);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    connect(i, i + 1);
    connect(n + i + 1, n + i);
  }
  connect(n - 1, 2 * n - 1);
  auto graph = std::move(builder).build();
  EXPECT_TRUE(graph.ok());
  return std::move(graph).value();
}

struct Case {
  Method method;
  simulate::Schedule schedule;
};

// How much longer a batch takes than the formulas say: simulated / planned.
double simulate_batch(const Case& c, const std::vector<Piece>& blocks, std::int64_t depth,
                      std::int64_t m) {
  model::DeviceClass accelerators;
  accelerators.name = "accelerator";
  accelerators.count = static_cast<int>(depth);
  auto machine = model::Machine::create({accelerators});
  EXPECT_TRUE(machine.ok());
  const auto problem =
      model::Problem::create(std::make_shared<model::Graph>(make_chain(blocks)), *machine, {});
  EXPECT_TRUE(problem.ok());
  const std::size_t per_stage = blocks.size() / static_cast<std::size_t>(depth);
  model::Placement placement;
  for (std::size_t v = 0; v < 2 * blocks.size(); ++v) {
    placement.push_back(base::DeviceId(v % blocks.size() / per_stage));
  }
  simulate::Options options;
  options.schedule = c.schedule;
  options.batch = m;
  options.micro_batches = 8 * m;
  const auto timeline = simulate::simulate(*problem, solve::describe(*problem, placement), options);
  EXPECT_TRUE(timeline.ok());
  const auto simulated = static_cast<double>(timeline->rate.span.count()) /
                         static_cast<double>(timeline->rate.micro_batches) * static_cast<double>(m);

  BlockModel model;
  model.blocks = blocks;
  const Cluster cluster{depth, depth, std::nullopt, {1, Duration(0)}, {1, Duration(0)}};
  const Choice choice{c.method, {1, depth}, m, 1, false};
  return simulated / static_cast<double>(evaluate(model, cluster, choice).batch_time.count());
}

class Simulated : public testing::TestWithParam<Case> {};

TEST_P(Simulated, TakesAsLongAsPlannedForEqualStages) {
  for (const std::int64_t depth : {2, 3, 4, 8}) {
    for (const std::int64_t m : {depth, 2 * depth, 4 * depth + 1}) {
      for (const std::int64_t backward : {1000, 2000, 3000}) {
        Piece block;
        block.forward = Duration(1000);
        block.backward = Duration(backward);
        const std::vector<Piece> blocks(static_cast<std::size_t>(2 * depth), block);
        EXPECT_NEAR(simulate_batch(GetParam(), blocks, depth, m), 1.0, 0.001)
            << to_string(GetParam().method) << " depth " << depth << " m " << m << " backward "
            << backward;
      }
    }
  }
}

// With a flush, stages after the slowest one hide behind it, which the formula does not count.
TEST_P(Simulated, TakesNoLongerThanPlannedForUnequalStages) {
  const double least = GetParam().method == Method::flush ? 0.8 : 0.999;
  base::Random random(1);
  for (int i = 0; i < 300; ++i) {
    const std::int64_t depth = random.between(2, 6);
    std::vector<Piece> blocks(static_cast<std::size_t>(depth));
    for (Piece& block : blocks) {
      block.forward = Duration(1000 * random.between(1, 9));
      block.backward = 2 * block.forward;
    }
    const std::int64_t m = random.between(depth, 4 * depth);
    const double ratio = simulate_batch(GetParam(), blocks, depth, m);
    EXPECT_GT(ratio, least) << to_string(GetParam().method) << " instance " << i;
    EXPECT_LT(ratio, 1.001) << to_string(GetParam().method) << " instance " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Schedules, Simulated,
                         testing::Values(Case{Method::gpipe, simulate::Schedule::gpipe},
                                         Case{Method::flush, simulate::Schedule::flush},
                                         Case{Method::two_bw, simulate::Schedule::two_bw}));

}  // namespace
}  // namespace cleave::hybrid
