#include "cleave/workload/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cleave::workload {
namespace {

using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;

Graph make(std::string_view family, const std::vector<Setting>& settings = {},
           bool training = false) {
  auto graph = generate(family, settings, training);
  EXPECT_TRUE(graph.ok()) << (graph.ok() ? "" : graph.error().to_string());
  return std::move(graph).value();
}

Duration time(const Graph& graph, std::string_view id, std::size_t column = 0) {
  return graph.time(*graph.find(id), column).value();
}

// Every field of every operator and tensor, as text.
std::string print(const Graph& graph) {
  std::string text;
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    text += graph.id(op) + " " + std::to_string(graph.memory(op).count()) + " " +
            std::to_string(graph.time(op, 0)->count()) + " " +
            std::to_string(graph.time(op, 1)->count()) + "\n";
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    text += graph.id(graph.producer(tensor)) + " " + std::to_string(graph.bytes(tensor)->count()) +
            " " + std::to_string(graph.transfer(tensor)->count()) + ":";
    for (const OperatorId c : graph.consumers(tensor)) text += " " + graph.id(c);
    text += "\n";
  }
  return text;
}

std::vector<Setting> small(std::string_view family) {
  if (family == "chain" || family == "random") return {{"operators", 200}};
  if (family == "gnmt") return {{"encoder", 2}, {"decoder", 2}, {"steps", 5}};
  return {};
}

TEST(Workload, OperatorCountsFollowTheParameters) {
  EXPECT_EQ(make("bert", {{"layers", 3}}).num_operators(), 7 + 3 * 14);
  EXPECT_EQ(make("moe", {{"layers", 3}, {"experts", 8}}).num_operators(), 7 + 3 * (9 + 5 + 8));
  EXPECT_EQ(make("resnet50").num_operators(), 1 + 4 + 16 * 10 + 4 * 2 + 3);
  EXPECT_EQ(make("inception").num_operators(), 1 + 4 * 3 + 10 * (8 * 6 + 1) + 3);
  EXPECT_EQ(make("inception", {{"blocks", 2}, {"branches", 3}, {"operators", 4}}).num_operators(),
            16 + 2 * (3 * 4 + 1));
  EXPECT_EQ(make("gnmt").num_operators(), 60 + 8 * 60 + 60);
  EXPECT_EQ(make("gnmt", {{"encoder", 2}, {"decoder", 2}, {"steps", 60}}).num_operators(),
            60 + 2 * 60 + 60 + 60 + 2 * 60);
  EXPECT_EQ(make("chain", {{"operators", 17}}).num_operators(), 17);
  EXPECT_EQ(make("random", {{"operators", 17}}).num_operators(), 17);
}

TEST(Workload, RealShapesGiveTheKnownTotals) {
  const auto weights = [](const Graph& inference, const Graph& training) {
    // Backward twins hold three times the weights.
    std::int64_t bytes = 0;
    for (std::size_t v = inference.num_operators(); v < training.num_operators(); ++v) {
      bytes += training.memory(OperatorId(v)).count() / 3;
    }
    return static_cast<double>(bytes) / 2;
  };
  // ResNet-50 has 25.5 million parameters in convolutions and the last layer.
  EXPECT_NEAR(weights(make("resnet50"), make("resnet50", {}, true)), 25.5e6, 0.1e6);
  // BERT-large has 24 layers of 12.6 million, and 31.8 million in embeddings; our head has its own
  // matrix of 31.3 million.
  const std::vector<Setting> large{{"layers", 24}};
  EXPECT_NEAR(weights(make("bert", large), make("bert", large, true)), 365e6, 2e6);
}

TEST(Workload, TimesFollowTheStatedRates) {
  const Graph bert = make("bert", {{"layers", 1}});
  // 2 · 512 · 1024 · 4096 FLOP at 100 TFLOP/s and at 2 TFLOP/s.
  EXPECT_EQ(time(bert, "layer0/expand"), Duration(42'949'672));
  EXPECT_EQ(time(bert, "layer0/expand", 1), Duration(2'147'483'648));
  // Reads two and writes one state of 1 MiB at 1 TB/s.
  EXPECT_EQ(time(bert, "layer0/attention/add"), Duration(3 << 20));
  // 1 MiB at 50 GB/s.
  const OperatorId add = *bert.find("layer0/attention/add");
  EXPECT_EQ(bert.transfer(bert.outputs(add)[0]), Duration(20 << 20));
  EXPECT_EQ(bert.bytes(bert.outputs(add)[0]), base::Bytes(1 << 20));
}

TEST(Workload, MovingAStateCostsThatShareOfACell) {
  for (const std::int64_t share : {1, 10, 100}) {
    const Graph gnmt = make("gnmt", {{"steps", 4}, {"transfer", share}});
    const OperatorId cell = *gnmt.find("encoder3/step2");
    const double ratio = static_cast<double>(gnmt.transfer(gnmt.outputs(cell)[0])->count()) /
                         static_cast<double>(gnmt.time(cell, 0)->count());
    EXPECT_NEAR(ratio, static_cast<double>(share) / 100, 1e-6);
  }
}

TEST(Workload, GridHasTheEdgesOfTheModel) {
  const Graph gnmt = make("gnmt", {{"encoder", 2}, {"decoder", 2}, {"steps", 3}});
  const auto consumers = [&](std::string_view id) {
    std::vector<std::string> names;
    for (const TensorId tensor : gnmt.outputs(*gnmt.find(id))) {
      for (const OperatorId op : gnmt.consumers(tensor)) names.push_back(gnmt.id(op));
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(consumers("encoder0/step1"), (Names{"encoder0/step2", "encoder1/step1"}));
  EXPECT_EQ(consumers("encoder1/step1"),
            (Names{"attention/step0", "attention/step1", "attention/step2", "encoder1/step2"}));
  EXPECT_EQ(consumers("attention/step1"), (Names{"decoder0/step1", "decoder1/step1"}));
  EXPECT_EQ(consumers("decoder0/step1"),
            (Names{"attention/step2", "decoder0/step2", "decoder1/step1"}));
  EXPECT_EQ(consumers("decoder1/step2"), Names{});
}

TEST(Workload, EqualArgumentsGiveEqualGraphs) {
  for (const Family& family : families()) {
    for (const bool training : {false, true}) {
      auto settings = small(family.name);
      settings.push_back({"seed", 7});
      const std::string first = print(make(family.name, settings, training));
      EXPECT_EQ(first, print(make(family.name, settings, training))) << family.name;
      settings.back().value = 8;
      EXPECT_NE(first, print(make(family.name, settings, training))) << family.name;
    }
  }
}

TEST(Workload, WithoutSeedBranchesAreEqual) {
  const Graph graph = make("inception", {{"blocks", 1}});
  for (int i = 0; i < 6; ++i) {
    const std::string convolution = "/convolution" + std::to_string(i);
    for (int b = 1; b < 8; ++b) {
      EXPECT_EQ(time(graph, "block0/branch" + std::to_string(b) + convolution),
                time(graph, "block0/branch0" + convolution));
    }
  }
  const Graph seeded = make("inception", {{"blocks", 1}, {"seed", 1}});
  EXPECT_NE(time(seeded, "block0/branch1/convolution1"),
            time(seeded, "block0/branch0/convolution1"));
}

TEST(Workload, TrainingMirrorsTheForwardGraph) {
  for (const Family& family : families()) {
    const Graph inference = make(family.name, small(family.name));
    const Graph training = make(family.name, small(family.name), true);
    const std::size_t n = inference.num_operators();
    EXPECT_FALSE(inference.has_backward()) << family.name;
    EXPECT_EQ(inference.num_groups(), 0) << family.name;
    ASSERT_EQ(training.num_operators(), 2 * n) << family.name;
    EXPECT_EQ(training.num_edges(), 2 * inference.num_edges() + n) << family.name;
    for (std::size_t v = 0; v < n; ++v) {
      const OperatorId op(v);
      const OperatorId twin = *training.find(training.id(op) + "/backward");
      EXPECT_EQ(training.phase(op), Phase::forward);
      EXPECT_EQ(training.phase(twin), Phase::backward);
      ASSERT_TRUE(training.group(op));
      EXPECT_EQ(training.group(op), training.group(twin));
      EXPECT_EQ(training.members(*training.group(op)).size(), 2);
      EXPECT_EQ(*training.time(twin, 0), 2 * *training.time(op, 0));
    }
    // Each forward edge has its gradient, of its size, the other way.
    std::map<std::pair<OperatorId, OperatorId>, std::vector<base::Bytes>> gradients;
    for (std::size_t x = 0; x < training.num_tensors(); ++x) {
      const TensorId tensor(x);
      for (const OperatorId c : training.consumers(tensor)) {
        gradients[{training.producer(tensor), c}].push_back(*training.bytes(tensor));
      }
    }
    for (std::size_t x = 0; x < inference.num_tensors(); ++x) {
      const TensorId tensor(x);
      const auto twin = [n](OperatorId op) { return OperatorId(n + op.index()); };
      for (const OperatorId c : inference.consumers(tensor)) {
        const auto& found = gradients[{twin(c), twin(inference.producer(tensor))}];
        EXPECT_NE(std::find(found.begin(), found.end(), *inference.bytes(tensor)), found.end());
      }
    }
  }
}

TEST(Workload, ParametersOutsideTheirRangesAreRefused) {
  for (const Family& family : families()) {
    for (const Parameter& p : family.parameters) {
      EXPECT_LE(p.low, p.value);
      EXPECT_LE(p.value, p.high);
      for (const std::int64_t value : {p.low - 1, p.high + 1}) {
        const auto graph = generate(family.name, {{std::string(p.name), value}}, false);
        ASSERT_FALSE(graph.ok()) << family.name << " " << p.name << " " << value;
        EXPECT_EQ(graph.error().code, base::ErrorCode::bad_input);
        EXPECT_NE(graph.error().message.find("'" + std::string(p.name) + "'"), std::string::npos);
        EXPECT_NE(graph.error().message.find(std::to_string(value)), std::string::npos);
      }
    }
  }
}

TEST(Workload, EveryLowestValueGivesAGraph) {
  for (const Family& family : families()) {
    for (const Parameter& p : family.parameters) {
      if (p.name == "experts") continue;  // at least `chosen`: see below
      auto settings = small(family.name);
      settings.push_back({std::string(p.name), p.low});
      EXPECT_TRUE(generate(family.name, settings, true).ok()) << family.name << " " << p.name;
    }
  }
  EXPECT_TRUE(generate("moe", {{"experts", 1}, {"chosen", 1}}, true).ok());
}

TEST(Workload, UnknownNamesAreRefused) {
  const auto family = generate("transformer", {}, false);
  ASSERT_FALSE(family.ok());
  EXPECT_EQ(family.error().message,
            "there is no workload 'transformer'; there are bert, resnet50, inception, gnmt, moe, "
            "chain, random");
  const auto parameter = generate("chain", {{"layers", 3}}, false);
  ASSERT_FALSE(parameter.ok());
  EXPECT_EQ(parameter.error().message,
            "workload chain has no parameter 'layers'; it has operators, transfer, seed");
  const auto chosen = generate("moe", {{"experts", 4}, {"chosen", 5}}, false);
  ASSERT_FALSE(chosen.ok());
  EXPECT_EQ(chosen.error().message,
            "parameter 'chosen' of workload moe is 5, more than its 4 experts");
}

TEST(Workload, SumsThatOverflowAreRefusedNotWrapped) {
  const auto graph = generate(
      "bert", {{"layers", 10000}, {"hidden", 16384}, {"sequence", 8192}, {"batch", 1024}}, true);
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().code, base::ErrorCode::bad_input);
  EXPECT_NE(graph.error().message.find("overflow"), std::string::npos) << graph.error().message;
}

}  // namespace
}  // namespace cleave::workload
