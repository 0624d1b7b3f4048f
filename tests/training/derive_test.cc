#include "cleave/training/derive.h"

#include <gtest/gtest.h>

#include <string>

namespace cleave::training {
namespace {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using model::Graph;
using model::GraphBuilder;
using model::OperatorSpec;
using model::Phase;

OperatorSpec forward_operator(const std::string& id, std::int64_t time, std::int64_t memory) {
  OperatorSpec spec;
  spec.id = id;
  spec.memory = Bytes(memory);
  spec.times = {Duration(time), std::nullopt};
  return spec;
}

// a feeds b and c with one tensor; b's output, which has no size, goes to c; c's goes nowhere.
GraphBuilder three_operators() {
  GraphBuilder builder({"gpu", "cpu"});
  builder.add_operator(forward_operator("a", 5, 100));
  builder.add_operator(forward_operator("b", 7, 0));
  builder.add_operator(forward_operator("c", 9, 40));
  builder.add_tensor({OperatorId(0), {OperatorId(1), OperatorId(2)}, Bytes(64), Duration(3)});
  builder.add_tensor({OperatorId(1), {OperatorId(2)}, std::nullopt, Duration(4)});
  builder.add_tensor({OperatorId(2), {}, Bytes(1000), std::nullopt});
  return builder;
}

Graph build(GraphBuilder builder) {
  auto graph = std::move(builder).build();
  EXPECT_TRUE(graph.ok());
  return std::move(graph).value();
}

OperatorId find(const Graph& graph, const char* id) {
  const auto op = graph.find(id);
  EXPECT_TRUE(op.has_value()) << id;
  return op.value_or(OperatorId(0));
}

TEST(Derive, EveryOperatorGetsATwinInItsGroup) {
  const auto derived = derive(build(three_operators()), {});
  ASSERT_TRUE(derived.ok());
  const Graph& graph = derived->graph;
  ASSERT_EQ(graph.num_operators(), 6U);
  for (const char* id : {"a", "b", "c"}) {
    const OperatorId twin = find(graph, (std::string(id) + "/backward").c_str());
    EXPECT_EQ(graph.phase(twin), Phase::backward);
    EXPECT_EQ(graph.phase(find(graph, id)), Phase::forward);
    ASSERT_TRUE(graph.group(twin).has_value());
    EXPECT_EQ(graph.group(twin), graph.group(find(graph, id)));
    EXPECT_EQ(graph.time(twin, 0), *graph.time(find(graph, id), 0) * 2);
    EXPECT_FALSE(graph.time(twin, 1).has_value());
  }
}

TEST(Derive, GradientsRunBackFromEveryConsumer) {
  const auto derived = derive(build(three_operators()), {});
  ASSERT_TRUE(derived.ok());
  const Graph& graph = derived->graph;
  const auto gradients = graph.inputs(find(graph, "a/backward"));
  std::vector<std::string> senders;
  for (const base::TensorId x : gradients) {
    if (graph.phase(graph.producer(x)) == Phase::forward) continue;
    senders.push_back(graph.id(graph.producer(x)));
    EXPECT_EQ(graph.bytes(x), Bytes(64));
    EXPECT_EQ(graph.transfer(x), Duration(3));
  }
  EXPECT_EQ(senders, (std::vector<std::string>{"b/backward", "c/backward"}));
}

TEST(Derive, StashesWhatSomebodyConsumesAndSaysWhatItCannotCount) {
  const auto derived = derive(build(three_operators()), {});
  ASSERT_TRUE(derived.ok());
  EXPECT_EQ(derived->graph.stash(find(derived->graph, "a")), Bytes(64));
  EXPECT_EQ(derived->graph.stash(find(derived->graph, "b")), Bytes(0));
  EXPECT_EQ(derived->graph.stash(find(derived->graph, "c")), Bytes(0));
  ASSERT_EQ(derived->notes.size(), 1U);
  EXPECT_NE(derived->notes[0].find("1 of 3 tensors have no size"), std::string::npos);
}

// Bytes a parameter, as the frameworks' manuals count them: weights, gradient, state.
TEST(Derive, ResidentBytesOfEachOptimizer) {
  struct Case {
    Optimizer optimizer;
    Precision precision;
    std::int64_t weight, in_all;
  };
  for (const Case& c :
       {Case{Optimizer::sgd, Precision::fp32, 4, 8},
        Case{Optimizer::momentum, Precision::fp32, 4, 12},
        Case{Optimizer::adam, Precision::fp32, 4, 16}, Case{Optimizer::sgd, Precision::mixed, 2, 8},
        Case{Optimizer::momentum, Precision::mixed, 2, 12},
        Case{Optimizer::adam, Precision::mixed, 2, 16}}) {
    GraphBuilder builder({"gpu", "cpu"});
    builder.add_operator(forward_operator("a", 5, 10 * c.weight));
    const auto derived = derive(build(std::move(builder)), {c.optimizer, c.precision, 200});
    ASSERT_TRUE(derived.ok());
    const Graph& graph = derived->graph;
    EXPECT_EQ(graph.weights(find(graph, "a")), Bytes(10 * c.weight));
    EXPECT_EQ(graph.memory(find(graph, "a")) + graph.memory(find(graph, "a/backward")),
              Bytes(10 * c.in_all));
  }
}

TEST(Derive, WeightsThatAreStatedAreNotAllOfTheMemory) {
  GraphBuilder builder({"gpu", "cpu"});
  OperatorSpec spec = forward_operator("a", 5, 100);
  spec.weights = Bytes(30);
  builder.add_operator(spec);
  builder.add_operator(forward_operator("b", 5, 100));
  const auto derived = derive(build(std::move(builder)), {Optimizer::momentum, {}, 150});
  ASSERT_TRUE(derived.ok());
  const Graph& graph = derived->graph;
  EXPECT_EQ(graph.memory(find(graph, "a")), Bytes(100));
  EXPECT_EQ(graph.memory(find(graph, "a/backward")), Bytes(60));
  EXPECT_EQ(graph.memory(find(graph, "b/backward")), Bytes(0));
  EXPECT_EQ(graph.time(find(graph, "a/backward"), 0), Duration(8));  // 7.5, rounded up
}

TEST(Derive, KeepsGroupsApartFromOperatorsOfTheSameName) {
  GraphBuilder builder({"gpu", "cpu"});
  builder.add_operator(forward_operator("a", 1, 0));
  OperatorSpec grouped = forward_operator("b", 1, 0);
  grouped.group = "a";
  builder.add_operator(grouped);
  const auto derived = derive(build(std::move(builder)), {});
  ASSERT_TRUE(derived.ok());
  EXPECT_EQ(derived->graph.num_groups(), 2U);
}

TEST(Derive, RefusesWhatIsNoForwardGraph) {
  auto once = derive(build(three_operators()), {});
  ASSERT_TRUE(once.ok());
  const auto twice = derive(once->graph, {});
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.error().message.find("backward operators already"), std::string::npos);

  GraphBuilder builder({"gpu", "cpu"});
  builder.add_operator(forward_operator("a", 1, 0));
  builder.add_operator(forward_operator("a/backward", 1, 0));
  const auto clash = derive(build(std::move(builder)), {});
  ASSERT_FALSE(clash.ok());
  EXPECT_NE(clash.error().message.find("used twice"), std::string::npos);

  GraphBuilder large({"gpu", "cpu"});
  large.add_operator(forward_operator("a", 1, Bytes::max().count() - 1));
  const auto overflow = derive(build(std::move(large)), {});
  ASSERT_FALSE(overflow.ok());
  EXPECT_NE(overflow.error().message.find("overflow"), std::string::npos);
}

}  // namespace
}  // namespace cleave::training
