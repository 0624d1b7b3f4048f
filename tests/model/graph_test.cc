#include "cleave/model/graph.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace cleave::model {
namespace {

using Part = GraphFault::Part;
using Ops = std::vector<OperatorId>;

OperatorSpec op(std::string id) {
  OperatorSpec spec;
  spec.id = std::move(id);
  spec.times = {Duration(1)};
  return spec;
}

TensorSpec tensor(int producer, std::vector<int> consumers) {
  TensorSpec spec;
  spec.producer = OperatorId(producer);
  for (const int consumer : consumers) spec.consumers.emplace_back(consumer);
  spec.transfer = Duration(1);
  return spec;
}

// Two operators in one time column, and nothing between them.
GraphBuilder pair_builder() {
  GraphBuilder builder({"gpu"});
  builder.add_operator(op("a"));
  builder.add_operator(op("b"));
  return builder;
}

void expect_fault(GraphBuilder builder, Part part, std::size_t index, const std::string& message) {
  GraphFault fault;
  EXPECT_FALSE(std::move(builder).build(fault).has_value());
  EXPECT_EQ(fault.part, part);
  EXPECT_EQ(fault.index, index);
  EXPECT_EQ(fault.message, message);
}

template <class T>
std::vector<T> list(std::span<const T> values) {
  return {values.begin(), values.end()};
}

TEST(Graph, HoldsWhatWasAdded) {
  GraphBuilder builder({"cpu", "gpu"});
  OperatorSpec load = op("n0");
  load.name = "load";
  load.memory = Bytes(10);
  load.times = {Duration(7), std::nullopt};
  load.group = "weights";
  OperatorSpec grad = op("n1");
  grad.phase = Phase::backward;
  grad.times = {Duration(0), Duration(3)};
  grad.group = "weights";
  const OperatorId a = builder.add_operator(load);
  const OperatorId b = builder.add_operator(grad);
  TensorSpec spec = tensor(0, {1});
  spec.bytes = Bytes(99);
  spec.transfer = std::nullopt;
  const TensorId x = builder.add_tensor(spec);

  const auto graph = std::move(builder).build();
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  EXPECT_EQ(graph->num_operators(), 2U);
  EXPECT_EQ(graph->num_tensors(), 1U);
  EXPECT_EQ(graph->num_edges(), 1U);
  EXPECT_EQ(graph->find_time_column("gpu"), 1U);
  EXPECT_EQ(graph->find_time_column("tpu"), std::nullopt);
  EXPECT_EQ(graph->id(a), "n0");
  EXPECT_EQ(graph->name(a), "load");
  EXPECT_EQ(graph->name(b), "n1") << "the id stands in for a missing name";
  EXPECT_EQ(graph->memory(a), Bytes(10));
  EXPECT_EQ(graph->time(a, 0), Duration(7));
  EXPECT_EQ(graph->time(a, 1), std::nullopt);
  EXPECT_EQ(graph->time(b, 0), Duration(0));
  EXPECT_EQ(graph->phase(b), Phase::backward);
  EXPECT_TRUE(graph->has_backward());
  ASSERT_TRUE(graph->group(a).has_value());
  EXPECT_EQ(graph->group(a), graph->group(b));
  EXPECT_EQ(graph->group_label(*graph->group(a)), "weights");
  EXPECT_EQ(list(graph->members(*graph->group(a))), (Ops{a, b}));
  EXPECT_EQ(graph->producer(x), a);
  EXPECT_EQ(graph->bytes(x), Bytes(99));
  EXPECT_EQ(graph->transfer(x), std::nullopt);
}

TEST(Graph, KnowsInputsAndOutputs) {
  GraphBuilder builder({"gpu"});
  for (const char* id : {"a", "b", "c"}) builder.add_operator(op(id));
  builder.add_tensor(tensor(0, {2, 1, 2}));
  builder.add_tensor(tensor(1, {2}));
  builder.add_tensor(tensor(0, {}));
  const auto graph = std::move(builder).build();
  ASSERT_TRUE(graph.ok());
  using Tensors = std::vector<TensorId>;
  EXPECT_EQ(list(graph->consumers(TensorId(0))), (Ops{OperatorId(1), OperatorId(2)}));
  EXPECT_TRUE(graph->consumers(TensorId(2)).empty());
  EXPECT_EQ(list(graph->inputs(OperatorId(2))), (Tensors{TensorId(0), TensorId(1)}));
  EXPECT_EQ(list(graph->outputs(OperatorId(0))), (Tensors{TensorId(0), TensorId(2)}));
  EXPECT_TRUE(graph->inputs(OperatorId(0)).empty());
  EXPECT_EQ(graph->num_edges(), 3U) << "a repeated consumer counts once";
  EXPECT_FALSE(graph->group(OperatorId(0)).has_value());
  EXPECT_EQ(graph->num_groups(), 0U);
  EXPECT_FALSE(graph->has_backward());
}

TEST(Graph, FindsOperatorsById) {
  GraphBuilder builder({"gpu"});
  for (const char* id : {"m", "z", "", "a"}) {
    if (*id != '\0') builder.add_operator(op(id));
  }
  const auto graph = std::move(builder).build();
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(graph->find("m"), OperatorId(0));
  EXPECT_EQ(graph->find("z"), OperatorId(1));
  EXPECT_EQ(graph->find("a"), OperatorId(2));
  EXPECT_EQ(graph->find("b"), std::nullopt);
  EXPECT_EQ(graph->find(""), std::nullopt);
}

TEST(Graph, OrdersTopologicallyBySmallestReadyId) {
  GraphBuilder builder({"gpu"});
  for (const char* id : {"a", "b", "c", "d", "e"}) builder.add_operator(op(id));
  builder.add_tensor(tensor(4, {0}));
  builder.add_tensor(tensor(3, {1, 2}));
  const auto graph = std::move(builder).build();
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(list(graph->topological_order()),
            (Ops{OperatorId(3), OperatorId(1), OperatorId(2), OperatorId(4), OperatorId(0)}));
}

TEST(GraphBuilder, RejectsAnEmptyGraph) {
  expect_fault(GraphBuilder({"gpu"}), Part::graph, 0, "the graph has no operators");
}

TEST(GraphBuilder, RejectsMissingAndRepeatedTimeColumns) {
  GraphBuilder none({});
  none.add_operator(op("a"));
  expect_fault(std::move(none), Part::graph, 0, "the graph names no time columns");
  GraphBuilder twice({"gpu", "gpu"});
  twice.add_operator(op("a"));
  expect_fault(std::move(twice), Part::graph, 0, "time column 'gpu' is named twice");
}

TEST(GraphBuilder, RejectsAnEmptyId) {
  auto builder = pair_builder();
  builder.add_operator(op(""));
  expect_fault(std::move(builder), Part::op, 2, "the operator has an empty id");
}

TEST(GraphBuilder, RejectsARepeatedIdAtItsSecondUse) {
  auto builder = pair_builder();
  builder.add_operator(op("a"));
  expect_fault(std::move(builder), Part::op, 2, "operator id 'a' is used twice");
}

TEST(GraphBuilder, RejectsAWrongNumberOfTimes) {
  auto builder = pair_builder();
  OperatorSpec spec = op("c");
  spec.times.emplace_back(Duration(1));
  builder.add_operator(spec);
  expect_fault(std::move(builder), Part::op, 2, "operator 'c' has 2 times for 1 columns");
}

TEST(GraphBuilder, RejectsNegativeTimes) {
  auto builder = pair_builder();
  OperatorSpec spec = op("c");
  spec.times = {Duration(-1)};
  builder.add_operator(spec);
  expect_fault(std::move(builder), Part::op, 2, "operator 'c' has a negative time on 'gpu'");
}

TEST(GraphBuilder, RejectsNegativeMemory) {
  auto builder = pair_builder();
  OperatorSpec spec = op("c");
  spec.memory = Bytes(-5);
  builder.add_operator(spec);
  expect_fault(std::move(builder), Part::op, 2, "operator 'c' has negative memory -5");
}

TEST(GraphBuilder, RejectsAnOperatorThatRunsNowhere) {
  auto builder = pair_builder();
  OperatorSpec spec = op("c");
  spec.times = {std::nullopt};
  builder.add_operator(spec);
  expect_fault(std::move(builder), Part::op, 2, "operator 'c' is supported by no device class");
}

TEST(GraphBuilder, RejectsSumsThatOverflow) {
  auto memory = pair_builder();
  OperatorSpec large = op("c");
  large.memory = Bytes::max();
  memory.add_operator(large);
  OperatorSpec drop = op("d");
  drop.memory = Bytes(1);
  memory.add_operator(drop);
  expect_fault(std::move(memory), Part::op, 3,
               "the memory of all operators together overflows at 'd'");

  auto times = pair_builder();
  OperatorSpec slow = op("c");
  slow.times = {base::kMaxDuration};
  times.add_operator(slow);
  expect_fault(std::move(times), Part::op, 2,
               "the times of all operators on 'gpu' together overflow at 'c'");

  for (const bool bytes : {true, false}) {
    auto builder = pair_builder();
    TensorSpec huge = tensor(0, {1});
    huge.transfer = bytes ? Duration(1) : Duration(std::numeric_limits<std::int64_t>::max());
    if (bytes) huge.bytes = Bytes(std::numeric_limits<std::int64_t>::max());
    builder.add_tensor(huge);
    expect_fault(std::move(builder), Part::tensor, 0,
                 "the sizes or transfer times of all tensors together overflow at a tensor of "
                 "operator 'a'");
  }
}

TEST(GraphBuilder, TakesSumsAtTheLimit) {
  GraphBuilder builder({"gpu"});
  OperatorSpec spec = op("a");
  spec.memory = Bytes::max();
  spec.times = {base::kMaxDuration / 4};
  builder.add_operator(spec);
  EXPECT_TRUE(std::move(builder).build().ok());
}

TEST(GraphBuilder, RejectsUnknownProducersAndConsumers) {
  for (const int unknown : {-1, 2}) {
    auto from = pair_builder();
    from.add_tensor(tensor(unknown, {1}));
    expect_fault(std::move(from), Part::tensor, 0,
                 "the tensor's producer is not an operator of the graph");
    auto to = pair_builder();
    to.add_tensor(tensor(0, {1}));
    to.add_tensor(tensor(0, {1, unknown}));
    expect_fault(std::move(to), Part::tensor, 1,
                 "a consumer of a tensor of operator 'a' is not an operator of the graph");
  }
}

TEST(GraphBuilder, RejectsASelfLoop) {
  auto builder = pair_builder();
  builder.add_tensor(tensor(1, {0, 1}));
  expect_fault(std::move(builder), Part::tensor, 0, "operator 'b' consumes its own output");
}

TEST(GraphBuilder, RejectsNegativeTensors) {
  auto sized = pair_builder();
  TensorSpec spec = tensor(0, {1});
  spec.bytes = Bytes(-3);
  sized.add_tensor(spec);
  expect_fault(std::move(sized), Part::tensor, 0,
               "a tensor of operator 'a' has a negative size -3");
  auto timed = pair_builder();
  spec.bytes = std::nullopt;
  spec.transfer = Duration(-1);
  timed.add_tensor(spec);
  expect_fault(std::move(timed), Part::tensor, 0,
               "a tensor of operator 'a' has a negative transfer time");
}

TEST(GraphBuilder, NamesTheOperatorsOfACycleAndNoOthers) {
  GraphBuilder builder({"gpu"});
  for (const char* id : {"before", "x", "y", "z", "after"}) builder.add_operator(op(id));
  builder.add_tensor(tensor(0, {1}));
  builder.add_tensor(tensor(1, {2}));
  builder.add_tensor(tensor(2, {3}));
  builder.add_tensor(tensor(3, {1, 4}));
  expect_fault(std::move(builder), Part::graph, 0,
               "the graph has a cycle: 'y' -> 'z' -> 'x' -> 'y'");
}

TEST(GraphBuilder, FindsTheCycleAboveWhatWaitsForIt) {
  GraphBuilder builder({"gpu"});
  for (const char* id : {"after", "x", "y"}) builder.add_operator(op(id));
  builder.add_tensor(tensor(1, {2}));
  builder.add_tensor(tensor(2, {1, 0}));
  expect_fault(std::move(builder), Part::graph, 0, "the graph has a cycle: 'x' -> 'y' -> 'x'");
}

TEST(GraphBuilder, ShortensALongCycle) {
  GraphBuilder builder({"gpu"});
  constexpr int kLength = 1000;
  for (int v = 0; v < kLength; ++v) builder.add_operator(op(std::to_string(v)));
  for (int v = 0; v < kLength; ++v) builder.add_tensor(tensor(v, {(v + 1) % kLength}));
  GraphFault fault;
  EXPECT_FALSE(std::move(builder).build(fault).has_value());
  EXPECT_NE(fault.message.find("(992 more)"), std::string::npos) << fault.message;
}

TEST(GraphBuilder, GivesTheFaultAsAnError) {
  auto builder = pair_builder();
  builder.add_operator(op("a"));
  const auto graph = std::move(builder).build();
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().code, base::ErrorCode::bad_input);
  EXPECT_EQ(graph.error().to_string(), "operator id 'a' is used twice");
}

TEST(GraphBuilder, BuildsALongChainWithoutRecursion) {
  GraphBuilder builder({"gpu"});
  constexpr int kLength = 200'000;
  builder.reserve(kLength, kLength);
  for (int v = 0; v < kLength; ++v) builder.add_operator(op(std::to_string(v)));
  for (int v = 0; v + 1 < kLength; ++v) builder.add_tensor(tensor(v + 1, {v}));
  const auto graph = std::move(builder).build();
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(graph->topological_order().front(), OperatorId(kLength - 1));
  EXPECT_EQ(graph->topological_order().back(), OperatorId(0));
}

}  // namespace
}  // namespace cleave::model
