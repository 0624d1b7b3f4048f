#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cleave/baselines/baseline.h"
#include "cleave/check/check.h"
#include "support/random_draft.h"

namespace cleave::baselines {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::PlacementRule;

const Baseline& find(std::string_view name) {
  for (const Baseline& baseline : baselines()) {
    if (baseline.name == name) return baseline;
  }
  ADD_FAILURE() << "no baseline " << name;
  return baselines().front();
}

// A chain of operators with equal times and sizes.
struct Chain {
  int operators = 4;
  std::optional<Duration> accelerator_time = Duration(10);
  std::optional<Duration> cpu_time = Duration(100);
  Bytes memory = Bytes(1);
  Duration transfer{1};
};

model::Problem chain_problem(const Chain& chain, std::vector<model::DeviceClass> classes,
                             model::Question question = {}) {
  model::GraphBuilder builder({"accelerator", "cpu"});
  for (int v = 0; v < chain.operators; ++v) {
    model::OperatorSpec spec;
    spec.id = "v" + std::to_string(v);
    spec.memory = chain.memory;
    spec.times = {chain.accelerator_time, chain.cpu_time};
    builder.add_operator(std::move(spec));
    if (v > 0) builder.add_tensor({OperatorId(v - 1), {OperatorId(v)}, {}, chain.transfer});
  }
  return model::Problem::create(
             std::make_shared<const model::Graph>(std::move(builder).build().value()),
             model::Machine::create(std::move(classes)).value(), std::move(question))
      .value();
}

model::DeviceClass accelerators(int count, std::optional<Bytes> memory = {}) {
  return {"accelerator", count, memory, true, std::nullopt, "accelerator"};
}
model::DeviceClass cpus(int count) { return {"cpu", count, std::nullopt, false, {}, "cpu"}; }

// Runs the baseline on random problems, changed by `prepare`, and expects every placement to be
// feasible. Returns how many placements there were.
int expect_feasible(std::string_view name, int problems,
                    const std::function<void(support::Draft&)>& prepare) {
  const Baseline& baseline = find(name);
  int placements = 0;
  for (int seed = 0; seed < problems; ++seed) {
    SCOPED_TRACE(std::string(name) + ", seed " + std::to_string(seed));
    support::Draft draft = support::random_draft(static_cast<std::uint64_t>(seed));
    prepare(draft);
    const auto problem = support::build(draft).value();
    if (!baseline.supports(problem)) continue;
    const auto placement = baseline.run(problem, 1);
    EXPECT_EQ(placement, baseline.run(problem, 1)) << "not deterministic";
    if (!placement) continue;
    ++placements;
    const check::Verdict verdict = check::examine(problem, *placement);
    for (const std::string& violation : verdict.violations) ADD_FAILURE() << violation;
    if (testing::Test::HasFailure()) return placements;
  }
  return placements;
}

TEST(Baselines, ContiguousOnesKeepEveryRule) {
  const auto contiguous = [](support::Draft& draft) {
    draft.question.placement = PlacementRule::contiguous;
  };
  for (const std::string_view name : {"one-device", "greedy", "linear-order", "pipedream-like"}) {
    EXPECT_GT(expect_feasible(name, 1000, contiguous), 200) << name;
  }
}

TEST(Baselines, LocalSearchKeepsEveryRuleButContiguity) {
  const auto any = [](support::Draft& draft) { draft.question.placement = PlacementRule::any; };
  EXPECT_GT(expect_feasible("local-search", 300, any), 150);
}

TEST(Baselines, ScotchKeepsGroupsAndAllowedDevices) {
  const auto without_memory = [](support::Draft& draft) {
    draft.question.placement = PlacementRule::any;
    for (model::DeviceClass& device_class : draft.classes) device_class.memory.reset();
  };
  EXPECT_GT(expect_feasible("scotch", 1000, without_memory), 800);
}

TEST(Baselines, SurviveHostileProblems) {
  const Chain usual;
  const std::vector<model::Problem> problems = {
      chain_problem({.operators = 1}, {accelerators(3), cpus(1)}),
      chain_problem({.accelerator_time = Duration(0),
                     .cpu_time = Duration(0),
                     .memory = Bytes(0),
                     .transfer = Duration(0)},
                    {accelerators(2), cpus(1)}),
      chain_problem({.accelerator_time = std::nullopt}, {accelerators(2), cpus(1)}),
      chain_problem(usual, {cpus(2)}),
      chain_problem(usual, {accelerators(1)}),
      chain_problem(usual, {accelerators(1000)}),
      chain_problem({.memory = Bytes(9)}, {accelerators(2, Bytes(8))}),
      chain_problem({.memory = Bytes(9)}, {accelerators(2, Bytes(0))}),
  };
  for (std::size_t i = 0; i < problems.size(); ++i) {
    for (const Baseline& baseline : baselines()) {
      SCOPED_TRACE(std::string(baseline.name) + ", problem " + std::to_string(i));
      const auto placement = baseline.run(problems[i], 1);
      const bool has_room = i < problems.size() - 2;
      if (baseline.name == "one-device" || baseline.name == "linear-order" ||
          baseline.name == "local-search") {
        EXPECT_EQ(placement.has_value(), has_room);
      }
      if (placement) {
        EXPECT_FALSE(check::examine(problems[i], *placement).devices.empty());
      }
    }
  }
}

TEST(OneDevice, TakesTheFastestDeviceThatHoldsAll) {
  const auto on_cpu = chain_problem({}, {accelerators(2, Bytes(3)), cpus(1)});
  EXPECT_EQ(find("one-device").run(on_cpu, 1), model::Placement(4, DeviceId(2)));
  const auto on_accelerator = chain_problem({}, {accelerators(2, Bytes(4)), cpus(1)});
  EXPECT_EQ(find("one-device").run(on_accelerator, 1), model::Placement(4, DeviceId(0)));
}

TEST(ReplicasOnly, DividesTheTimeByTheCopiesOfTheBestClass) {
  EXPECT_EQ(replicas_only(chain_problem({}, {accelerators(3), cpus(1)})), Duration(14));
  EXPECT_EQ(replicas_only(chain_problem({}, {accelerators(3, Bytes(3)), cpus(1)})), Duration(400));
  EXPECT_EQ(replicas_only(chain_problem({}, {accelerators(3, Bytes(3))})), std::nullopt);
  model::Question question;
  question.forbids.push_back({"v1", "accelerator2"});
  EXPECT_EQ(replicas_only(chain_problem({}, {accelerators(3), cpus(1)}, question)), Duration(20));
}

TEST(Greedy, FillsEachDeviceToItsShare) {
  const auto placement = find("greedy").run(chain_problem({.operators = 6}, {accelerators(3)}), 1);
  const model::Placement even{DeviceId(0), DeviceId(0), DeviceId(1),
                              DeviceId(1), DeviceId(2), DeviceId(2)};
  EXPECT_EQ(placement, even);
}

TEST(Greedy, SpillsToTheHost) {
  const auto problem = chain_problem({.operators = 6}, {accelerators(2, Bytes(2)), cpus(1)});
  const model::Placement spilled{DeviceId(0), DeviceId(0), DeviceId(1),
                                 DeviceId(1), DeviceId(2), DeviceId(2)};
  EXPECT_EQ(find("greedy").run(problem, 1), spilled);
}

TEST(LinearOrder, BalancesAChain) {
  const auto problem = chain_problem({.operators = 6}, {accelerators(3)});
  const auto placement = find("linear-order").run(problem, 1);
  ASSERT_TRUE(placement);
  EXPECT_EQ(check::examine(problem, *placement).objective, Duration(22));
}

TEST(LinearOrder, LeavesDevicesIdleWhereSplittingDoesNotPay) {
  const auto problem = chain_problem({.transfer = Duration(1000)}, {accelerators(3)});
  EXPECT_EQ(find("linear-order").run(problem, 1), model::Placement(4, DeviceId(0)));
}

TEST(LinearOrder, BoundsItsEffortOnLongChains) {
  const auto problem = chain_problem({.operators = 5000}, {accelerators(4)});
  const auto placement = find("linear-order").run(problem, 1);
  ASSERT_TRUE(placement);
  const check::Verdict verdict = check::examine(problem, *placement);
  EXPECT_TRUE(verdict.feasible());
  EXPECT_LT(base::to_ms(verdict.objective), 1.01 * 50'000e-9 / 4);
}

TEST(LocalSearch, DoesNotBeatTheOptimumOfAChainOfOnes) {
  const auto problem = chain_problem({.operators = 6, .transfer = Duration(0)}, {accelerators(3)});
  const auto placement = find("local-search").run(problem, 1);
  ASSERT_TRUE(placement);
  EXPECT_EQ(check::examine(problem, *placement).objective, Duration(20));
}

}  // namespace
}  // namespace cleave::baselines
