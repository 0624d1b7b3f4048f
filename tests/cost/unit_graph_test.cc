#include "cleave/cost/unit_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cleave::cost {
namespace {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::KindId;
using base::OperatorId;
using model::Phase;

class Model {
 public:
  OperatorId add(Phase phase, std::optional<std::string> group = {}) {
    model::OperatorSpec spec;
    spec.id = std::to_string(count_);
    spec.phase = phase;
    spec.memory = Bytes(1 << count_);
    spec.times = {Duration(1 << count_), std::nullopt};
    if (count_ % 2 == 0) spec.times[1] = Duration(1);
    spec.group = std::move(group);
    ++count_;
    return builder_.add_operator(std::move(spec));
  }
  void connect(OperatorId from, std::vector<OperatorId> to) {
    builder_.add_tensor({from, std::move(to), std::nullopt, Duration(5)});
  }
  model::Problem problem() && {
    model::DeviceClass accelerator{"accelerator", 1, std::nullopt, true, std::nullopt, "a"};
    model::DeviceClass cpu{"cpu", 1, std::nullopt, false, std::nullopt, "c"};
    return model::Problem::create(
               std::make_shared<const model::Graph>(std::move(builder_).build().value()),
               model::Machine::create({accelerator, cpu}).value(), {})
        .value();
  }

 private:
  model::GraphBuilder builder_{{"a", "c"}};
  int count_ = 0;
};

std::vector<int> successors(const UnitGraph& units, int unit) {
  std::vector<int> result;
  for (const UnitId s : units.successors(UnitId(unit))) result.push_back(s.value());
  return result;
}

TEST(UnitGraph, SumsUpTheOperatorsOfAGroup) {
  Model model;
  const auto a = model.add(Phase::forward, "g");
  const auto b = model.add(Phase::forward);
  const auto c = model.add(Phase::backward, "g");
  model.connect(a, {b, c});
  model.connect(b, {c});
  model.connect(c, {});
  const UnitGraph units(std::move(model).problem());
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units.unit_of(a), units.unit_of(c));
  const auto members = units.operators(UnitId(0));
  EXPECT_EQ(std::vector<OperatorId>(members.begin(), members.end()),
            (std::vector<OperatorId>{a, c}));
  EXPECT_EQ(units.memory(UnitId(0)), Bytes(5));
  EXPECT_EQ(units.compute(UnitId(0), ClassId(0))[0], Duration(1));
  EXPECT_EQ(units.compute(UnitId(0), ClassId(0))[1], Duration(4));
  EXPECT_TRUE(units.allowed(UnitId(0), KindId(1)));
  EXPECT_TRUE(units.allowed(UnitId(1), KindId(0)));
  EXPECT_FALSE(units.allowed(UnitId(1), KindId(1)));
  // a → {b, c} and b → c both join the two units; c's tensor joins none.
  ASSERT_EQ(units.num_hyperedges(), 2u);
  EXPECT_EQ(units.pins(HyperedgeId(0))[0], UnitId(0));
  EXPECT_EQ(units.pins(HyperedgeId(1))[0], UnitId(1));
  EXPECT_EQ(units.transfer(HyperedgeId(0), ClassId(0)), Duration(5));
  EXPECT_EQ(units.transfer(HyperedgeId(0), ClassId(1)), Duration(0));
  EXPECT_EQ(units.expand(std::vector<DeviceId>{DeviceId(1), DeviceId(0)}),
            (model::Placement{DeviceId(1), DeviceId(0), DeviceId(1)}));
}

TEST(UnitGraph, ArcsFollowForwardTensorsAndMirrorThoseOfOrphanBackwardUnits) {
  Model model;
  const auto a = model.add(Phase::forward, "a");
  const auto b = model.add(Phase::forward, "b");
  const auto loss = model.add(Phase::backward);
  const auto back_b = model.add(Phase::backward, "b");
  const auto back_a = model.add(Phase::backward, "a");
  model.connect(a, {b});
  model.connect(b, {loss});
  model.connect(loss, {back_b});
  model.connect(back_b, {back_a});
  const UnitGraph units(std::move(model).problem());
  ASSERT_EQ(units.size(), 3u);
  EXPECT_EQ(successors(units, 0), (std::vector<int>{1}));
  EXPECT_EQ(successors(units, 1), (std::vector<int>{2}));  // from loss → back_b
  EXPECT_EQ(successors(units, 2), (std::vector<int>{}));
}

TEST(UnitGraph, KeepsMirroredArcsWhenOrphansAreFusedWithForwardUnits) {
  Model model;
  const auto a = model.add(Phase::forward, "a");
  const auto b = model.add(Phase::forward);
  const auto loss = model.add(Phase::backward);
  const auto back_a = model.add(Phase::backward, "a");
  model.connect(loss, {back_a});
  const UnitGraph units(std::move(model).problem());
  const UnitId first(0), second(1);
  const UnitGraph coarse = coarsen(units, {{first, second, second}, 2});
  EXPECT_EQ(coarse.unit_of(a), first);
  EXPECT_EQ(coarse.unit_of(b), coarse.unit_of(loss));
  EXPECT_EQ(successors(coarse, 0), (std::vector<int>{1}));
  EXPECT_EQ(successors(coarse, 1), (std::vector<int>{}));
}

TEST(UnitGraph, FusesTheCyclesThatGroupsMake) {
  Model model;
  const auto a = model.add(Phase::forward, "shared");
  const auto b = model.add(Phase::forward);
  const auto c = model.add(Phase::forward, "shared");
  const auto d = model.add(Phase::forward);
  model.connect(a, {b});
  model.connect(b, {c});
  model.connect(c, {d});
  const UnitGraph units(std::move(model).problem());
  EXPECT_EQ(units.size(), 3u);
  const UnitGraph fused = fuse_cycles(units);
  ASSERT_EQ(fused.size(), 2u);
  EXPECT_EQ(fused.unit_of(a), fused.unit_of(b));
  EXPECT_EQ(fused.unit_of(a), fused.unit_of(c));
  EXPECT_EQ(successors(fused, fused.unit_of(a).value()),
            (std::vector<int>{fused.unit_of(d).value()}));
  EXPECT_EQ(successors(fused, fused.unit_of(d).value()), (std::vector<int>{}));
}

TEST(UnitGraph, FusesNothingInALongChain) {
  Model model;
  std::vector<OperatorId> chain;
  for (int i = 0; i < 20; ++i) chain.push_back(model.add(Phase::forward));
  for (std::size_t i = 1; i < chain.size(); ++i) model.connect(chain[i - 1], {chain[i]});
  const UnitGraph units(std::move(model).problem());
  EXPECT_EQ(fuse_cycles(units).size(), 20u);
}

}  // namespace
}  // namespace cleave::cost
