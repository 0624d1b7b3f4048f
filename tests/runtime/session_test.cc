#include "cleave/runtime/session.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "cleave/onnx/read.h"
#include "cleave/runtime/measure.h"
#include "onnx/models.h"

namespace cleave::runtime {
namespace {

using model::ElementType;

class SessionTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("session_test_") +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& bytes) const {
    const auto file = folder_ / "model.onnx";
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

  std::filesystem::path folder_;
};

Tensor floats(const std::string& name, const std::vector<std::int64_t>& shape,
              const std::vector<float>& values) {
  Tensor tensor{name, ElementType::float32, shape, {}};
  tensor.data.resize(values.size() * sizeof(float));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

std::vector<float> values_of(const Tensor& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

// y = x + x, with a batch that is open.
onnx::Drawing doubling() {
  onnx::Drawing drawing;
  drawing.input("x", {"batch", 3});
  drawing.output("y", {"batch", 3});
  drawing.node("Add", "double", {"x", "x"}, {"y"});
  return drawing;
}

TEST_F(SessionTest, ComputesWhatTheModelSays) {
  auto session = Session::open(write(doubling().bytes()));
  ASSERT_TRUE(session.ok()) << session.error().to_string();
  ASSERT_EQ(session->inputs().size(), 1U);
  EXPECT_EQ(session->inputs()[0].name, "x");
  EXPECT_EQ(session->inputs()[0].type, ElementType::float32);
  EXPECT_EQ(session->inputs()[0].shape, (std::vector<std::int64_t>{-1, 3}));

  const Tensor x = floats("x", {2, 3}, {1, 2, 3, -4, 0.5, 6});
  const auto outputs = session->run(std::span(&x, 1));
  ASSERT_TRUE(outputs.ok()) << outputs.error().to_string();
  ASSERT_EQ(outputs->size(), 1U);
  EXPECT_EQ((*outputs)[0].name, "y");
  EXPECT_EQ((*outputs)[0].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(values_of((*outputs)[0]), (std::vector<float>{2, 4, 6, -8, 1, 12}));
}

TEST_F(SessionTest, SharesAProcessWithTheOnnxLibrary) {
  const auto file = write(onnx::transformer().bytes());
  const auto network = onnx::read_model(file, {{"batch", 2}});
  ASSERT_TRUE(network.ok()) << network.error().to_string();
  auto session = Session::open(file, {.threads = 2});
  ASSERT_TRUE(session.ok()) << session.error().to_string();
  std::vector<NamedShape> shapes;
  for (const Port& port : session->inputs()) {
    for (const auto& value : network->network.values) {
      if (value.name == port.name) shapes.push_back({value.name, value.shape});
    }
  }
  ASSERT_EQ(shapes.size(), session->inputs().size());
  const auto inputs = random_tensors(session->inputs(), 1, shapes);
  ASSERT_TRUE(inputs.ok()) << inputs.error().to_string();
  const auto outputs = session->run(*inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error().to_string();
  for (const Tensor& tensor : *outputs) EXPECT_EQ(tensor.shape[0], 2) << tensor.name;
}

TEST_F(SessionTest, WritesAProfileThatNamesEveryOperator) {
  auto session = Session::open(write(doubling().bytes()),
                               {.optimize = false, .profile_prefix = folder_ / "profile"});
  ASSERT_TRUE(session.ok()) << session.error().to_string();
  const Tensor x = floats("x", {1, 3}, {1, 2, 3});
  ASSERT_TRUE(session->run(std::span(&x, 1)).ok());
  const auto file = session->end_profiling();
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  std::ifstream in(*file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_NE(text.find("double_kernel_time"), std::string::npos) << text;
}

TEST_F(SessionTest, RefusesWhatTheModelDoesNotRead) {
  auto session = Session::open(write(doubling().bytes()));
  ASSERT_TRUE(session.ok()) << session.error().to_string();
  const auto refusal = [&](const std::vector<Tensor>& inputs) {
    const auto outputs = session->run(inputs);
    return outputs.ok() ? std::string("accepted") : outputs.error().message;
  };
  EXPECT_EQ(refusal({}), "input 'x' is not given");
  EXPECT_EQ(refusal({floats("x", {3}, {1, 2, 3})}),
            "input 'x' has the shape [3], but the model reads [-1, 3]");
  EXPECT_EQ(refusal({floats("x", {1, 3}, {1, 2})}),
            "input 'x' has 8 bytes, but its shape asks for 12");
  EXPECT_EQ(refusal({floats("x", {1, 3}, {1, 2, 3}), floats("z", {}, {1})}),
            "the model has no input 'z'");
  Tensor whole = floats("x", {1, 3}, {1, 2, 3});
  whole.type = ElementType::int32;
  EXPECT_EQ(refusal({whole}), "input 'x' is of int32, but the model reads float32");
}

TEST_F(SessionTest, RefusesWhatIsNoModel) {
  const auto missing = Session::open(folder_ / "missing.onnx");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, base::ErrorCode::not_found);
  const auto nonsense = Session::open(write("this is no model"));
  ASSERT_FALSE(nonsense.ok());
  EXPECT_EQ(nonsense.error().code, base::ErrorCode::bad_input);
  EXPECT_NE(nonsense.error().message.find("does not take this model"), std::string::npos);
}

TEST_F(SessionTest, RefusesText) {
  onnx::Drawing drawing;
  drawing.input("x", {1}, ::onnx::TensorProto::STRING);
  drawing.output("y", {1}, ::onnx::TensorProto::STRING);
  drawing.node("Identity", "same", {"x"}, {"y"});
  const auto session = Session::open(write(drawing.bytes()));
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().message, "input 'x' has elements that cannot be passed, such as text");
}

TEST(RandomTensors, DependOnSeedAndNameOnly) {
  const std::vector<Port> ports{{"a", ElementType::float32, {-1, 4}},
                                {"b", ElementType::int64, {8}}};
  const std::vector<NamedShape> shapes{{"a", {3, 4}}};
  const auto both = random_tensors(ports, 7, shapes);
  const auto second = random_tensors(std::span(ports).subspan(1), 7);
  ASSERT_TRUE(both.ok() && second.ok());
  EXPECT_EQ((*both)[0].shape, (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ((*both)[1].data, (*second)[0].data);
  EXPECT_NE((*random_tensors(ports, 8, shapes))[0].data, (*both)[0].data);
  for (const float value : values_of((*both)[0])) {
    EXPECT_GE(value, -1);
    EXPECT_LT(value, 1);
  }
}

TEST(RandomTensors, HalvesAreInRange) {
  const std::vector<Port> ports{{"h", ElementType::float16, {1000}}};
  const auto tensors = random_tensors(ports, 1);
  ASSERT_TRUE(tensors.ok());
  bool negative = false;
  for (std::size_t i = 0; i < 1000; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, &(*tensors)[0].data[2 * i], 2);
    EXPECT_LT(bits & 0x7fff, 0x3c00) << "magnitude below 1";
    negative = negative || (bits & 0x8000) != 0;
  }
  EXPECT_TRUE(negative);
}

TEST(SizeOf, PacksWhatIsSmallerThanAByte) {
  const std::vector<std::int64_t> shape{3, 3};
  EXPECT_EQ(size_of(ElementType::float32, shape), 36U);
  EXPECT_EQ(size_of(ElementType::int4, shape), 5U);
  EXPECT_EQ(size_of(ElementType::float32, {}), 4U);
}

TEST_F(SessionTest, AChainIsTimedModelByModel) {
  onnx::Drawing next;
  next.input("y", {"batch", 3});
  next.input("w", {2, 4});  // fits a batch of 4 alone, which only the first model's output has
  next.output("z", {2, 3});
  next.node("MatMul", "mix", {"w", "y"}, {"z"});
  const std::vector<std::filesystem::path> files{folder_ / "first.onnx", folder_ / "next.onnx"};
  std::ofstream(files[0], std::ios::binary) << doubling().bytes();
  std::ofstream(files[1], std::ios::binary) << next.bytes();
  const std::vector<NamedShape> shapes{{"x", {4, 3}}};
  const MeasureOptions options{.devices = {{0}}, .threads = 1, .rounds = 3};
  const auto times = measure_chain(files, shapes, options);
  ASSERT_TRUE(times) << times.error().to_string();
  ASSERT_EQ(times->size(), 2U);
  for (const base::Duration time : *times) EXPECT_GT(time.count(), 0);

  std::filesystem::remove(files[1]);
  const auto missing = measure_chain(files, shapes, options);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::ErrorCode::not_found);
  EXPECT_EQ(missing.error().place, files[1].string());
}

}  // namespace
}  // namespace cleave::runtime
