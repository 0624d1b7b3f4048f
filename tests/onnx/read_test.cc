#include "cleave/onnx/read.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "onnx/models.h"

namespace cleave::onnx {
namespace {

using model::Network;
using model::NetworkOperator;
using model::NetworkValue;
using Shape = std::vector<std::int64_t>;

base::Result<ModelFile> parse(const Drawing& drawing, const Dimensions& dimensions = {}) {
  return parse_model(drawing.bytes(), "model.onnx", ".", dimensions);
}

const NetworkOperator& find(const Network& network, const std::string& id) {
  for (const NetworkOperator& op : network.operators) {
    if (op.id == id) return op;
  }
  ADD_FAILURE() << "no operator " << id;
  return network.operators.front();
}

const NetworkValue& value(const Network& network, const std::string& name) {
  for (const NetworkValue& candidate : network.values) {
    if (candidate.name == name) return candidate;
  }
  ADD_FAILURE() << "no value " << name;
  return network.values.front();
}

// The model is refused with one sentence, which has all of `parts`.
void expect_refused(const base::Result<ModelFile>& file, const std::vector<std::string>& parts) {
  ASSERT_FALSE(file.ok());
  const std::string text = file.error().to_string();
  EXPECT_EQ(file.error().code, base::ErrorCode::bad_input) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  EXPECT_EQ(text.find("model.onnx"), 0U) << text;
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(ReadModel, FindsOperatorsAndShapes) {
  const auto file = parse(mlp(), {{"batch", 8}});
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  const Network& network = file->network;
  ASSERT_EQ(network.operators.size(), 3U);
  EXPECT_EQ(network.operators[0].id, "first");
  EXPECT_EQ(network.operators[1].id, "Relu_1");  // without a name in the file
  EXPECT_EQ(value(network, "a").shape, (Shape{8, 64}));
  EXPECT_EQ(value(network, "a").bytes.count(), 8 * 64 * 4);
  EXPECT_FALSE(value(network, "a").constant);
  EXPECT_TRUE(value(network, "w1").constant);
  ASSERT_EQ(network.inputs.size(), 1U);
  EXPECT_EQ(network.values[network.inputs[0].index()].name, "x");
}

TEST(ReadModel, NamesTheDimensionsThatAreOpen) {
  expect_refused(parse(mlp()), {"--dim batch=N"});
  Drawing unnamed;
  unnamed.input("x", {"", 4});
  unnamed.node("Relu", "relu", {"x"}, {"y"});
  unnamed.output("y", {"", 4});
  expect_refused(parse(unnamed), {"--dim x.0=N"});
  const auto file = parse(unnamed, {{"x.0", 3}});
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_EQ(value(file->network, "y").shape, (Shape{3, 4}));
}

TEST(ReadModel, RefusesADimensionThatTheModelDoesNotHave) {
  expect_refused(parse(mlp(), {{"batch", 8}, {"length", 4}}), {"'length'", "batch"});
}

TEST(ReadModel, ShapeArithmeticIsConstant) {
  const auto file = parse(transformer(), {{"batch", 2}});
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  const Network& network = file->network;
  EXPECT_EQ(value(network, "q_heads").shape, (Shape{2, 4, 16, 8}));
  EXPECT_EQ(value(network, "s").shape, (Shape{2, 4, 16, 16}));
  for (const char* id : {"shape", "batch_of", "split_shape", "tied"}) {
    EXPECT_TRUE(find(network, id).constant) << id;
  }
  for (const char* id : {"embed", "q_reshape", "scores", "head"}) {
    EXPECT_FALSE(find(network, id).constant) << id;
  }
  EXPECT_TRUE(value(network, "embedding_t").constant);
}

TEST(ReadModel, KeepsPositionsOfOptionalInputsAndAttributes) {
  const auto file = parse(convolutional());
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  const NetworkOperator& op = find(file->network, "depthwise");
  ASSERT_EQ(op.inputs.size(), 3U);
  EXPECT_FALSE(op.inputs[2].valid());
  EXPECT_EQ(op.integers.at("group"), (Shape{8}));
  EXPECT_EQ(value(file->network, "b").shape, (Shape{1, 8, 16, 16}));
}

TEST(ReadModel, RepeatedNamesGetDistinctIds) {
  Drawing d;
  d.input("x", {4});
  d.node("Relu", "same", {"x"}, {"a"});
  d.node("Relu", "same", {"a"}, {"b"});
  d.output("b", {4});
  const auto file = parse(d);
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_EQ(file->network.operators[0].id, "same");
  EXPECT_EQ(file->network.operators[1].id, "same#2");
}

TEST(ReadModel, CapturedNamesAreEdges) {
  Drawing d;
  d.input("x", {4});
  d.input("condition", {}, ::onnx::TensorProto::BOOL);
  d.node("Relu", "before", {"x"}, {"a"});
  ::onnx::NodeProto& branch = d.node("If", "choice", {"condition"}, {"y"});
  for (const std::string name : {"then_branch", "else_branch"}) {
    Drawing inner;
    inner.node(name == "then_branch" ? "Neg" : "Abs", "inner", {"a"}, {name + "_y"});
    inner.output(name + "_y", {4});
    auto& attribute = *branch.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::GRAPH);
    *attribute.mutable_g() = inner.model.graph();
  }
  d.output("y", {4});
  const auto file = parse(d);
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  const NetworkOperator& op = find(file->network, "choice");
  ASSERT_EQ(op.captured.size(), 1U);
  EXPECT_EQ(file->network.values[op.captured[0].index()].name, "a");
  ASSERT_EQ(op.bodies.size(), 2U);
  EXPECT_EQ(op.bodies[0].operators[0].type, "Neg");
  EXPECT_TRUE(value(op.bodies[0], "a").outer);
  EXPECT_EQ(value(op.bodies[0], "a").shape, (Shape{4}));
}

// f(x) = relu(x) + bias, called twice, the second time within another function.
Drawing with_functions() {
  Drawing d;
  d.input("x", {4});
  d.weight("bias", {4});
  d.model.add_opset_import()->set_domain("local");
  d.model.mutable_opset_import(1)->set_version(1);
  const auto function = [&](const std::string& name, const std::vector<std::string>& inputs,
                            const std::string& output) -> ::onnx::FunctionProto& {
    auto& f = *d.model.add_functions();
    f.set_name(name);
    f.set_domain("local");
    for (const std::string& input : inputs) f.add_input(input);
    f.add_output(output);
    f.add_opset_import()->set_version(13);
    auto& own = *f.add_opset_import();
    own.set_domain("local");
    own.set_version(1);
    return f;
  };
  auto& inner = function("Biased", {"v", "b"}, "out");
  auto& relu = *inner.add_node();
  relu.set_op_type("Relu");
  relu.set_name("relu");
  relu.add_input("v");
  relu.add_output("t");
  auto& add = *inner.add_node();
  add.set_op_type("Add");
  add.add_input("t");
  add.add_input("b");
  add.add_output("out");
  auto& outer = function("Wrapped", {"v", "b"}, "out");
  auto& call = *outer.add_node();
  call.set_op_type("Biased");
  call.set_domain("local");
  call.set_name("call");
  call.add_input("v");
  call.add_input("b");
  call.add_output("out");
  d.node("Biased", "one", {"x", "bias"}, {"a"}).set_domain("local");
  d.node("Wrapped", "two", {"a", "bias"}, {"y"}).set_domain("local");
  d.output("y", {4});
  return d;
}

TEST(ReadModel, FunctionsAreReplacedByTheirBodies) {
  const auto file = parse(with_functions());
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  std::vector<std::string> ids;
  for (const NetworkOperator& op : file->network.operators) ids.push_back(op.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"one/relu", "Add_1", "two/call/relu", "Add_3"}));
  EXPECT_EQ(value(file->network, "one/t").shape, (Shape{4}));
}

TEST(ReadModel, AFunctionMayNotCallItself) {
  Drawing d = with_functions();
  d.model.mutable_functions(1)->mutable_node(0)->set_op_type("Wrapped");
  expect_refused(parse(d), {"call one another", "itself"});
}

TEST(ReadModel, UnknownTypesAreKeptWhereTheFileStatesTheirShapes) {
  Drawing d;
  d.input("x", {4});
  d.model.add_opset_import()->set_domain("com.acme");
  d.model.mutable_opset_import(1)->set_version(1);
  d.node("Frobnicate", "frob", {"x"}, {"a"}).set_domain("com.acme");
  d.node("Relu", "relu", {"a"}, {"y"});
  d.output("y", {4});
  expect_refused(parse(d), {"'frob'", "'a'", "value_info"});
  auto& info = *d.model.mutable_graph()->add_value_info();
  info = d.model.graph().input(0);
  info.set_name("a");
  const auto file = parse(d);
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_EQ(find(file->network, "frob").domain, "com.acme");
  EXPECT_FALSE(find(file->network, "frob").constant);
}

TEST(ReadModel, ADimensionThatDependsOnDataCanBeGiven) {
  Drawing d;
  d.input("x", {4});
  d.node("NonZero", "where", {"x"}, {"found"});
  d.node("Neg", "neg", {"found"}, {"y"});
  d.output("y", {1, "count"}, ::onnx::TensorProto::INT64);
  expect_refused(parse(d), {"'where'", "[1, ", "--dim found.1=N"});
  const auto file = parse(d, {{"found.1", 3}});
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_EQ(value(file->network, "y").shape, (Shape{1, 3}));
}

TEST(ReadModel, NewerOperatorSetsAreReadWithANote) {
  Drawing d(99);
  d.input("x", {4});
  d.node("Relu", "relu", {"x"}, {"y"});
  d.output("y", {4});
  const auto file = parse(d);
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  ASSERT_EQ(file->notes.size(), 1U);
  EXPECT_NE(file->notes[0].find("version 99"), std::string::npos) << file->notes[0];
}

TEST(ReadModel, RefusesWhatIsNotValid) {
  expect_refused(parse_model("", "model.onnx", ".", {}), {"no graph"});
  expect_refused(parse_model("\x08\xff\xff garbage", "model.onnx", ".", {}), {"protobuf"});

  Drawing cycle;
  cycle.input("x", {4});
  cycle.node("Add", "one", {"x", "b"}, {"a"});
  cycle.node("Relu", "two", {"a"}, {"b"});
  cycle.output("b", {4});
  expect_refused(parse(cycle), {"'one'", "'b'", "'two'", "cycles"});

  Drawing loop;
  loop.input("x", {4});
  loop.node("Add", "one", {"x", "a"}, {"a"});
  loop.output("a", {4});
  expect_refused(parse(loop), {"'one'", "itself"});

  Drawing dangling = mlp();
  dangling.model.mutable_graph()->mutable_node(2)->set_input(0, "nowhere");
  expect_refused(parse(dangling, {{"batch", 1}}), {"'second'", "'nowhere'"});

  Drawing twice = mlp();
  twice.model.mutable_graph()->mutable_node(1)->set_output(0, "a");
  expect_refused(parse(twice, {{"batch", 1}}), {"'a'", "twice"});

  Drawing few = mlp();
  few.model.mutable_graph()->mutable_node(0)->mutable_input()->RemoveLast();
  expect_refused(parse(few, {{"batch", 1}}), {"'first'"});

  Drawing mismatch = mlp();
  mismatch.model.mutable_graph()->mutable_initializer(1)->clear_raw_data();
  mismatch.model.mutable_graph()->mutable_initializer(1)->set_raw_data("abc");
  expect_refused(parse(mismatch, {{"batch", 1}}), {"'w2'", "3"});

  Drawing negative = mlp();
  negative.model.mutable_graph()->mutable_initializer(0)->set_dims(0, -64);
  expect_refused(parse(negative, {{"batch", 1}}), {"'w1'", "negative"});

  Drawing shapes = mlp();
  shapes.model.mutable_graph()->mutable_initializer(1)->set_dims(0, 32);
  shapes.model.mutable_graph()->mutable_initializer(1)->set_dims(1, 128);
  expect_refused(parse(shapes, {{"batch", 1}}), {""});
}

TEST(ReadModel, EveryTruncationIsRefusedOrReads) {
  const std::string whole = transformer().bytes();
  for (std::size_t size = 0; size < whole.size(); size += 37) {
    const auto file = parse_model(whole.substr(0, size), "model.onnx", ".", {{"batch", 1}});
    if (file) continue;
    EXPECT_EQ(file.error().to_string().find('\n'), std::string::npos);
    EXPECT_FALSE(file.error().message.empty());
  }
}

TEST(ReadModel, EveryDamageIsRefusedOrReads) {
  const std::string whole = convolutional().bytes();
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string damaged = whole;
    for (int j = 0; j < 3; ++j) {
      damaged[random() % damaged.size()] = static_cast<char>(random() % 256);
    }
    const auto file = parse_model(damaged, "model.onnx", ".", {});
    EXPECT_TRUE(file.ok() || !file.error().message.empty());
  }
}

class ExternalData : public ::testing::Test {
 protected:
  ExternalData() : folder_(std::filesystem::path(::testing::TempDir()) / "cleave_external_data") {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "weights.bin") << std::string(64 * 64 * 4, '\0');
  }

  base::Result<ModelFile> parse_with(const std::string& location, const std::string& offset,
                                     const std::string& length) {
    Drawing d = mlp();
    auto& tensor = *d.model.mutable_graph()->mutable_initializer(0);
    tensor.clear_raw_data();
    tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
    for (const auto& [key, text] : std::vector<std::pair<std::string, std::string>>{
             {"location", location}, {"offset", offset}, {"length", length}}) {
      auto& entry = *tensor.add_external_data();
      entry.set_key(key);
      entry.set_value(text);
    }
    return parse_model(d.bytes(), "model.onnx", folder_, {{"batch", 8}});
  }

  std::filesystem::path folder_;
};

TEST_F(ExternalData, CountsWithoutBeingRead) {
  const auto file = parse_with("weights.bin", "0", "16384");
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_EQ(value(file->network, "w1").bytes.count(), 16384);
}

TEST_F(ExternalData, IsRefusedWhereItIsNotAsDeclared) {
  expect_refused(parse_with("weights.bin", "4", "16384"), {"'w1'", "only 16384"});
  expect_refused(parse_with("weights.bin", "0", "100"), {"'w1'", "declares 100"});
  expect_refused(parse_with("weights.bin", "minus", "16384"), {"offset 'minus'"});
  expect_refused(parse_with("../weights.bin", "0", "16384"), {"outside"});
  expect_refused(parse_with("/etc/passwd", "0", "16384"), {"outside"});
  expect_refused(parse_with("", "0", "16384"), {"no name"});
  const auto missing = parse_with("none.bin", "0", "16384");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, base::ErrorCode::not_found);
}

TEST(IsModel, TellsModelsFromText) {
  EXPECT_TRUE(is_model(mlp().bytes()));
  EXPECT_FALSE(is_model("{\"format\": \"cleave.graph/1\"}\n"));
  EXPECT_FALSE(is_model("\xef\xbb\xbf\tnode1 -- Conv"));
  EXPECT_FALSE(is_model(""));
}

}  // namespace
}  // namespace cleave::onnx
