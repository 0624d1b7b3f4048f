// The ONNX project's own files: two classification networks and two with control flow.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "cleave/onnx/read.h"

namespace cleave::onnx {
namespace {

base::Result<ModelFile> read(const std::string& name) {
  const char* shared = std::getenv("CLEAVE_SHARED");
  return read_model(
      std::filesystem::path(shared == nullptr ? "../shared" : shared) / "data/onnx" / name, {});
}

std::map<std::string, int> count_types(const model::Network& network) {
  std::map<std::string, int> count;
  for (const auto& op : network.operators) {
    if (!op.constant) ++count[op.type];
  }
  return count;
}

std::int64_t weight_bytes(const model::Network& network) {
  std::int64_t bytes = 0;
  std::vector<bool> seen(network.values.size());
  for (const auto& op : network.operators) {
    if (op.constant) continue;
    for (const auto id : op.inputs) {
      if (!id.valid() || seen[id.index()] || !network.values[id.index()].constant) continue;
      seen[id.index()] = true;
      bytes += network.values[id.index()].bytes.count();
    }
  }
  return bytes;
}

TEST(SharedModels, ResNet50) {
  const auto file = read("light_resnet50.onnx");
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  const auto count = count_types(file->network);
  EXPECT_EQ(count.at("Conv"), 53);
  EXPECT_EQ(count.at("Sum"), 16);
  EXPECT_FALSE(count.contains("ConstantOfShape"));
  // 25.6 million parameters and the running statistics of 53 normalisations.
  EXPECT_NEAR(static_cast<double>(weight_bytes(file->network)), 4 * 25.61e6, 4 * 0.02e6);
}

TEST(SharedModels, SqueezeNet) {
  const auto file = read("light_squeezenet.onnx");
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_EQ(count_types(file->network).at("Conv"), 26);
  EXPECT_NEAR(static_cast<double>(weight_bytes(file->network)), 4 * 1.235e6, 4 * 0.005e6);
}

TEST(SharedModels, If) {
  const auto file = read("test_if/model.onnx");
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  ASSERT_EQ(file->network.operators.size(), 1U);
  EXPECT_EQ(file->network.operators[0].bodies.size(), 2U);
}

TEST(SharedModels, Loop) {
  const auto file = read("test_loop11/model.onnx");
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  ASSERT_EQ(file->network.operators.size(), 1U);
  const auto& loop = file->network.operators[0];
  EXPECT_EQ(loop.bodies.size(), 1U);
  EXPECT_FALSE(loop.trips.has_value());  // an input of the model
  EXPECT_GT(loop.bodies[0].operators.size(), 3U);
}

}  // namespace
}  // namespace cleave::onnx
