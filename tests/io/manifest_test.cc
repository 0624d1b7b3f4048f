#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cleave/io/io.h"

namespace cleave::io {
namespace {

using base::Bytes;
using base::Duration;
using model::ElementType;
using model::Pipeline;
using model::PipelineStage;
using model::PipelineTensor;

std::string checksum_of(char digit) { return "sha256:" + std::string(64, digit); }

// x goes to both stages, h from the first to the second, and x is an output as well.
Pipeline example() {
  const PipelineTensor x{"x", ElementType::float32, {8, 64}, std::nullopt};
  const PipelineTensor h{"h", ElementType::float16, {8, 128}, 0};
  const PipelineTensor y{"y", ElementType::int64, {}, 1};
  Pipeline pipeline;
  pipeline.model_file = "model.onnx";
  pipeline.model_checksum = checksum_of('a');
  pipeline.plan_file = "plan.json";
  pipeline.plan_checksum = checksum_of('b');
  pipeline.version = "1.2.3";
  pipeline.period = Duration(2'500'000'001);
  pipeline.inputs = {x};
  pipeline.outputs = {y, x};
  PipelineStage first;
  first.device = "gpu0";
  first.file = "stage0.onnx";
  first.checksum = checksum_of('c');
  first.num_operators = 3;
  first.inputs = {x};
  first.outputs = {h};
  first.predicted.load = Duration(2'500'000'001);
  first.predicted.compute = Duration(2'000'000'000);
  first.predicted.out = Duration(500'000'001);
  first.predicted.memory = Bytes(1024);
  PipelineStage second = first;
  second.device = "gpu1";
  second.file = "stage1.onnx";
  second.data_file = "stage1.weights";
  second.data_checksum = checksum_of('d');
  second.inputs = {h, x};
  second.outputs = {y};
  pipeline.stages = {first, second};
  pipeline.check = model::NumericCheck{"ONNX Runtime 1.2", 7, 1e-6, 2.5e-7, 1e-5};
  return pipeline;
}

// The example's text with one part of it replaced.
std::string edited(const std::string& part, const std::string& replacement) {
  std::string text = manifest_to_json(example());
  const std::size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part << " is not in\n" << text;
  return text.replace(at, part.size(), replacement);
}

// The text is refused with one sentence that has all of `parts`.
void expect_refused(const std::string& text, const std::vector<std::string>& parts) {
  const auto pipeline = parse_manifest(text, "manifest.json");
  ASSERT_FALSE(pipeline.ok()) << text;
  EXPECT_EQ(pipeline.error().code, base::ErrorCode::bad_input);
  const std::string sentence = pipeline.error().to_string();
  EXPECT_EQ(sentence.find("manifest.json"), 0U) << sentence;
  EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
  for (const std::string& part : parts) {
    EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
  }
}

TEST(Manifest, ReadsBackWhatWasWritten) {
  const Pipeline written = example();
  const auto read = parse_manifest(manifest_to_json(written), "manifest.json");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->model_file, written.model_file);
  EXPECT_EQ(read->model_checksum, written.model_checksum);
  EXPECT_EQ(read->plan_file, written.plan_file);
  EXPECT_EQ(read->plan_checksum, written.plan_checksum);
  EXPECT_EQ(read->version, written.version);
  EXPECT_EQ(read->period, written.period);
  EXPECT_EQ(read->inputs, written.inputs);
  EXPECT_EQ(read->outputs, written.outputs);
  EXPECT_EQ(read->stages, written.stages);
  EXPECT_EQ(read->check, written.check);
  EXPECT_EQ(manifest_to_json(*read), manifest_to_json(written));
}

TEST(Manifest, WithoutANumericCheck) {
  Pipeline written = example();
  written.check.reset();
  const auto read = parse_manifest(manifest_to_json(written), "manifest.json");
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_FALSE(read->check.has_value());
}

TEST(Manifest, RefusesAnotherFormat) {
  expect_refused(edited("cleave.manifest/1", "cleave.plan/1"), {"/format", "cleave.manifest/1"});
}

TEST(Manifest, RefusesFilesOutsideOfTheFolder) {
  for (const std::string name : {"../stage0.onnx", "/stage0.onnx", "a/b", "..", ""}) {
    expect_refused(edited("stage0.onnx", name), {"/stages/0/model/file"});
  }
}

TEST(Manifest, RefusesAFileThatIsNamedTwice) {
  expect_refused(edited("stage1.onnx", "stage0.onnx"), {"/stages/1/model", "named twice"});
  expect_refused(edited("stage0.onnx", "plan.json"), {"/stages/0/model", "named twice"});
}

TEST(Manifest, RefusesChecksumsThatAreNone) {
  expect_refused(edited("sha256:cccc", "sha256:CCCC"), {"/stages/0/model/checksum", "sha256:"});
}

TEST(Manifest, RefusesATensorFromALaterStage) {
  expect_refused(edited(R"([8, 64], "from": "caller")", R"([8, 64], "from": 0)"),
                 {"/stages/0/inputs/0/from", "does not come before"});
}

TEST(Manifest, RefusesATensorThatItsSourceDoesNotGive) {
  expect_refused(edited(R"("h", "dtype": "float16", "shape": [8, 128], "from": 0)",
                        R"("g", "dtype": "float16", "shape": [8, 128], "from": 0)"),
                 {"/stages/1/inputs/0", "stage 0 gives no tensor 'g'"});
  expect_refused(edited(R"([8, 128], "from": 0)", R"([8, 128], "from": "caller")"),
                 {"/stages/1/inputs/0", "the caller gives no tensor 'h'"});
}

TEST(Manifest, RefusesATensorThatChangesOnItsWay) {
  expect_refused(edited(R"([8, 128], "from": 0)", R"([8, 127], "from": 0)"),
                 {"/stages/1/inputs/0", "another type or shape"});
}

TEST(Manifest, RefusesATensorWithTwoSources) {
  expect_refused(
      edited(R"("y", "dtype": "int64", "shape": [])", R"("h", "dtype": "int64", "shape": [])"),
      {"/stages/1/outputs/0", "two sources"});
}

TEST(Manifest, RefusesATypeThatIsNone) {
  expect_refused(edited("float16", "float17"), {"/stages/0/outputs/0/dtype", "float17"});
}

TEST(Manifest, RefusesAPipelineWithoutStages) {
  std::string text = manifest_to_json(example());
  const std::size_t from = text.find(R"("stages": [)") + 11;
  text.erase(from, text.rfind(R"(],
  "outputs")") - from);
  expect_refused(text, {"/stages", "no stage"});
}

TEST(Manifest, RefusesFieldsThatItDoesNotKnow) {
  expect_refused(edited(R"("version")", R"("extra": 1, "version")"), {"/extra"});
}

}  // namespace
}  // namespace cleave::io
