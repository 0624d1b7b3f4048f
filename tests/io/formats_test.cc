// One small input a format, and what each is read as.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "cleave/io/io.h"
#include "io/sha256.h"
#include "same_graph.h"
#include "support/random_draft.h"

namespace cleave::io {
namespace {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;

constexpr std::int64_t kMs = 1'000'000'000;

GraphFile parse(std::string_view text) {
  auto file = parse_graph(text, "input");
  EXPECT_TRUE(file) << file.error().to_string();
  if (!file) std::abort();
  return *std::move(file);
}

OperatorId find(const Graph& graph, std::string_view id) {
  const auto op = graph.find(id);
  EXPECT_TRUE(op) << id;
  return op.value_or(OperatorId(0));
}

// "a -> b c: bytes 7, 0.5 ms", for every tensor.
std::vector<std::string> tensors_of(const Graph& graph) {
  std::vector<std::string> all;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    std::string text = graph.id(graph.producer(tensor)) + " ->";
    for (const OperatorId consumer : graph.consumers(tensor)) text += " " + graph.id(consumer);
    if (const auto bytes = graph.bytes(tensor)) text += fmt::format(" {} B", bytes->count());
    if (const auto time = graph.transfer(tensor)) text += fmt::format(" {} ps", time->count());
    all.push_back(text);
  }
  return all;
}

using Lines = std::vector<std::string>;

TEST(CleaveGraph, ReadsEveryField) {
  const GraphFile file = parse(R"({
    "format": "cleave.graph/1",
    "tensors": [{"consumers": ["b", "c", "b"], "producer": "a", "bytes": 7},
                {"producer": "b", "consumers": [], "transfer_ms": 0.5}],
    "operators": [
      {"id": "a", "name": "first", "times_ms": {"fast": 0.125}, "memory_bytes": 12},
      {"id": "b", "times_ms": {"slow": 1e-9, "fast": null}, "phase": "forward", "group": "g"},
      {"id": "c", "times_ms": {"slow": 3, "fast": 2}, "phase": "backward", "group": "g"}],
    "time_columns": ["slow", "fast"],
    "machine": [{"class": "fast", "count": 2, "memory": "1 KiB",
                 "link": {"bandwidth": "1 GB/s", "latency": "5 us"}},
                {"class": "host", "pays_transfers": false, "times": "slow"}]})");
  EXPECT_EQ(file.format, "cleave.graph/1");
  const Graph& graph = *file.graph;
  ASSERT_EQ(graph.num_operators(), 3U);
  EXPECT_EQ(graph.time_columns(), (Lines{"slow", "fast"}));
  const OperatorId a = find(graph, "a");
  const OperatorId b = find(graph, "b");
  const OperatorId c = find(graph, "c");
  EXPECT_EQ(graph.name(a), "first");
  EXPECT_EQ(graph.name(b), "b");
  EXPECT_EQ(graph.memory(a), Bytes(12));
  EXPECT_EQ(graph.memory(b), Bytes(0));
  EXPECT_EQ(graph.time(a, 0), std::nullopt);
  EXPECT_EQ(graph.time(a, 1), Duration(kMs / 8));
  EXPECT_EQ(graph.time(b, 0), Duration(1));
  EXPECT_EQ(graph.time(b, 1), std::nullopt);
  EXPECT_EQ(graph.phase(b), Phase::forward);
  EXPECT_EQ(graph.phase(c), Phase::backward);
  EXPECT_EQ(graph.group(a), std::nullopt);
  EXPECT_EQ(graph.group(b), graph.group(c));
  EXPECT_EQ(tensors_of(graph), (Lines{"a -> b c 7 B", "b -> 500000000 ps"}));
  ASSERT_TRUE(file.machine);
  const model::DeviceClass& fast = file.machine->classes()[0];
  EXPECT_EQ(fast.count, 2);
  EXPECT_EQ(fast.memory, Bytes(1024));
  EXPECT_EQ(fast.link->bytes_per_second, 1'000'000'000);
  EXPECT_EQ(fast.link->latency, Duration(5'000'000));
  EXPECT_EQ(fast.times, "fast");
  EXPECT_EQ(file.machine->classes()[1].times, "slow");
  EXPECT_FALSE(file.machine->classes()[1].pays_transfers);
}

TEST(CleaveGraph, ChecksumIsOfTheBytes) {
  const std::string text =
      R"({"format":"cleave.graph/1","time_columns":["t"],"operators":[{"id":"a","times_ms":{"t":1}}]})";
  EXPECT_EQ(parse(text).checksum, "sha256:" + sha256(text));
  EXPECT_NE(parse(text + " ").checksum, parse(text).checksum);
}

TEST(CleaveGraph, RandomGraphsReadBackEqual) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = support::build(support::random_draft(seed));
    ASSERT_TRUE(problem) << problem.error().message;
    const std::string text = graph_to_json(problem->graph(), problem->machine());
    const GraphFile file = parse(text);
    expect_same(problem->graph(), *file.graph);
    ASSERT_TRUE(file.machine);
    EXPECT_EQ(graph_to_json(*file.graph, file.machine), text);
  }
}

TEST(CleaveGraph, TextThatNeedsEscapesReadsBackEqual) {
  model::GraphBuilder builder({"größe \"x\""});
  model::OperatorSpec spec;
  spec.id = "a/b~c \\ \"d\" €😀";
  spec.name = "tab\tline\nbell\a";
  spec.times = {base::kMaxDuration / 4};
  builder.add_operator(spec);
  const auto graph = std::move(builder).build();
  ASSERT_TRUE(graph) << graph.error().message;
  expect_same(*graph, *parse(graph_to_json(*graph)).graph);
}

TEST(CleaveGraph, WritesUtf8WhateverTheNames) {
  model::GraphBuilder builder({"t"});
  model::OperatorSpec spec;
  spec.id = "a";
  spec.name = "broken \xff byte";
  spec.times = {Duration(1)};
  builder.add_operator(spec);
  const auto graph = std::move(builder).build();
  ASSERT_TRUE(graph);
  EXPECT_EQ(parse(graph_to_json(*graph)).graph->name(OperatorId(0)), "broken \xef\xbf\xbd byte");
}

constexpr std::string_view kPaper = R"({
  "maxSizePerFPGA": 1000.0, "maxFPGAs": 2, "maxCPUs": 3,
  "nodes": [
    {"id": 7, "name": "x", "supportedOnFpga": 1, "cpuLatency": 10.5, "fpgaLatency": 1.5,
     "isBackwardNode": 0, "colorClass": 4, "size": 12.0, "layerId": 3},
    {"id": 9, "supportedOnFpga": false, "cpuLatency": 3, "fpgaLatency": 99, "size": 0.5},
    {"id": 8, "supportedOnFpga": true, "cpuLatency": 2, "fpgaLatency": 0.1,
     "isBackwardNode": true, "colorClass": 4, "size": 0}],
  "edges": [
    {"sourceId": 7, "destId": 9, "cost": 0.25, "size": 5},
    {"sourceId": 9, "destId": 8, "cost": 1e-3},
    {"sourceId": 7, "destId": 8, "cost": 0.250}]})";

TEST(Paper, ReadsEveryField) {
  const GraphFile file = parse(kPaper);
  EXPECT_EQ(file.format, "paper");
  const Graph& graph = *file.graph;
  EXPECT_EQ(graph.time_columns(), (Lines{"accelerator", "cpu"}));
  const OperatorId x = find(graph, "7");
  const OperatorId y = find(graph, "9");
  const OperatorId z = find(graph, "8");
  EXPECT_EQ(graph.name(x), "x");
  EXPECT_EQ(graph.memory(x), Bytes(12));
  EXPECT_EQ(graph.memory(y), Bytes(1));
  EXPECT_EQ(graph.time(x, 0), Duration(3 * kMs / 2));
  EXPECT_EQ(graph.time(x, 1), Duration(21 * kMs / 2));
  EXPECT_EQ(graph.time(y, 0), std::nullopt);
  EXPECT_EQ(graph.phase(x), Phase::forward);
  EXPECT_EQ(graph.phase(z), Phase::backward);
  EXPECT_EQ(graph.group_label(*graph.group(x)), "4");
  EXPECT_EQ(graph.group(x), graph.group(z));
  EXPECT_EQ(graph.group(y), std::nullopt);
  EXPECT_EQ(tensors_of(graph), (Lines{"7 -> 9 8 250000000 ps", "9 -> 8 1000000 ps"}));
  ASSERT_EQ(file.machine->num_classes(), 2U);
  const model::DeviceClass& accelerator = file.machine->classes()[0];
  EXPECT_EQ(accelerator.name, "accelerator");
  EXPECT_EQ(accelerator.count, 2);
  EXPECT_EQ(accelerator.memory, Bytes(1000));
  EXPECT_TRUE(accelerator.pays_transfers);
  const model::DeviceClass& cpu = file.machine->classes()[1];
  EXPECT_EQ(cpu.name, "cpu");
  EXPECT_EQ(cpu.count, 3);
  EXPECT_EQ(cpu.memory, std::nullopt);
  EXPECT_FALSE(cpu.pays_transfers);
}

TEST(Paper, LeavesOutAClassOfWhichThereIsNone) {
  const auto with = [](std::string_view counts) {
    return parse(fmt::format(R"({{"maxSizePerFPGA": 1, {}, "edges": [], "nodes": [{{"id": 1,
      "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0}}]}})",
                             counts));
  };
  const GraphFile cpus = with(R"("maxFPGAs": 0, "maxCPUs": 2)");
  ASSERT_EQ(cpus.machine->num_classes(), 1U);
  EXPECT_EQ(cpus.machine->classes()[0].name, "cpu");
  const GraphFile accelerators = with(R"("maxFPGAs": 2, "maxCPUs": 0)");
  ASSERT_EQ(accelerators.machine->num_classes(), 1U);
  EXPECT_EQ(accelerators.machine->classes()[0].name, "accelerator");
}

TEST(PipeDream, ReadsATrainingGraph) {
  const GraphFile file = parse(
      "node1 -- Conv2d(3, 64) -- x -- forward_compute_time=1.500, backward_compute_time=3.000, "
      "activation_size=4096.0, parameter_size=512.000\n"
      "node2 -- LSTM -- forward_compute_time=2.0, backward_compute_time=4.0, "
      "activation_size=[10.0; 20.0; 3.4], parameter_size=256 -- stage_id=1\r\n"
      "node3 --  -- forward_compute_time=0, backward_compute_time=0, activation_size=[], "
      "parameter_size=0\n"
      "\n"
      "\tnode1 -- node2\n"
      "\tnode1 -- node3\n"
      "\tnode1 -- node2\n"
      "\tnode2 -- node3");
  EXPECT_EQ(file.format, "pipedream");
  EXPECT_FALSE(file.machine);
  const Graph& graph = *file.graph;
  EXPECT_EQ(graph.time_columns(), Lines{"accelerator"});
  ASSERT_EQ(graph.num_operators(), 6U);
  const OperatorId conv = find(graph, "node1");
  const OperatorId conv_backward = find(graph, "node1.backward");
  EXPECT_EQ(graph.name(conv), "Conv2d(3, 64) -- x");
  EXPECT_EQ(graph.time(conv, 0), Duration(3 * kMs / 2));
  EXPECT_EQ(graph.memory(conv), Bytes(512));
  EXPECT_EQ(graph.phase(conv), Phase::forward);
  EXPECT_EQ(graph.time(conv_backward, 0), Duration(3 * kMs));
  EXPECT_EQ(graph.memory(conv_backward), Bytes(0));
  EXPECT_EQ(graph.phase(conv_backward), Phase::backward);
  EXPECT_EQ(graph.num_groups(), 3U);
  EXPECT_EQ(graph.group(conv), graph.group(conv_backward));
  EXPECT_EQ(tensors_of(graph),
            (Lines{"node1 -> node2 node3 4096 B", "node2.backward -> node1.backward 4096 B",
                   "node3.backward -> node1.backward 4096 B", "node2 -> node3 33 B",
                   "node3.backward -> node2.backward 33 B", "node3 -> node3.backward 0 B"}));
}

TEST(Piper, ReadsTheFirstAlternative) {
  const GraphFile file = parse(R"({
    "maxDevices": 10, "maxMemoryPerDevice": 8e10, "bandwidth": 25000000000.0, "mbsInBatch": 256,
    "nodes": [
      {"id": 0, "name": "n", "TMPCs": {
        "2": [{"id": "other", "timePerSample": 99, "memoryUsageA": 99, "memoryUsageB": 99}],
        "1": [{"id": "vanilla", "timePerSample": 25.5, "memoryUsageA": 10.0, "memoryUsageB": 20.0},
              {"id": "recomp", "timePerSample": 98, "memoryUsageA": 98, "memoryUsageB": 98}]}},
      {"id": 1, "TMPCs": {"1": [{"timePerSample": 1, "memoryUsageA": 0, "memoryUsageB": 0}]}},
      {"id": 2, "TMPCs": {"10": [{"timePerSample": 3, "memoryUsageA": 0, "memoryUsageB": 0}],
                          "9": [{"timePerSample": 2, "memoryUsageA": 0, "memoryUsageB": 0}]}}],
    "edges": [{"sourceId": 0, "destId": 1, "communicationCost": 100.0},
              {"sourceId": 0, "destId": 2, "communicationCost": 7},
              {"sourceId": 1, "destId": 2, "communicationCost": 100.0},
              {"sourceId": 1, "destId": 2, "communicationCost": 100.0}]})");
  EXPECT_EQ(file.format, "piper");
  const Graph& graph = *file.graph;
  EXPECT_EQ(graph.time_columns(), Lines{"accelerator"});
  EXPECT_EQ(graph.name(find(graph, "0")), "n");
  EXPECT_EQ(graph.time(find(graph, "0"), 0), Duration(51 * kMs / 2));
  EXPECT_EQ(graph.memory(find(graph, "0")), Bytes(30));
  EXPECT_EQ(graph.time(find(graph, "2"), 0), Duration(2 * kMs));
  EXPECT_FALSE(graph.has_backward());
  EXPECT_EQ(tensors_of(graph), (Lines{"0 -> 1 100 B", "0 -> 2 7 B", "1 -> 2 100 B"}));
  const model::DeviceClass& accelerator = file.machine->classes()[0];
  EXPECT_EQ(accelerator.name, "accelerator");
  EXPECT_EQ(accelerator.count, 10);
  EXPECT_EQ(accelerator.memory, Bytes(80'000'000'000));
  EXPECT_EQ(accelerator.link->bytes_per_second, 25'000'000'000);
}

TEST(Devices, ReadsEveryField) {
  const auto machine = parse_devices(R"(# two kinds
format: cleave.devices/1
devices:
  - class: accelerator
    count: 4
    memory: 16 GiB
    link: {bandwidth: 25 GB/s, latency: 10 us}
    times: "fast"
  - class: cpu
    memory: 4096
    pays_transfers: false
  - {class: unlimited, memory: null}
)",
                                     "devices.yaml");
  ASSERT_TRUE(machine) << machine.error().to_string();
  ASSERT_EQ(machine->num_classes(), 3U);
  const model::DeviceClass& accelerator = machine->classes()[0];
  EXPECT_EQ(accelerator.name, "accelerator");
  EXPECT_EQ(accelerator.count, 4);
  EXPECT_EQ(accelerator.memory, Bytes(std::int64_t{16} << 30));
  EXPECT_EQ(accelerator.link->bytes_per_second, 25'000'000'000);
  EXPECT_EQ(accelerator.link->latency, Duration(10'000'000));
  EXPECT_EQ(accelerator.times, "fast");
  EXPECT_TRUE(accelerator.pays_transfers);
  const model::DeviceClass& cpu = machine->classes()[1];
  EXPECT_EQ(cpu.count, 1);
  EXPECT_EQ(cpu.memory, Bytes(4096));
  EXPECT_FALSE(cpu.pays_transfers);
  EXPECT_FALSE(cpu.link);
  EXPECT_EQ(machine->classes()[2].memory, std::nullopt);
}

TEST(Devices, ReadsJson) {
  const auto machine = parse_devices(
      R"({"format": "cleave.devices/1", "devices": [{"class": "gpu", "count": 2}]})", "d.json");
  ASSERT_TRUE(machine) << machine.error().to_string();
  EXPECT_EQ(machine->num_devices(), 2U);
}

// The blocks of docs/formats.md that say which format they are in.
TEST(Documentation, ExamplesAreRead) {
  std::ifstream stream(CLEAVE_FORMATS);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  ASSERT_FALSE(text.empty());
  const auto example = [&](const std::string& format) {
    const std::size_t mark = text.find("<!-- format: " + format + " -->");
    EXPECT_NE(mark, std::string::npos) << format;
    const std::size_t start = text.find('\n', text.find("```", mark)) + 1;
    return text.substr(start, text.find("```", start) - start);
  };
  const GraphFile file = parse(example("cleave.graph/1"));
  EXPECT_EQ(file.graph->num_operators(), 3U);
  EXPECT_EQ(file.machine->num_devices(), 3U);
  const auto machine = parse_devices(example("cleave.devices/1"), "example");
  ASSERT_TRUE(machine) << machine.error().to_string();
  EXPECT_EQ(machine->num_devices(), 5U);
  const auto profile = parse_profile(example("cleave.profile/1"), "example");
  ASSERT_TRUE(profile) << profile.error().to_string();
  EXPECT_EQ(profile->columns.at(0).operators.size(), 2U);
}

}  // namespace
}  // namespace cleave::io
