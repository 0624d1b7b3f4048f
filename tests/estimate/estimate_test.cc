#include "cleave/estimate/estimate.h"

#include <gtest/gtest.h>

#include <set>

namespace cleave::estimate {
namespace {

using base::Bytes;
using base::Duration;
using model::DeviceClass;
using model::ElementType;
using model::Machine;
using model::Network;
using model::NetworkOperator;
using model::OperatorId;
using model::ValueId;
using Shape = std::vector<std::int64_t>;

// Networks, value by value.
class Sketch {
 public:
  ValueId value(const Shape& shape, bool constant = false,
                ElementType type = ElementType::float32) {
    model::NetworkValue value;
    value.name = "v" + std::to_string(network.values.size());
    value.type = type;
    value.shape = shape;
    std::int64_t elements = 1;
    for (const std::int64_t size : shape) elements *= size;
    value.bytes = Bytes(elements * model::bits(type) / 8);
    value.known = true;
    value.constant = constant;
    network.values.push_back(value);
    return ValueId(network.values.size() - 1);
  }
  ValueId weight(const Shape& shape) { return value(shape, true); }

  NetworkOperator& add(const std::string& type, const std::vector<ValueId>& inputs,
                       const std::vector<ValueId>& outputs) {
    NetworkOperator op;
    op.id = type + std::to_string(network.operators.size());
    op.type = type;
    op.inputs = inputs;
    op.outputs = outputs;
    network.operators.push_back(op);
    return network.operators.back();
  }

  Network network;
};

// Computes 1 operation a picosecond in float32, 4 in float16, and moves 1 byte a picosecond, unless
// told otherwise.
DeviceClass device(const std::string& name, std::int64_t bytes_per_second = 1'000'000'000'000) {
  DeviceClass c;
  c.name = name;
  c.performance.emplace();
  c.performance->peaks = {{ElementType::float32, 1'000'000'000'000},
                          {ElementType::float16, 4'000'000'000'000}};
  c.performance->memory_bytes_per_second = bytes_per_second;
  c.performance->launch = Duration(0);
  c.performance->efficiency = 1.0;
  return c;
}
// So much bandwidth that only operations count.
DeviceClass calculator() { return device("calculator", 1'000'000'000'000'000'000); }

Machine machine(std::vector<DeviceClass> classes) {
  return Machine::create(std::move(classes)).value();
}

Estimate estimated(const Sketch& sketch, const DeviceClass& c, const Options& options = {}) {
  auto result = estimate(sketch.network, machine({c}), options);
  EXPECT_TRUE(result.ok()) << result.error().to_string();
  return std::move(result).value();
}

std::int64_t picoseconds(const Sketch& sketch, const DeviceClass& c) {
  return estimated(sketch, c).graph->time(OperatorId(0), 0)->count();
}

TEST(Estimate, MatrixProducts) {
  Sketch s;
  s.add("MatMul", {s.value({5, 8, 16}), s.weight({16, 32})}, {s.value({5, 8, 32})});
  EXPECT_EQ(picoseconds(s, calculator()), 2 * 5 * 8 * 16 * 32);

  Sketch gemm;
  auto& op = gemm.add("Gemm", {gemm.value({16, 8}), gemm.weight({16, 32}), gemm.weight({32})},
                      {gemm.value({8, 32})});
  op.integers["transA"] = {1};
  EXPECT_EQ(picoseconds(gemm, calculator()), 8 * 32 * (2 * 16 + 2));
}

TEST(Estimate, Convolutions) {
  Sketch s;
  s.add("Conv", {s.value({2, 3, 32, 32}), s.weight({8, 3, 3, 3})}, {s.value({2, 8, 16, 16})});
  EXPECT_EQ(picoseconds(s, calculator()), 2 * (2 * 8 * 16 * 16) * (3 * 3 * 3));

  Sketch depthwise;  // one input channel for each of the groups
  depthwise.add("Conv", {depthwise.value({1, 8, 16, 16}), depthwise.weight({8, 1, 3, 3})},
                {depthwise.value({1, 8, 16, 16})});
  EXPECT_EQ(picoseconds(depthwise, calculator()), 2 * (8 * 16 * 16) * (3 * 3));

  Sketch transposed;
  transposed.add("ConvTranspose",
                 {transposed.value({1, 8, 16, 16}), transposed.weight({8, 4, 2, 2})},
                 {transposed.value({1, 4, 32, 32})});
  EXPECT_EQ(picoseconds(transposed, calculator()), 2 * (8 * 16 * 16) * (4 * 2 * 2));
}

TEST(Estimate, AttentionRecurrenceAndEinsum) {
  Sketch attention;  // 3 samples, 5 queries, 7 keys, 16 wide: scores, and their use
  attention.add(
      "Attention",
      {attention.value({3, 2, 5, 8}), attention.value({3, 2, 7, 8}), attention.value({3, 2, 7, 8})},
      {attention.value({3, 2, 5, 8})});
  EXPECT_EQ(picoseconds(attention, calculator()), 2 * (2 * 3 * 5 * 7 * 16));

  Sketch lstm;  // 10 steps, 3 samples, 4 gates of 8
  lstm.add("LSTM", {lstm.value({10, 3, 16}), lstm.weight({1, 32, 16}), lstm.weight({1, 32, 8})},
           {lstm.value({10, 1, 3, 8})});
  EXPECT_EQ(picoseconds(lstm, calculator()), 2 * 10 * 3 * 32 * (16 + 8));

  Sketch einsum;
  auto& op = einsum.add("Einsum", {einsum.value({2, 5, 8}), einsum.value({2, 7, 8})},
                        {einsum.value({2, 5, 7})});
  op.texts["equation"] = "bqd, bkd -> bqk";
  EXPECT_EQ(picoseconds(einsum, calculator()), 2 * 2 * 5 * 7 * 8);
}

TEST(Estimate, ElementwiseOperatorsWaitForMemory) {
  Sketch s;
  s.add("Add", {s.value({1000}), s.value({1000})}, {s.value({1000})});
  EXPECT_EQ(picoseconds(s, device("device")), 3 * 4000);
}

TEST(Estimate, ViewsAreFreeAndGatherReadsWhatItWrites) {
  Sketch view;
  view.add("Reshape", {view.value({1000}), view.weight({2})}, {view.value({10, 100})});
  DeviceClass slow = device("device");
  slow.performance->launch = Duration(7);
  EXPECT_EQ(picoseconds(view, slow), 0);

  Sketch gather;
  gather.add("Gather", {gather.weight({50'000, 64}), gather.value({5}, false, ElementType::int64)},
             {gather.value({5, 64})});
  EXPECT_EQ(picoseconds(gather, slow), 2 * (5 * 64 * 4) + 5 * 8 + 7);
}

TEST(Estimate, TypeEfficiencyAndLaunchCount) {
  Sketch s;
  s.add("MatMul",
        {s.value({8, 16}, false, ElementType::float16),
         s.value({16, 32}, true, ElementType::float16)},
        {s.value({8, 32}, false, ElementType::float16)});
  DeviceClass c = calculator();
  EXPECT_EQ(picoseconds(s, c), 2 * 8 * 16 * 32 / 4);
  c.performance->efficiency = 0.5;
  c.performance->launch = Duration(100);
  EXPECT_EQ(picoseconds(s, c), 2 * 8 * 16 * 32 / 4 * 2 + 100);
  // A type without a peak of its own: the next wider one's.
  auto& first = s.network.values[s.network.operators[0].inputs[0].index()];
  first.type = ElementType::float8;
  EXPECT_EQ(picoseconds(s, c), 2 * 8 * 16 * 32 / 4 * 2 + 100);
  first.type = ElementType::bfloat16;
  EXPECT_EQ(picoseconds(s, c), 2 * 8 * 16 * 32 * 2 + 100);
}

TEST(Estimate, UnknownOperatorsAreListedAndNotFree) {
  Sketch s;
  s.add("Frobnicate", {s.value({1000})}, {s.value({1000})}).domain = "com.acme";
  const Estimate e = estimated(s, device("device"));
  EXPECT_EQ(e.graph->time(OperatorId(0), 0)->count(), 8000);
  ASSERT_EQ(e.notes.size(), 1U);
  EXPECT_NE(e.notes[0].find("com.acme::Frobnicate"), std::string::npos) << e.notes[0];
}

TEST(Estimate, BodiesCountByTheirTripsAndDearestBranch) {
  Sketch body;
  body.add("MatMul", {body.value({8, 16}), body.weight({16, 32})}, {body.value({8, 32})});
  Sketch cheap;
  cheap.add("Neg", {cheap.value({2})}, {cheap.value({2})});
  const std::int64_t once = 2 * 8 * 16 * 32;

  Sketch loop;
  auto& op = loop.add("Loop", {loop.value({8, 16})}, {loop.value({8, 32})});
  op.bodies = {body.network};
  op.trips = 3;
  EXPECT_EQ(picoseconds(loop, calculator()), 3 * once);
  EXPECT_EQ(estimated(loop, calculator()).graph->memory(OperatorId(0)), Bytes(16 * 32 * 4));
  loop.network.operators[0].trips.reset();
  const Estimate unknown = estimated(loop, calculator());
  EXPECT_EQ(unknown.graph->time(OperatorId(0), 0)->count(), once);
  ASSERT_EQ(unknown.notes.size(), 1U);
  EXPECT_NE(unknown.notes[0].find("Loop0"), std::string::npos) << unknown.notes[0];

  Sketch choice;
  choice.add("If", {choice.value({})}, {choice.value({8, 32})}).bodies = {cheap.network,
                                                                          body.network};
  EXPECT_EQ(picoseconds(choice, calculator()), once);
}

TEST(Estimate, ConstantsAreLeftOutAndTheirResultsAreWeights) {
  Sketch s;
  const ValueId folded = s.value({16, 32}, true);
  s.add("Transpose", {s.weight({32, 16})}, {folded}).constant = true;
  s.add("MatMul", {s.value({8, 16}), folded}, {s.value({8, 32})});
  const Estimate e = estimated(s, calculator());
  ASSERT_EQ(e.graph->num_operators(), 1U);
  EXPECT_EQ(e.graph->id(OperatorId(0)), "MatMul1");
  EXPECT_EQ(e.graph->memory(OperatorId(0)), Bytes(16 * 32 * 4));

  Sketch nothing;
  nothing.add("Transpose", {nothing.weight({2, 2})}, {nothing.weight({2, 2})}).constant = true;
  EXPECT_FALSE(estimate(nothing.network, machine({calculator()})).ok());
}

// Two products with one weight of 2048 bytes, one after the other, then a third with its own.
Sketch shared_weight() {
  Sketch s;
  const ValueId w = s.weight({16, 32});
  const ValueId a = s.value({8, 32});
  const ValueId b = s.value({8, 32});
  s.add("MatMul", {s.value({8, 16}), w}, {a});
  s.add("Relu", {a}, {b});
  s.add("FusedMatMul", {b, w}, {s.value({8, 16})}).domain = "com.microsoft";
  return s;
}

TEST(Estimate, SharedWeightsAreCopiedOrColocated) {
  const Sketch s = shared_weight();
  const Estimate copied = estimated(s, calculator(), {Bytes(2048)});
  EXPECT_EQ(copied.graph->memory(OperatorId(0)), Bytes(2048));
  EXPECT_EQ(copied.graph->memory(OperatorId(2)), Bytes(2048));
  EXPECT_EQ(copied.graph->num_groups(), 0U);

  const Estimate together = estimated(s, calculator(), {Bytes(2047)});
  EXPECT_EQ(together.graph->memory(OperatorId(0)), Bytes(2048));
  EXPECT_EQ(together.graph->memory(OperatorId(2)), Bytes(0));
  ASSERT_EQ(together.graph->num_groups(), 1U);
  EXPECT_EQ(together.graph->members(base::GroupId(0)).size(), 2U);
  EXPECT_FALSE(together.graph->group(OperatorId(1)).has_value());
}

TEST(Estimate, TensorsCarryBytesToAllWhoReadThem) {
  const Estimate e = estimated(shared_weight(), calculator());
  ASSERT_EQ(e.graph->num_tensors(), 2U);
  EXPECT_EQ(e.graph->bytes(base::TensorId(0)), Bytes(8 * 32 * 4));
  EXPECT_EQ(e.graph->consumers(base::TensorId(0)).front(), OperatorId(1));
}

TEST(Estimate, OneColumnForEachKindOfTimes) {
  const Sketch s = shared_weight();
  DeviceClass twin = calculator();
  twin.name = "twin";
  twin.times = "calculator";
  const auto shared = estimate(s.network, machine({calculator(), twin, device("other")}));
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ(shared->graph->time_columns(), (std::vector<std::string>{"calculator", "other"}));
  twin.performance->launch = Duration(1);
  const auto different = estimate(s.network, machine({calculator(), twin}));
  ASSERT_FALSE(different.ok());
  EXPECT_NE(different.error().message.find("'twin'"), std::string::npos);
}

std::shared_ptr<const model::Profile> profile_of(const std::string& times, Duration whole,
                                                 std::vector<model::MeasuredOperator> operators) {
  model::Profile profile;
  profile.columns.push_back({times, 2, 1, std::move(operators), whole, {}});
  return std::make_shared<const model::Profile>(std::move(profile));
}

TEST(Estimate, MeasuredTimesAddUpToTheWholeModel) {
  const Sketch s = shared_weight();
  Options options;
  // One by one 60, 30 and 30; together, fused, 60.
  options.profile = profile_of(
      "calculator", Duration(60),
      {{"MatMul0", Duration(60)}, {"Relu1", Duration(30)}, {"FusedMatMul2", Duration(30)}});
  const Estimate e = estimated(s, calculator(), options);
  EXPECT_EQ(e.graph->time(OperatorId(0), 0), Duration(30));
  EXPECT_EQ(e.graph->time(OperatorId(1), 0), Duration(15));
  EXPECT_EQ(e.graph->time(OperatorId(2), 0), Duration(15));
  ASSERT_EQ(e.notes.size(), 1U);
  EXPECT_NE(e.notes[0].find("times 0.500"), std::string::npos) << e.notes[0];
}

// The profile of shared_weight() on a calculator: one by one 60, 30 and 30; together 60.
std::shared_ptr<const model::Profile> segmented(std::vector<model::MeasuredSegment> segments) {
  model::Profile profile = *profile_of(
      "calculator", Duration(60),
      {{"MatMul0", Duration(60)}, {"Relu1", Duration(30)}, {"FusedMatMul2", Duration(30)}});
  profile.columns[0].segments = std::move(segments);
  return std::make_shared<const model::Profile>(std::move(profile));
}

TEST(Estimate, EachSegmentHasItsFactor) {
  const Sketch s = shared_weight();
  Options options;
  // Apart, the segments took 90, half as much again as the model: that is shared in proportion.
  options.profile =
      segmented({{"MatMul0", "MatMul0", Duration(60)}, {"Relu1", "FusedMatMul2", Duration(30)}});
  const Estimate e = estimated(s, calculator(), options);
  EXPECT_EQ(e.graph->time(OperatorId(0), 0), Duration(40));
  EXPECT_EQ(e.graph->time(OperatorId(1), 0), Duration(10));
  EXPECT_EQ(e.graph->time(OperatorId(2), 0), Duration(10));
  ASSERT_EQ(e.notes.size(), 1U);
  // One factor, 90 / 120, would give the second 45 where it took 30.
  EXPECT_NE(e.notes[0].find("'Relu1' to 'FusedMatMul2'"), std::string::npos) << e.notes[0];
  EXPECT_NE(e.notes[0].find("by +50.0%"), std::string::npos) << e.notes[0];
}

TEST(Estimate, SegmentsAreTheModelInOrder) {
  const std::vector<std::vector<model::MeasuredSegment>> wrong = {
      {{"MatMul0", "Relu1", Duration(1)}},
      {{"Relu1", "FusedMatMul2", Duration(1)}},
      {{"MatMul0", "Relu1", Duration(1)}, {"Relu1", "FusedMatMul2", Duration(1)}},
      {{"FusedMatMul2", "FusedMatMul2", Duration(1)}, {"MatMul0", "Relu1", Duration(1)}},
      {{"MatMul0", "Elsewhere", Duration(1)}},
      {{"MatMul0", "FusedMatMul2", Duration(1)}, {"MatMul0", "FusedMatMul2", Duration(1)}},
  };
  for (const auto& segments : wrong) {
    Options options;
    options.profile = segmented(segments);
    const auto e = estimate(shared_weight().network, machine({calculator()}), options);
    ASSERT_FALSE(e.ok()) << segments[0].first;
    EXPECT_EQ(e.error().code, base::ErrorCode::bad_input);
    EXPECT_NE(e.error().message.find("segments of 'calculator'"), std::string::npos);
  }
}

TEST(Estimate, ASegmentWhoseOperatorsTookNoTimeGetsNone) {
  Options options;
  options.profile = profile_of(
      "calculator", Duration(60),
      {{"MatMul0", Duration(0)}, {"Relu1", Duration(20)}, {"FusedMatMul2", Duration(20)}});
  model::Profile profile = *options.profile;
  profile.columns[0].segments = {{"MatMul0", "MatMul0", Duration(5)},
                                 {"Relu1", "FusedMatMul2", Duration(30)}};
  options.profile = std::make_shared<const model::Profile>(std::move(profile));
  const Estimate e = estimated(shared_weight(), calculator(), options);
  EXPECT_EQ(e.graph->time(OperatorId(0), 0), Duration(0));
  EXPECT_EQ(e.graph->time(OperatorId(1), 0), Duration(30));
  EXPECT_EQ(e.graph->time(OperatorId(2), 0), Duration(30));
}

TEST(Estimate, WhatAProfileLacksIsEstimatedAndNamed) {
  const Sketch s = shared_weight();
  const Duration relu = *estimated(s, calculator()).graph->time(OperatorId(1), 0);
  Options options;
  options.profile = profile_of("calculator", Duration(60'000) + relu,
                               {{"MatMul0", Duration(20'000)}, {"FusedMatMul2", Duration(40'000)}});
  const Estimate e = estimated(s, calculator(), options);
  EXPECT_EQ(e.graph->time(OperatorId(0), 0), Duration(20'000));
  EXPECT_EQ(e.graph->time(OperatorId(1), 0), relu);
  ASSERT_EQ(e.notes.size(), 2U);
  EXPECT_NE(e.notes[1].find("Relu1"), std::string::npos) << e.notes[1];
}

TEST(Estimate, AProfileOfOtherTimesChangesNothing) {
  const Sketch s = shared_weight();
  Options options;
  options.profile = profile_of("other", Duration(1), {{"Relu1", Duration(1)}});
  const Estimate e = estimated(s, calculator(), options);
  EXPECT_EQ(e.graph->time(OperatorId(1), 0),
            estimated(s, calculator()).graph->time(OperatorId(1), 0));
  EXPECT_TRUE(e.notes.empty());
}

TEST(Estimate, AClassHasToSayHowFastItIs) {
  DeviceClass silent;
  silent.name = "silent";
  const auto result = estimate(shared_weight().network, machine({silent}));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("'silent'"), std::string::npos);
  EXPECT_NE(result.error().message.find("device"), std::string::npos);
}

TEST(Catalogue, EveryDeviceCanBeUsed) {
  std::set<std::string_view> names;
  for (const Device& known : catalogue()) {
    EXPECT_TRUE(names.insert(known.name).second) << known.name;
    EXPECT_FALSE(known.source.empty()) << known.name;
    DeviceClass c;
    c.name = "x";
    c.performance.emplace();
    c.performance->device = known.name;
    const auto whole = complete(machine({c}));
    ASSERT_TRUE(whole.ok());
    EXPECT_EQ(whole->classes()[0].memory, known.memory);
    EXPECT_GT(picoseconds(shared_weight(), c), known.launch.count()) << known.name;
  }
}

TEST(Catalogue, OwnFieldsComeFirst) {
  DeviceClass c;
  c.name = "x";
  c.memory = Bytes(123);
  c.performance.emplace();
  c.performance->device = "nvidia-t4";
  EXPECT_EQ(complete(machine({c}))->classes()[0].memory, Bytes(123));
  const std::int64_t standard = picoseconds(shared_weight(), c);
  c.performance->launch = Duration(0);
  EXPECT_EQ(picoseconds(shared_weight(), c), standard - 5'000'000);
}

TEST(Catalogue, UnknownNamesAreRefused) {
  DeviceClass c;
  c.name = "x";
  c.performance.emplace();
  c.performance->device = "abacus";
  const auto result = complete(machine({c}));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("'abacus'"), std::string::npos);
  EXPECT_NE(result.error().message.find("nvidia-a100-80gb"), std::string::npos);
}

}  // namespace
}  // namespace cleave::estimate
