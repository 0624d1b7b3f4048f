// Reads every published file that the reference values are about.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "cleave/io/io.h"
#include "same_graph.h"

namespace cleave::io {
namespace {

namespace fs = std::filesystem;

fs::path data() {
  const char* shared = std::getenv("CLEAVE_SHARED");
  return fs::path(shared == nullptr ? "../shared" : shared) / "data";
}

GraphFile read(const fs::path& relative) {
  auto file = read_graph(data() / relative);
  EXPECT_TRUE(file) << file.error().to_string();
  return file ? *std::move(file) : GraphFile{};
}

std::size_t count_backward(const model::Graph& graph) {
  std::size_t count = 0;
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    count += graph.phase(base::OperatorId(v)) == model::Phase::backward ? 1 : 0;
  }
  return count;
}

void expect_round_trip(const GraphFile& file) {
  const auto again = parse_graph(graph_to_json(*file.graph, file.machine), "again.json");
  ASSERT_TRUE(again) << again.error().to_string();
  expect_same(*file.graph, *again->graph);
}

struct Input {
  const char* name;
  std::size_t forward, backward, edges;
  int accelerators;
};

TEST(SharedData, PaperThroughputInputs) {
  const std::vector<Input> inputs = {{"LayerGraphs/bert24_inference", 32, 0, 55, 6},
                                     {"LayerGraphs/bert24_training", 32, 32, 110, 6},
                                     {"LayerGraphs/resnet50_inference", 177, 0, 193, 6},
                                     {"LayerGraphs/resnet50_training", 177, 177, 386, 6},
                                     {"LayerGraphs/gnmt_inference", 96, 0, 122, 6},
                                     {"LayerGraphs/gnmt_training", 96, 96, 244, 6},
                                     {"LayerGraphs/inceptionv3_inference", 326, 0, 363, 6},
                                     {"LayerGraphs/inceptionv3_training", 326, 326, 726, 6},
                                     {"OperatorGraphs/bert_l-3_inference", 235, 0, 250, 3},
                                     {"OperatorGraphs/bert_l-3_training", 235, 365, 817, 3},
                                     {"OperatorGraphs/bert_l-6_inference", 418, 0, 448, 3},
                                     {"OperatorGraphs/bert_l-6_training", 418, 653, 1462, 3},
                                     {"OperatorGraphs/bert_l-12_inference", 783, 0, 843, 6},
                                     {"OperatorGraphs/bert_L-12_training", 783, 1229, 2751, 6},
                                     {"OperatorGraphs/resnet50_inference", 604, 0, 619, 6},
                                     {"OperatorGraphs/resnet50_training", 604, 639, 1806, 6}};
  for (const Input& input : inputs) {
    SCOPED_TRACE(input.name);
    const GraphFile file =
        read(fs::path("paper/throughput-inputs") / (std::string(input.name) + ".json"));
    ASSERT_NE(file.graph, nullptr);
    EXPECT_EQ(file.format, "paper");
    EXPECT_EQ(file.graph->num_operators(), input.forward + input.backward);
    EXPECT_EQ(count_backward(*file.graph), input.backward);
    EXPECT_EQ(file.graph->num_edges(), input.edges);
    ASSERT_TRUE(file.machine);
    const model::DeviceClass& accelerator = file.machine->classes()[0];
    EXPECT_EQ(accelerator.name, "accelerator");
    EXPECT_EQ(accelerator.count, input.accelerators);
    EXPECT_EQ(accelerator.memory, base::Bytes(17'185'374'208));
    EXPECT_TRUE(accelerator.pays_transfers);
    EXPECT_EQ(file.machine->classes()[1].name, "cpu");
    EXPECT_EQ(file.machine->classes()[1].count, 1);
    EXPECT_FALSE(file.machine->classes()[1].memory);
    EXPECT_FALSE(file.machine->classes()[1].pays_transfers);
    expect_round_trip(file);
    const auto problem = model::Problem::create(file.graph, *file.machine, {});
    EXPECT_TRUE(problem) << problem.error().message;
  }
}

TEST(SharedData, PaperLatencyInputs) {
  const std::vector<Input> inputs = {{"LayerGraphs/bert24_inference", 32, 0, 55, 5},
                                     {"LayerGraphs/gnmt_inference", 96, 0, 122, 6},
                                     {"LayerGraphs/inceptionv3_inference", 326, 0, 363, 12},
                                     {"LayerGraphs/resnet50_inference", 177, 0, 193, 14},
                                     {"OperatorGraphs/bert_l-12_inference", 783, 0, 843, 8},
                                     {"OperatorGraphs/bert_l-3_inference", 235, 0, 250, 4},
                                     {"OperatorGraphs/bert_l-6_inference", 418, 0, 448, 6},
                                     {"OperatorGraphs/resnet50_inference", 604, 0, 619, 9}};
  for (const Input& input : inputs) {
    SCOPED_TRACE(input.name);
    const GraphFile file =
        read(fs::path("paper/latency-inputs") / (std::string(input.name) + ".json"));
    ASSERT_NE(file.graph, nullptr);
    EXPECT_EQ(file.graph->num_operators(), input.forward);
    EXPECT_FALSE(file.graph->has_backward());
    EXPECT_EQ(file.graph->num_edges(), input.edges);
    ASSERT_TRUE(file.machine);
    EXPECT_EQ(file.machine->classes()[0].count, input.accelerators);
    expect_round_trip(file);
  }
}

TEST(SharedData, PipeDreamProfiles) {
  const std::vector<std::pair<const char*, std::size_t>> profiles = {
      {"vgg16", 41}, {"resnet50", 177}, {"gnmt_large", 96}};
  for (const auto& [name, layers] : profiles) {
    SCOPED_TRACE(name);
    const GraphFile file = read(fs::path("pipedream") / name / "graph.txt");
    ASSERT_NE(file.graph, nullptr);
    EXPECT_EQ(file.format, "pipedream");
    EXPECT_EQ(file.graph->num_operators(), 2 * layers);
    EXPECT_EQ(count_backward(*file.graph), layers);
    EXPECT_EQ(file.graph->num_groups(), layers);
    EXPECT_FALSE(file.machine);
    expect_round_trip(file);
  }
}

TEST(SharedData, PiperGraphs) {
  const std::vector<std::pair<const char*, std::size_t>> graphs = {{"gnmt", 78}, {"resnet", 177}};
  for (const auto& [name, layers] : graphs) {
    SCOPED_TRACE(name);
    const GraphFile file = read(fs::path("piper") / (std::string(name) + ".json"));
    ASSERT_NE(file.graph, nullptr);
    EXPECT_EQ(file.format, "piper");
    EXPECT_EQ(file.graph->num_operators(), layers);
    ASSERT_TRUE(file.machine);
    EXPECT_EQ(file.machine->num_devices(), 10U);
    EXPECT_EQ(file.machine->classes()[0].memory, base::Bytes(80'000'000'000));
    expect_round_trip(file);
  }
}

TEST(SharedData, ExpertSplits) {
  const std::vector<std::pair<const char*, const char*>> splits = {
      {"bert24_inference", "bert24_inference"},
      {"bert24_training", "bert24_training"},
      {"gnmt_inference", "gnmt_inference"},
      {"gnmt_training", "gnmt_training"},
      {"inceptionv3_inference", "inceptionv3_inference"},
      {"resnet50_inference", "resnet50_inference"},
      // Forward operators only; the backward ones follow their group.
      {"inceptionv3_inference", "inceptionv3_training"},
      {"resnet50_inference", "resnet50_training"}};
  for (const auto& [split, input] : splits) {
    SCOPED_TRACE(input);
    const GraphFile file =
        read(fs::path("paper/throughput-inputs/LayerGraphs") / (std::string(input) + ".json"));
    ASSERT_NE(file.graph, nullptr);
    const auto problem = model::Problem::create(file.graph, *file.machine, {});
    ASSERT_TRUE(problem) << problem.error().message;
    const auto placement = read_split(
        data() / "paper/human-experts" / (std::string(split) + "_expert.json"), *problem);
    ASSERT_TRUE(placement) << placement.error().to_string();
    ASSERT_EQ(placement->size(), file.graph->num_operators());
    for (const base::DeviceId device : *placement) EXPECT_TRUE(device.valid());
  }
}

}  // namespace
}  // namespace cleave::io
