// Stages against the models that they were cut from, run by ONNX Runtime.
#include "cleave/onnx/stages.h"

#include <gtest/gtest.h>
#include <onnx/checker.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/onnx/generate.h"
#include "cleave/runtime/numeric_check.h"
#include "onnx/models.h"

namespace cleave::runtime {
namespace {

namespace fs = std::filesystem;
using model::Network;
using model::NetworkOperator;
using onnx::StageSpec;

// A folder that is empty at first and gone afterwards.
class Scratch {
 public:
  Scratch() : path_(fs::path(::testing::TempDir()) / unique_name()) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Scratch() { fs::remove_all(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

  fs::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  [[nodiscard]] fs::path folder(const std::string& name) const {
    fs::create_directory(path_ / name);
    return path_ / name;
  }

 private:
  static std::string unique_name() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    return std::string("cleave_") + test->test_suite_name() + "_" + test->name();
  }
  fs::path path_;
};

std::vector<std::string> names_of(const Network& network) {
  std::vector<std::string> names;
  for (const NetworkOperator& op : network.operators) {
    if (!op.constant) names.push_back(op.id);
  }
  return names;
}

// The operators in rows of about equal length; fewer where there are not as many.
std::vector<StageSpec> cut(const std::vector<std::string>& names, std::size_t stages) {
  const std::size_t count = std::min(stages, names.size());
  std::vector<StageSpec> specs(count);
  for (std::size_t i = 0; i < names.size(); ++i) {
    StageSpec& spec = specs[i * count / names.size()];
    spec.device = "cpu0";
    spec.operators.push_back(names[i]);
  }
  return specs;
}

// An order in which producers come first, drawn at random.
std::vector<std::string> random_order(const Network& network, base::Random& random) {
  std::vector<bool> there(network.values.size(), true);
  for (const NetworkOperator& op : network.operators) {
    for (const auto id : op.outputs) {
      if (id.valid() && !op.constant) there[id.index()] = false;
    }
  }
  const auto is_there = [&](model::ValueId id) { return !id.valid() || there[id.index()]; };
  std::vector<const NetworkOperator*> waiting;
  for (const NetworkOperator& op : network.operators) {
    if (!op.constant) waiting.push_back(&op);
  }
  std::vector<std::string> names;
  while (!waiting.empty()) {
    const std::size_t at = random.below(waiting.size());
    const NetworkOperator& op = *waiting[at];
    if (!std::all_of(op.inputs.begin(), op.inputs.end(), is_there) ||
        !std::all_of(op.captured.begin(), op.captured.end(), is_there)) {
      continue;
    }
    for (const auto id : op.outputs) {
      if (id.valid()) there[id.index()] = true;
    }
    names.push_back(op.id);
    waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return names;
}

// Writes the stages, has the onnx library check each, and runs them beside the model.
void expect_equal(const fs::path& file, const onnx::ModelFile& model,
                  const std::vector<StageSpec>& specs, const fs::path& folder) {
  const auto pipeline = onnx::write_stages(model, specs, folder);
  ASSERT_TRUE(pipeline.ok()) << pipeline.error().to_string();
  ASSERT_EQ(pipeline->stages.size(), specs.size());
  for (std::size_t s = 0; s < specs.size(); ++s) {
    EXPECT_EQ(pipeline->stages[s].num_operators,
              static_cast<std::int64_t>(specs[s].operators.size()));
    EXPECT_NO_THROW(::onnx::checker::check_model((folder / pipeline->stages[s].file).string()));
  }
  const auto check = check_stages(file, model.network, folder, *pipeline, /*seed=*/7);
  ASSERT_TRUE(check.ok()) << check.error().to_string();
  EXPECT_LE(check->max_relative_error, 1e-5);
}

void expect_equal(const fs::path& file, const std::vector<std::size_t>& counts,
                  const Scratch& scratch) {
  const auto model = onnx::read_model(file, {});
  ASSERT_TRUE(model.ok()) << model.error().to_string();
  for (const std::size_t count : counts) {
    SCOPED_TRACE(count);
    expect_equal(file, *model, cut(names_of(model->network), count),
                 scratch.folder(std::to_string(count)));
  }
}

fs::path shared(const std::string& name) {
  const char* folder = std::getenv("CLEAVE_SHARED");
  return fs::path(folder == nullptr ? "../shared" : folder) / "data/onnx" / name;
}

class Generated : public ::testing::TestWithParam<const char*> {};

TEST_P(Generated, InTwoFourAndEightStages) {
  const Scratch scratch;
  const fs::path file = scratch.path() / "model.onnx";
  const auto written = onnx::generate_model(GetParam(), {}, file);
  ASSERT_TRUE(written.ok()) << written.error().to_string();
  expect_equal(file, {1, 2, 4, 8}, scratch);
}

TEST_P(Generated, CutAnywhere) {
  const Scratch scratch;
  const fs::path file = scratch.path() / "model.onnx";
  ASSERT_TRUE(onnx::generate_model(GetParam(), {}, file).ok());
  const auto model = onnx::read_model(file, {});
  ASSERT_TRUE(model.ok()) << model.error().to_string();
  base::Random random(1);
  for (int trial = 0; trial < 3; ++trial) {
    SCOPED_TRACE(trial);
    expect_equal(file, *model, cut(random_order(model->network, random), 5),
                 scratch.folder(std::to_string(trial)));
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Generated,
                         ::testing::Values("transformer", "resnet", "lstm"));

TEST(SharedStages, ResNet50) {
  const Scratch scratch;
  expect_equal(shared("light_resnet50.onnx"), {2, 4, 8}, scratch);
}

TEST(SharedStages, SqueezeNet) {
  const Scratch scratch;
  expect_equal(shared("light_squeezenet.onnx"), {2, 4, 8}, scratch);
}

// A tensor of the ONNX project's test data.
Tensor read_tensor(const fs::path& file, const std::string& name) {
  ::onnx::TensorProto proto;
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(proto.ParseFromIstream(&in)) << file;
  const std::map<int, model::ElementType> types{
      {::onnx::TensorProto::FLOAT, model::ElementType::float32},
      {::onnx::TensorProto::INT64, model::ElementType::int64},
      {::onnx::TensorProto::BOOL, model::ElementType::boolean}};
  Tensor tensor{name, types.at(proto.data_type()), {proto.dims().begin(), proto.dims().end()}, {}};
  const auto* bytes = reinterpret_cast<const std::byte*>(proto.raw_data().data());
  tensor.data.assign(bytes, bytes + proto.raw_data().size());
  EXPECT_EQ(tensor.data.size(), size_of(tensor.type, tensor.shape)) << file;
  return tensor;
}

// The recorded outputs, from the recorded inputs, exactly.
void expect_recorded(const std::string& name) {
  const Scratch scratch;
  const auto model = onnx::read_model(shared(name + "/model.onnx"), {});
  ASSERT_TRUE(model.ok()) << model.error().to_string();
  const auto pipeline =
      onnx::write_stages(*model, cut(names_of(model->network), 1), scratch.path());
  ASSERT_TRUE(pipeline.ok()) << pipeline.error().to_string();
  const fs::path data = shared(name + "/test_data_set_0");
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < pipeline->inputs.size(); ++i) {
    inputs.push_back(
        read_tensor(data / ("input_" + std::to_string(i) + ".pb"), pipeline->inputs[i].name));
  }
  const auto outputs = run_stages(scratch.path(), *pipeline, std::move(inputs));
  ASSERT_TRUE(outputs.ok()) << outputs.error().to_string();
  ASSERT_EQ(outputs->size(), pipeline->outputs.size());
  for (std::size_t i = 0; i < outputs->size(); ++i) {
    const Tensor expected =
        read_tensor(data / ("output_" + std::to_string(i) + ".pb"), (*outputs)[i].name);
    EXPECT_EQ((*outputs)[i].shape, expected.shape) << expected.name;
    EXPECT_EQ((*outputs)[i].data, expected.data) << expected.name;
  }
}

TEST(SharedStages, IfIsExact) { expect_recorded("test_if"); }
TEST(SharedStages, LoopIsExact) { expect_recorded("test_loop11"); }

// Cuts a drawing before each operator in turn.
void expect_equal_anywhere(const onnx::Drawing& drawing) {
  const Scratch scratch;
  const fs::path file = scratch.write("model.onnx", drawing.bytes());
  const auto model = onnx::read_model(file, {});
  ASSERT_TRUE(model.ok()) << model.error().to_string();
  const auto names = names_of(model->network);
  for (std::size_t at = 1; at < names.size(); ++at) {
    SCOPED_TRACE("before " + names[at]);
    const auto middle = names.begin() + static_cast<std::ptrdiff_t>(at);
    expect_equal(file, *model, {{"cpu0", {names.begin(), middle}}, {"cpu0", {middle, names.end()}}},
                 scratch.folder(std::to_string(at)));
  }
}

TEST(Stages, WhatBodiesCaptureGoesFromStageToStage) {
  onnx::Drawing d;
  d.input("x", {4});
  d.input("choice", {}, ::onnx::TensorProto::BOOL);
  d.node("Neg", "before", {"x"}, {"h"});
  auto& choose = d.node("If", "choose", {"choice"}, {"y"});
  for (const char* branch : {"then_branch", "else_branch"}) {
    onnx::Drawing body;
    body.node(std::string(branch) == "then_branch" ? "Abs" : "Exp", "", {"h"}, {"b"});
    body.output("b", {4});
    auto& attribute = *choose.add_attribute();
    attribute.set_name(branch);
    attribute.set_type(::onnx::AttributeProto::GRAPH);
    *attribute.mutable_g() = body.model.graph();
  }
  d.output("y", {4});
  expect_equal_anywhere(d);
}

TEST(Stages, OutputsThatAreReadAsWellAndInputsThatPassThrough) {
  onnx::Drawing d;
  d.input("x", {4});
  d.node("Neg", "first", {"x"}, {"h"});
  d.node("Exp", "", {"h"}, {"e"});
  d.node("Add", "last", {"e", "x"}, {"y"});
  d.output("h", {4});
  d.output("y", {4});
  d.output("e", {4});
  expect_equal_anywhere(d);
}

TEST(Stages, AnInputThatNobodyReads) {
  onnx::Drawing d;
  d.input("x", {4});
  d.input("z", {4});
  d.node("Neg", "first", {"x"}, {"h"});
  d.node("Exp", "second", {"h"}, {"y"});
  d.output("y", {4});
  expect_equal_anywhere(d);
}

TEST(Stages, AnInputThatIsAnOutput) {
  onnx::Drawing d;
  d.input("x", {4});
  d.node("Neg", "first", {"x"}, {"h"});
  d.node("Exp", "second", {"h"}, {"y"});
  d.output("y", {4});
  d.output("x", {4});
  expect_equal_anywhere(d);
}

TEST(Stages, WeightsAndConstantsThatAreOutputs) {
  onnx::Drawing d;
  d.input("x", {4});
  d.weight("w", {4});
  d.node("Neg", "first", {"x"}, {"h"});
  d.node("Exp", "second", {"h"}, {"y"});
  d.node("Cos", "constant", {"w"}, {"c"});
  d.output("y", {4});
  d.output("w", {4});
  d.output("c", {4});
  expect_equal_anywhere(d);
}

TEST(Stages, OfOldFilesThatListWeightsAmongTheirInputs) {
  onnx::Drawing d(9);
  d.model.set_ir_version(3);
  d.input("x", {4});
  d.input("w", {4});
  d.weight("w", {4});
  d.node("Add", "first", {"x", "w"}, {"h"});
  d.node("Exp", "", {"h"}, {"e"});
  d.node("Sub", "second", {"e", "w"}, {"y"});
  d.output("y", {4});
  expect_equal_anywhere(d);
}

TEST(Stages, ConstantsAreInEveryStageThatReadsThem) {
  onnx::Drawing d;
  d.input("x", {2, 6});
  d.node("Shape", "shape", {"x"}, {"s"});
  d.integers("one", {1});
  d.node("Gather", "columns", {"s", "one"}, {"n"});
  d.integers("minus_one", {-1});
  onnx::set(d.node("Concat", "flat", {"n", "minus_one"}, {"t"}), "axis", 0);
  d.node("Reshape", "first", {"x", "t"}, {"a"});
  d.node("Neg", "second", {"a"}, {"b"});
  d.node("Reshape", "third", {"b", "t"}, {"c"});
  d.node("Size", "size", {"c"}, {"k"});
  onnx::set(d.node("Cast", "cast", {"k"}, {"f"}), "to", ::onnx::TensorProto::FLOAT);
  d.node("Mul", "fourth", {"c", "f"}, {"y"});
  d.output("y", {6, 2});
  expect_equal_anywhere(d);
}

TEST(Stages, OptionalInputsThatAreLeftOut) {
  onnx::Drawing d;
  d.input("x", {2, 6});
  d.node("Neg", "", {"x"}, {"a"});
  d.node("Clip", "", {"a", "", "limit"}, {"b"});
  auto& limit = *d.model.mutable_graph()->add_initializer();
  limit.set_name("limit");
  limit.set_data_type(::onnx::TensorProto::FLOAT);
  limit.add_float_data(0.25F);
  d.node("Abs", "", {"b"}, {"y"});
  d.output("y", {2, 6});
  expect_equal_anywhere(d);
}

TEST(Stages, WithOnlyTheirOwnFiles) {
  const Scratch scratch;
  const fs::path original = scratch.folder("original");
  const fs::path file = original / "model.onnx";
  // 12 · 1280² numbers in each of two stages, 75 MiB: too many for the message itself.
  ASSERT_TRUE(onnx::generate_model("transformer",
                                   {{"layers", 2}, {"hidden", 1280}, {"heads", 8}, {"sequence", 8}},
                                   file)
                  .ok());
  const auto model = onnx::read_model(file, {});
  ASSERT_TRUE(model.ok()) << model.error().to_string();
  const auto pipeline =
      onnx::write_stages(*model, cut(names_of(model->network), 2), scratch.path());
  ASSERT_TRUE(pipeline.ok()) << pipeline.error().to_string();
  auto inputs = sample_inputs(*pipeline, model->network, 1);
  ASSERT_TRUE(inputs.ok());
  auto session = Session::open(file);
  ASSERT_TRUE(session.ok()) << session.error().to_string();
  const auto expected = session->run(*inputs);
  ASSERT_TRUE(expected.ok()) << expected.error().to_string();
  fs::remove_all(original);
  for (const auto& stage : pipeline->stages) {
    EXPECT_TRUE(fs::exists(scratch.path() / stage.data_file)) << stage.data_file;
    EXPECT_LT(fs::file_size(scratch.path() / stage.file), 1U << 20);
  }
  const auto actual = run_stages(scratch.path(), *pipeline, *inputs);
  ASSERT_TRUE(actual.ok()) << actual.error().to_string();
  EXPECT_LE(compare((*expected)[0], (*actual)[0]).relative, 1e-5);
}

TEST(Annotated, ModelsRunAsTheOriginalDoes) {
  const Scratch scratch;
  const fs::path file = scratch.path() / "model.onnx";
  ASSERT_TRUE(onnx::generate_model("resnet", {}, file).ok());
  const auto model = onnx::read_model(file, {});
  ASSERT_TRUE(model.ok());
  const auto specs = cut(names_of(model->network), 3);
  ASSERT_TRUE(onnx::write_annotated(*model, specs, scratch.path(), "annotated.onnx").ok());
  auto original = Session::open(file);
  auto annotated = Session::open(scratch.path() / "annotated.onnx");
  ASSERT_TRUE(annotated.ok()) << annotated.error().to_string();
  const auto inputs = random_tensors(original->inputs(), 1);
  ASSERT_TRUE(inputs.ok());
  const auto expected = original->run(*inputs);
  const auto actual = annotated->run(*inputs);
  ASSERT_TRUE(expected.ok() && actual.ok());
  EXPECT_EQ(compare((*expected)[0], (*actual)[0]).absolute, 0);
}

TEST(NumericCheck, FindsStagesThatComputeSomethingElse) {
  onnx::Drawing d;
  d.input("x", {4});
  d.node("Neg", "first", {"x"}, {"h"});
  d.node("Exp", "second", {"h"}, {"y"});
  d.output("y", {4});
  const Scratch scratch;
  const fs::path file = scratch.write("model.onnx", d.bytes());
  const auto model = onnx::read_model(file, {});
  ASSERT_TRUE(model.ok());
  const auto pipeline = onnx::write_stages(*model, cut({"first", "second"}, 2), scratch.path());
  ASSERT_TRUE(pipeline.ok());
  ASSERT_TRUE(check_stages(file, model->network, scratch.path(), *pipeline, 1).ok());
  ::onnx::ModelProto stage;
  std::ifstream in(scratch.path() / "stage0.onnx", std::ios::binary);
  ASSERT_TRUE(stage.ParseFromIstream(&in));
  stage.mutable_graph()->mutable_node(0)->set_op_type("Abs");
  scratch.write("stage0.onnx", stage.SerializeAsString());
  const auto check = check_stages(file, model->network, scratch.path(), *pipeline, 1);
  ASSERT_FALSE(check.ok());
  EXPECT_EQ(check.error().code, base::ErrorCode::internal);
  EXPECT_NE(check.error().to_string().find("'y'"), std::string::npos) << check.error().to_string();
}

TEST(NumericCheck, ComparesRelativeToTheLargestElement) {
  const auto tensor = [](std::vector<float> numbers) {
    Tensor t{"t", model::ElementType::float32, {static_cast<std::int64_t>(numbers.size())}, {}};
    const auto* bytes = reinterpret_cast<const std::byte*>(numbers.data());
    t.data.assign(bytes, bytes + numbers.size() * sizeof(float));
    return t;
  };
  const float nan = std::nanf("");
  EXPECT_EQ(compare(tensor({1, -4}), tensor({1, -4})).absolute, 0);
  EXPECT_EQ(compare(tensor({1, -4}), tensor({2, -4})).absolute, 1);
  EXPECT_EQ(compare(tensor({1, -4}), tensor({2, -4})).relative, 0.25);
  EXPECT_EQ(compare(tensor({1, nan}), tensor({1, -nan})).relative, 0);
  EXPECT_EQ(compare(tensor({1, nan}), tensor({1, 2})).relative, HUGE_VAL);
  EXPECT_EQ(compare(tensor({0, 0}), tensor({0, 1e-30F})).relative, HUGE_VAL);
  EXPECT_EQ(compare(tensor({1}), tensor({1, 1})).relative, HUGE_VAL);
}

}  // namespace
}  // namespace cleave::runtime
