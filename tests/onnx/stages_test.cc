#include "cleave/onnx/stages.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "cleave/onnx/generate.h"
#include "onnx/models.h"

namespace cleave::onnx {
namespace {

namespace fs = std::filesystem;

class Stages : public ::testing::Test {
 protected:
  Stages() : folder_(fs::path(::testing::TempDir()) / "cleave_stages") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~Stages() override { fs::remove_all(folder_); }

  base::Result<model::Pipeline> write(const Drawing& drawing, const std::vector<StageSpec>& specs) {
    const auto model = parse_model(drawing.bytes(), "model.onnx", ".", {});
    EXPECT_TRUE(model.ok()) << model.error().to_string();
    return write_stages(*model, specs, folder_);
  }

  // The stages are refused with one sentence, which has the part.
  void expect_refused(const Drawing& drawing, const std::vector<StageSpec>& specs,
                      const std::string& part) {
    const auto pipeline = write(drawing, specs);
    ASSERT_FALSE(pipeline.ok()) << part;
    EXPECT_EQ(pipeline.error().code, base::ErrorCode::bad_input);
    const std::string text = pipeline.error().to_string();
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  }

  [[nodiscard]] ::onnx::ModelProto read(const std::string& name) const {
    ::onnx::ModelProto model;
    std::ifstream in(folder_ / name, std::ios::binary);
    EXPECT_TRUE(model.ParseFromIstream(&in)) << name;
    return model;
  }

  fs::path folder_;
};

Drawing chain() {
  Drawing d;
  d.input("x", {4});
  d.node("Neg", "first", {"x"}, {"h"});
  d.node("Exp", "second", {"h"}, {"y"});
  d.output("y", {4});
  return d;
}

TEST_F(Stages, RefuseOperatorsThatAreNotEachInOneStage) {
  expect_refused(chain(), {{"d", {"first"}}}, "'second' is in no stage");
  expect_refused(chain(), {{"d", {"first", "second", "third"}}}, "'third' of stage 0");
  expect_refused(chain(), {{"d", {"first"}}, {"d", {"second", "first"}}}, "another already");
  expect_refused(chain(), {}, "no stages");
}

TEST_F(Stages, RefuseAnOrderInWhichProducersComeLater) {
  expect_refused(chain(), {{"d", {"second"}}, {"d", {"first"}}}, "stage 1 computes only later");
}

TEST_F(Stages, RefuseWhatIsNoTensorBetweenFiles) {
  Drawing d;
  d.input("x", {4});
  d.node("SequenceConstruct", "pack", {"x", "x"}, {"s"});
  d.integers("zero", {0});
  d.model.mutable_graph()->mutable_initializer(0)->clear_dims();
  d.node("SequenceAt", "unpack", {"s", "zero"}, {"y"});
  d.output("y", {4});
  expect_refused(d, {{"d", {"pack"}}, {"d", {"unpack"}}}, "'s', which is no tensor");
  EXPECT_TRUE(write(d, {{"d", {"pack", "unpack"}}}).ok());
}

TEST_F(Stages, KeepMetadataVersionsAndShapes) {
  Drawing d = chain();
  d.model.set_producer_name("somebody");
  d.model.set_doc_string("what it is for");
  auto& entry = *d.model.add_metadata_props();
  entry.set_key("author");
  entry.set_value("somebody else");
  auto& opset = *d.model.add_opset_import();
  opset.set_domain("com.example");
  opset.set_version(3);
  d.model.mutable_graph()->mutable_node(0)->set_doc_string("negates");
  ASSERT_TRUE(write(d, {{"gpu7", {"first", "second"}}}).ok());
  const auto stage = read("stage0.onnx");
  EXPECT_EQ(stage.producer_name(), "somebody");
  EXPECT_EQ(stage.doc_string(), "what it is for");
  EXPECT_EQ(stage.opset_import_size(), 2);
  EXPECT_EQ(stage.graph().node(0).doc_string(), "negates");
  std::map<std::string, std::string> metadata;
  for (const auto& pair : stage.metadata_props()) metadata[pair.key()] = pair.value();
  EXPECT_EQ(metadata["author"], "somebody else");
  EXPECT_EQ(metadata["cleave.stage"], "0");
  EXPECT_EQ(metadata["cleave.device"], "gpu7");
  ASSERT_EQ(stage.graph().value_info_size(), 1);
  EXPECT_EQ(stage.graph().value_info(0).name(), "h");
}

TEST_F(Stages, SayWhichTensorGoesWhere) {
  Drawing d = chain();
  d.output("h", {4});
  const auto pipeline = write(d, {{"a", {"first"}}, {"b", {"second"}}});
  ASSERT_TRUE(pipeline.ok()) << pipeline.error().to_string();
  const model::PipelineTensor x{"x", model::ElementType::float32, {4}, std::nullopt};
  const model::PipelineTensor h{"h", model::ElementType::float32, {4}, 0};
  const model::PipelineTensor y{"y", model::ElementType::float32, {4}, 1};
  using Tensors = std::vector<model::PipelineTensor>;
  EXPECT_EQ(pipeline->inputs, Tensors{x});
  EXPECT_EQ(pipeline->outputs, (Tensors{y, h}));
  EXPECT_EQ(pipeline->stages[0].inputs, Tensors{x});
  EXPECT_EQ(pipeline->stages[0].outputs, Tensors{h});
  EXPECT_EQ(pipeline->stages[1].inputs, Tensors{h});
  EXPECT_EQ(pipeline->stages[1].outputs, Tensors{y});
  EXPECT_EQ(pipeline->stages[1].device, "b");
}

TEST_F(Stages, NobodyReadsStillHaveAnOutput) {
  Drawing d = chain();
  d.node("Abs", "idle", {"h"}, {"unread"});
  const auto pipeline = write(d, {{"a", {"first", "second"}}, {"b", {"idle"}}});
  ASSERT_TRUE(pipeline.ok()) << pipeline.error().to_string();
  ASSERT_EQ(pipeline->stages[1].outputs.size(), 1U);
  EXPECT_EQ(pipeline->stages[1].outputs[0].name, "unread");
}

TEST_F(Stages, AnnotationsNameStageAndDevice) {
  const auto model = parse_model(chain().bytes(), "model.onnx", ".", {});
  ASSERT_TRUE(model.ok());
  const std::vector<StageSpec> specs{{"gpu0", {"first"}}, {"gpu1", {"second"}}};
  ASSERT_TRUE(write_annotated(*model, specs, folder_, "annotated.onnx").ok());
  const auto annotated = read("annotated.onnx");
  EXPECT_GE(annotated.ir_version(), 11);
  EXPECT_NE(annotated.SerializeAsString().find("layer_ann"), std::string::npos);
  // pipeline_stage (field 3) of the second operator is 1, of configuration (field 1) "cleave".
  const std::string second = annotated.graph().node(1).SerializeAsString();
  EXPECT_NE(second.find(std::string("\x0a\x06") + "cleave\x18\x01"), std::string::npos);
  EXPECT_NE(second.find("gpu1"), std::string::npos);
  EXPECT_EQ(annotated.graph().node(0).op_type(), "Neg");
}

// The same file read with and without its large weights in memory.
class Files : public Stages {
 protected:
  fs::path write_file(const std::string& bytes) {
    const fs::path file = folder_ / "model.onnx";
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }
};

TEST_F(Files, LargeWeightsStayWhereTheyAre) {
  Drawing d;
  d.input("x", {2, 64});
  d.weight("w", {64, 64});
  d.node("MatMul", "product", {"x", "w"}, {"y"});
  d.output("y", {2, 64});
  std::string* raw = d.model.mutable_graph()->mutable_initializer(0)->mutable_raw_data();
  for (std::size_t i = 0; i < raw->size(); ++i) (*raw)[i] = static_cast<char>(i % 61);
  const auto model = read_model(write_file(d.bytes()), {});
  ASSERT_TRUE(model.ok()) << model.error().to_string();
  ASSERT_TRUE(write_stages(*model, std::vector<StageSpec>{{"d", {"product"}}}, folder_).ok());
  const auto stage = read("stage0.onnx");
  ASSERT_EQ(stage.graph().initializer_size(), 1);
  EXPECT_EQ(stage.graph().initializer(0).raw_data(), *raw);
  // What has gone from the file by then is an error, not other bytes.
  write_file(d.bytes().substr(0, 100));
  const auto late = write_stages(*model, std::vector<StageSpec>{{"d", {"product"}}}, folder_);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, base::ErrorCode::not_found) << late.error().to_string();
}

TEST_F(Files, AreReadAsBytesAre) {
  const std::string bytes = [] {
    Drawing d = transformer();
    d.model.mutable_graph()
        ->mutable_input(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(0)
        ->set_dim_value(2);
    return d.bytes();
  }();
  for (std::size_t length = 0; length <= bytes.size(); length += length < 100 ? 1 : 97) {
    const std::string part = bytes.substr(0, length);
    const auto from_bytes = parse_model(part, "m", folder_, {});
    const auto from_file = read_model(write_file(part), {});
    EXPECT_EQ(from_bytes.ok(), from_file.ok()) << length;
  }
}

TEST_F(Files, WithMoreOrFewerBytesThanTheShapeTakes) {
  for (const int bytes : {5000, 20000}) {
    Drawing d;
    d.input("x", {2, 64});
    d.weight("w", {64, 64});
    d.node("MatMul", "product", {"x", "w"}, {"y"});
    d.output("y", {2, 64});
    d.model.mutable_graph()->mutable_initializer(0)->set_raw_data(
        std::string(static_cast<std::size_t>(bytes), '\1'));
    const auto model = read_model(write_file(d.bytes()), {});
    ASSERT_FALSE(model.ok());
    EXPECT_NE(model.error().to_string().find("'w': its shape takes 16384 bytes"), std::string::npos)
        << model.error().to_string();
  }
}

TEST_F(Files, AboveTwoGibibytesAreRefused) {
  const fs::path file = write_file(chain().bytes());
  fs::resize_file(file, std::uintmax_t{5} << 30);  // with a hole: takes no space
  const auto model = read_model(file, {});
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.error().to_string().find("larger than 2 GiB"), std::string::npos);
}

TEST_F(Files, GeneratedOnesAreEqualForEqualArguments) {
  const auto bytes_of = [&](std::int64_t seed) {
    const fs::path file = folder_ / "generated.onnx";
    EXPECT_TRUE(
        generate_model("transformer", {{"layers", 1}, {"hidden", 16}, {"seed", seed}}, file).ok());
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_EQ(bytes_of(1), bytes_of(1));
  EXPECT_NE(bytes_of(1), bytes_of(2));
}

TEST_F(Files, GeneratedOnesSayWhatIsWrong) {
  const fs::path file = folder_ / "generated.onnx";
  const auto refused = [&](const char* architecture, std::vector<base::Setting> settings) {
    const auto written = generate_model(architecture, settings, file);
    EXPECT_FALSE(written.ok());
    return written.ok() ? std::string() : written.error().to_string();
  };
  EXPECT_NE(refused("perceptron", {}).find("transformer, resnet, lstm"), std::string::npos);
  EXPECT_NE(refused("lstm", {{"heads", 2}}).find("no parameter 'heads'"), std::string::npos);
  EXPECT_NE(refused("transformer", {{"hidden", 30}}).find("multiple"), std::string::npos);
  EXPECT_FALSE(fs::exists(file));
}

}  // namespace
}  // namespace cleave::onnx
