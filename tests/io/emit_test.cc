#include "cleave/io/emit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace cleave::io {
namespace {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::Plan;
using model::Problem;

// A chain of operators on two accelerators and a CPU, placed as `devices` says.
struct Example {
  Example(const std::vector<std::string>& ids, const std::vector<int>& devices)
      : problem(make_problem(ids)) {
    for (const int device : devices) plan.placement.push_back(DeviceId(device));
    for (std::size_t v = 0; v < ids.size(); ++v) {
      if (plan.stages.empty() || plan.stages.back().device != plan.placement[v]) {
        plan.stages.push_back({plan.placement[v], {}});
      }
      plan.stages.back().operators.push_back(OperatorId(v));
    }
  }

  static Problem make_problem(const std::vector<std::string>& ids) {
    model::GraphBuilder builder({"gpu", "cpu"});
    for (std::size_t v = 0; v < ids.size(); ++v) {
      model::OperatorSpec spec;
      spec.id = ids[v];
      spec.times = {Duration(static_cast<std::int64_t>(10 + v)), Duration(100)};
      builder.add_operator(std::move(spec));
      if (v == 0) continue;
      builder.add_tensor({OperatorId(v - 1), {OperatorId(v)}, {}, Duration(1)});
    }
    auto graph = std::move(builder).build();
    model::DeviceClass gpu;
    gpu.name = gpu.times = "gpu";
    gpu.count = 2;
    model::DeviceClass cpu;
    cpu.name = cpu.times = "cpu";
    cpu.pays_transfers = false;
    auto machine = model::Machine::create({gpu, cpu});
    return *Problem::create(std::make_shared<const model::Graph>(*std::move(graph)),
                            *std::move(machine), {});
  }

  [[nodiscard]] base::Result<std::string> emit(std::string_view name) const {
    const auto found = std::find_if(emitters().begin(), emitters().end(),
                                    [&](const Emitter& e) { return e.name == name; });
    return found->emit(problem, plan);
  }

  Problem problem;
  Plan plan;
};

TEST(Names, OfModulesAndLayers) {
  EXPECT_EQ(modules_of("/model/layers.10/mlp/MatMul"),
            (std::vector<std::string>{"model", "layers", "10", "mlp"}));
  EXPECT_EQ(layer_of("/model/layers.10/mlp/MatMul"), 10);
  EXPECT_EQ(layer_of("layer3/attention/query"), 3);
  EXPECT_EQ(layer_of("transformer.h.7.attn"), 7);
  EXPECT_EQ(layer_of("blk_2/x"), 2);
  EXPECT_EQ(layer_of("layernorm1/x"), std::nullopt);
  EXPECT_EQ(layer_of("MatMul_17"), std::nullopt);
  EXPECT_EQ(layer_of("layer/x"), std::nullopt);
  EXPECT_EQ(layer_of(""), std::nullopt);
}

const std::vector<std::string> kLayered{"embed",      "layer0/a/x", "layer0/b/x", "layer1/a/x",
                                        "layer1/b/x", "layer2/a/x", "layer2/b/x", "norm/x"};

TEST(Vllm, CountsLayersAndNamesThoseThatAreTorn) {
  const auto whole = Example(kLayered, {2, 0, 0, 0, 0, 1, 1, 1}).emit("vllm");
  ASSERT_TRUE(whole.ok()) << whole.error().to_string();
  EXPECT_EQ(*whole, "VLLM_PP_LAYER_PARTITION=0,2,1\n");
  const auto torn = Example(kLayered, {0, 0, 0, 0, 1, 1, 1, 1}).emit("vllm");
  ASSERT_TRUE(torn.ok());  // the second operator of layer 1 takes longer than the first
  EXPECT_NE(torn->find("work: 1\nVLLM_PP_LAYER_PARTITION=1,2\n"), std::string::npos) << *torn;
}

TEST(Vllm, DoesNotDoWhatHasNoRunsOrNoLayers) {
  const auto mixed = Example(kLayered, {0, 0, 0, 1, 1, 0, 0, 0}).emit("vllm");
  ASSERT_FALSE(mixed.ok());
  EXPECT_NE(mixed.error().message.find("one run"), std::string::npos);
  const auto unnamed = Example({"MatMul_0", "MatMul_1"}, {0, 1}).emit("vllm");
  ASSERT_FALSE(unnamed.ok());
  EXPECT_NE(unnamed.error().message.find("layers"), std::string::npos);
  const auto gap = Example({"layer0/x", "layer2/x"}, {0, 1}).emit("vllm");
  EXPECT_FALSE(gap.ok());
}

TEST(Llama, SharesAmongAcceleratorsAndPinsTheRest) {
  const auto text = Example(kLayered, {0, 0, 0, 2, 2, 1, 1, 1}).emit("llama");
  ASSERT_TRUE(text.ok()) << text.error().to_string();
  EXPECT_EQ(*text,
            "-ngl 999 -sm layer -ts 1,1\n"
            "-ot \"blk\\.(0)\\.=CUDA0,blk\\.(2)\\.=CUDA1,blk\\.(1)\\.=CPU\"\n");
}

TEST(DeviceMap, HasTheLargestModulesOnOneDevice) {
  const auto text = Example(kLayered, {2, 0, 0, 0, 1, 1, 1, 1}).emit("device_map");
  ASSERT_TRUE(text.ok()) << text.error().to_string();
  EXPECT_EQ(*text, R"({
  "layer0": 0,
  "layer1.a": 0,
  "layer1.b": 1,
  "layer2": 1,
  "norm": 1
}
)");
  EXPECT_FALSE(Example({"MatMul_0", "MatMul_1"}, {0, 1}).emit("device_map").ok());
}

TEST(OpenVino, HasEveryOperator) {
  const auto text = Example({"a", "b", "c"}, {1, 2, 0}).emit("openvino");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "{\n  \"a\": \"GPU.1\",\n  \"b\": \"CPU\",\n  \"c\": \"GPU.0\"\n}\n");
}

}  // namespace
}  // namespace cleave::io
