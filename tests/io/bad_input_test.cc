// Bad input of every kind: each gives one sentence with file, place and value.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/io/io.h"

namespace cleave::io {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

struct Case {
  const char* name;
  std::string text;
  std::string place;    // exactly
  std::string message;  // a part of it
};

// A sentence for a person: one line, nothing that a terminal would obey, not endless.
void expect_sentence(const base::Error& error) {
  const std::string text = error.to_string();
  EXPECT_EQ(error.code, base::ErrorCode::bad_input);
  EXPECT_LT(text.size(), 1600U);
  for (const char c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << text;
}

template <class T>
void expect_error(const Case& bad, const base::Result<T>& result) {
  SCOPED_TRACE(bad.name);
  ASSERT_FALSE(result) << "was read";
  expect_sentence(result.error());
  EXPECT_EQ(result.error().place, bad.place) << result.error().to_string();
  EXPECT_NE(result.error().message.find(bad.message), std::string::npos)
      << result.error().to_string() << "\n  lacks: " << bad.message;
}

std::string graph_with(std::string_view operators, std::string_view tensors = "") {
  return fmt::format(
      R"({{"format": "cleave.graph/1", "time_columns": ["t", "u"], "operators": [{}], "tensors": [{}]}})",
      operators, tensors);
}
// Three operators a, b, c and these tensors.
std::string abc_with(std::string_view tensors) {
  return graph_with(
      R"({"id": "a", "times_ms": {"t": 1}}, {"id": "b", "times_ms": {"t": 1}}, {"id": "c", "times_ms": {"t": 1}})",
      tensors);
}
std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}
std::string nested(int levels) { return "{\"format\": " + repeated("[", levels); }

TEST(BadInput, OfNoFormat) {
  const std::vector<Case> cases = {
      {"nothing", "", "f", "the file is empty"},
      {"only blanks", " \n\t ", "f", "the file is empty"},
      {"only a byte order mark", "\xef\xbb\xbf", "f", "the file is empty"},
      {"a binary file", "\x08\x07\x12\0onnx"s, "f",
       "this is a binary file or not UTF-8 text: byte 3 is 0x00"},
      {"another encoding", "{\"a\": \"gr\xf6\xdf\"}", "f", "byte 9 is 0xf6"},
      {"prose", "# Title\n\nText.", "f, line 1", "it starts with '# Title'"},
      {"control characters", "\x1b[31mred\a", "f, line 1", "'\\u001b[31mred\\u0007'"},
      {"an array", "[1, 2]", "f", "a graph is a JSON object; this is an array"},
      {"another object", "{\"a\": 1}", "f", "this JSON is not a graph"},
      {"an unknown version", R"({"format": "cleave.graph/2"})", "f, /format",
       "the format is 'cleave.graph/2'; a graph is cleave.graph/1"},
      {"a plan", R"({"format": "cleave.plan/1"})", "f, /format", "the format is 'cleave.plan/1'"},
      {"truncated", R"({"format": "cleave.graph/1", "oper)", "f, line 1, column 35",
       "ends too early; the file may be truncated"},
      {"truncated after a value", "{\"format\":\n 1", "f, line 2, column 3", "ends too early"},
      {"no JSON", "{\"a\": 1,\n \"b\": x}", "f, line 2, column 7", "this is not JSON"},
      {"more than one value", "{}\n{}", "f, line 2, column 1", "this is not JSON"},
      {"nested deeply", nested(100), "f, /format" + repeated("/0", 63),
       "nested deeper than 64 levels"},
      {"nested very deeply", nested(1'000'000), "f, /format" + repeated("/0", 63),
       "nested deeper than 64 levels"},
      {"a key twice", R"({"format": "cleave.graph/1", "operators": [{"id": "a", "id": "b"}]})",
       "f, /operators/0", "the field 'id' is given twice"},
  };
  for (const Case& bad : cases) expect_error(bad, parse_graph(bad.text, "f"));
}

TEST(BadInput, InGraphs) {
  const std::vector<Case> cases = {
      {"no columns", R"({"format": "cleave.graph/1", "operators": []})", "f",
       "the field 'time_columns' is missing"},
      {"null columns", R"({"format": "cleave.graph/1", "time_columns": null})", "f",
       "the field 'time_columns' is null, but needed"},
      {"a column twice",
       R"({"format": "cleave.graph/1", "time_columns": ["t", "t"], "operators": [{"id": "a", "times_ms": {"t": 1}}]})",
       "f", "time column 't' is named twice"},
      {"columns without end",
       R"({"format": "cleave.graph/1", "time_columns": [)" + repeated("\"t\",", 300) + R"("t"]})",
       "f, /time_columns", "more than 256 time columns"},
      {"no operators", graph_with(""), "f", "the graph has no operators"},
      {"an unknown field", graph_with(R"({"id": "a", "time_ms": {"t": 1}})"),
       "f, /operators/0/time_ms",
       "the field 'time_ms' is not known here (did you mean 'times_ms'?); known are id, name, "
       "phase, memory_bytes, "
       "weight_bytes, stash_bytes, times_ms, group"},
      {"an operator without id", graph_with(R"({"times_ms": {"t": 1}})"), "f, /operators/0",
       "the field 'id' is missing"},
      {"an empty id", graph_with(R"({"id": "", "times_ms": {"t": 1}})"), "f, /operators/0",
       "the operator has an empty id"},
      {"an id that is a number", graph_with(R"({"id": 5, "times_ms": {"t": 1}})"),
       "f, /operators/0/id", "expected a string, found the number 5"},
      {"an id with control characters", graph_with(R"({"id": "a\u001b[2J", "times_ms": {"t": 1}})"),
       "f, /operators/0/id", "'a\\u001b[2J' contains control characters"},
      {"an endless id",
       graph_with(R"({"id": ")" + std::string(5000, 'x') + R"(", "times_ms": {"t": 1}})"),
       "f, /operators/0/id", "is longer than 1024 bytes"},
      {"an operator that is none", graph_with("7"), "f, /operators/0",
       "expected an object, found the number 7"},
      {"an id twice",
       graph_with(
           R"({"id": "a", "times_ms": {"t": 1}}, {"id": "b", "times_ms": {"t": 1}}, {"id": "a", "times_ms": {"t": 1}})"),
       "f, /operators/2/id", "the operator id 'a' is used already, at f, /operators/0/id"},
      {"an unknown column", graph_with(R"({"id": "a", "times_ms": {"gpu": 1}})"),
       "f, /operators/0/times_ms/gpu", "'gpu' is not among the time_columns"},
      {"a key that needs escapes", graph_with(R"({"id": "a", "times_ms": {"a/b~c": 1}})"),
       "f, /operators/0/times_ms/a~1b~0c", "'a/b~c' is not among"},
      {"a negative time", graph_with(R"({"id": "a", "times_ms": {"t": -1}})"),
       "f, /operators/0/times_ms/t", "the time -1 is negative; it must be at least 0"},
      {"NaN", graph_with(R"({"id": "a", "times_ms": {"t": 1, "u": NaN}})"),
       "f, /operators/0/times_ms/u", "NaN is not a number"},
      {"Infinity", graph_with(R"({"id": "a", "times_ms": {"t": Infinity}})"),
       "f, /operators/0/times_ms/t", "Infinity is not a number"},
      {"-Infinity", graph_with(R"({"id": "a", "times_ms": {"t": -Infinity}})"),
       "f, /operators/0/times_ms/t", "-Infinity is not a number"},
      {"a string NaN", graph_with(R"({"id": "a", "times_ms": {"t": "NaN"}})"),
       "f, /operators/0/times_ms/t", "expected a number, found the string 'NaN'"},
      {"a time beyond doubles", graph_with(R"({"id": "a", "times_ms": {"t": 1e400}})"),
       "f, /operators/0/times_ms/t", "the number 1e400 is too large"},
      {"a time too large", graph_with(R"({"id": "a", "times_ms": {"t": 1e12}})"),
       "f, /operators/0/times_ms/t", "the time 1e12 is too large; at most 2.30584e+09"},
      {"times too large together",
       graph_with(R"({"id": "a", "times_ms": {"t": 5e8}}, {"id": "b", "times_ms": {"t": 5e8}})"),
       "f, /operators/1", "overflow"},
      {"supported nowhere", graph_with(R"({"id": "a", "times_ms": {"t": null}})"),
       "f, /operators/0", "operator 'a' is supported by no device class"},
      {"a time that is an object", graph_with(R"({"id": "a", "times_ms": {"t": {}}})"),
       "f, /operators/0/times_ms/t", "expected a number, found an object"},
      {"a phase that is none",
       graph_with(R"({"id": "a", "phase": "sideways", "times_ms": {"t": 1}})"),
       "f, /operators/0/phase", "'sideways' is not a phase; it is forward or backward"},
      {"memory that is no whole number",
       graph_with(R"({"id": "a", "memory_bytes": 1.5, "times_ms": {"t": 1}})"),
       "f, /operators/0/memory_bytes", "the size 1.5 is not a whole number"},
      {"negative memory", graph_with(R"({"id": "a", "memory_bytes": -4, "times_ms": {"t": 1}})"),
       "f, /operators/0/memory_bytes", "the size -4 is negative"},
      {"memory beyond 64 bits",
       graph_with(R"({"id": "a", "memory_bytes": 99999999999999999999, "times_ms": {"t": 1}})"),
       "f, /operators/0/memory_bytes", "the size 99999999999999999999 is too large"},
      {"an unknown producer", abc_with(R"({"producer": "x", "consumers": ["a"]})"),
       "f, /tensors/0/producer", "no operator has the id 'x'"},
      {"an unknown consumer", abc_with(R"({"producer": "a", "consumers": ["b", "x"]})"),
       "f, /tensors/0/consumers/1", "no operator has the id 'x'"},
      {"a tensor to itself", abc_with(R"({"producer": "a", "consumers": ["b", "a"]})"),
       "f, /tensors/0/consumers/1", "operator 'a' consumes its own output"},
      {"a tensor without consumers field", abc_with(R"({"producer": "a"})"), "f, /tensors/0",
       "the field 'consumers' is missing"},
      {"a negative size", abc_with(R"({"producer": "a", "consumers": ["b"], "bytes": -1})"),
       "f, /tensors/0/bytes", "the size -1 is negative"},
      {"sizes too large together",
       abc_with(
           R"({"producer": "a", "consumers": ["b"], "bytes": 2e18}, {"producer": "a", "consumers": ["c"], "bytes": 2e18})"),
       "f, /tensors/1", "overflow"},
      {"a cycle",
       abc_with(
           R"({"producer": "a", "consumers": ["b"]}, {"producer": "b", "consumers": ["c"]}, {"producer": "c", "consumers": ["a"]})"),
       "f", "the graph has a cycle: 'b' -> 'c' -> 'a' -> 'b'"},
      {"zero devices",
       R"({"format": "cleave.graph/1", "time_columns": ["t"], "operators": [{"id": "a", "times_ms": {"t": 1}}], "machine": []})",
       "f, /machine", "the machine has no devices"},
  };
  for (const Case& bad : cases) expect_error(bad, parse_graph(bad.text, "f"));
}

std::string paper_with(
    std::string_view nodes, std::string_view edges = "",
    std::string_view limits = R"("maxFPGAs": 1, "maxCPUs": 1, "maxSizePerFPGA": 1)") {
  return fmt::format(R"({{{}, "nodes": [{}], "edges": [{}]}})", limits, nodes, edges);
}
std::string paper_node(int id) {
  return fmt::format(
      R"({{"id": {}, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0}})", id);
}
std::string three_nodes() { return paper_node(1) + "," + paper_node(2) + "," + paper_node(3); }

TEST(BadInput, InThePapersJson) {
  const std::vector<Case> cases = {
      {"two costs for one tensor",
       paper_with(
           three_nodes(),
           R"({"sourceId": 1, "destId": 2, "cost": 1}, {"sourceId": 1, "destId": 3, "cost": 2.5})"),
       "f, /edges/1/cost", "the cost 2.5 differs from the cost 1 at f, /edges/0/cost"},
      {"a self-loop", paper_with(three_nodes(), R"({"sourceId": 3, "destId": 3, "cost": 1})"),
       "f, /edges/0", "the edge leads from operator 3 to itself"},
      {"a cycle",
       paper_with(
           three_nodes(),
           R"({"sourceId": 1, "destId": 2, "cost": 1}, {"sourceId": 2, "destId": 1, "cost": 1})"),
       "f", "the graph has a cycle: '2' -> '1' -> '2'"},
      {"an unknown id", paper_with(three_nodes(), R"({"sourceId": 1, "destId": 7, "cost": 1})"),
       "f, /edges/0/destId", "no operator has the id '7'"},
      {"an id twice", paper_with(paper_node(1) + "," + paper_node(1)), "f, /nodes/1/id",
       "the operator id '1' is used already, at f, /nodes/0/id"},
      {"an id that is no whole number", paper_with(R"({"id": 1.5})"), "f, /nodes/0/id",
       "the id 1.5 is not a whole number"},
      {"a missing time",
       paper_with(R"({"id": 1, "supportedOnFpga": 1, "cpuLatency": 1, "size": 0})"), "f, /nodes/0",
       "the field 'fpgaLatency' is missing"},
      {"a negative size",
       paper_with(
           R"({"id": 1, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": -8.5})"),
       "f, /nodes/0/size", "the size -8.5 is negative"},
      {"a flag that is none",
       paper_with(
           R"({"id": 1, "supportedOnFpga": 2, "cpuLatency": 1, "fpgaLatency": 1, "size": 0})"),
       "f, /nodes/0/supportedOnFpga", "expected true, false, 1 or 0, found the number 2"},
      {"no edges field", R"({"maxFPGAs": 1, "maxCPUs": 1, "maxSizePerFPGA": 1, "nodes": []})", "f",
       "the field 'edges' is missing"},
      {"edges that are none",
       R"({"maxFPGAs": 1, "maxCPUs": 1, "maxSizePerFPGA": 1, "nodes": [], "edges": 3})",
       "f, /edges", "expected an array, found the number 3"},
      {"edges without nodes", paper_with("", R"({"sourceId": 1, "destId": 2, "cost": 1})"),
       "f, /edges/0/sourceId", "no operator has the id '1'"},
      {"no nodes", paper_with(""), "f", "the graph has no operators"},
      {"zero devices",
       paper_with(three_nodes(), "", R"("maxFPGAs": 0, "maxCPUs": 0, "maxSizePerFPGA": 1)"), "f",
       "maxFPGAs and maxCPUs are both 0"},
      {"a negative count",
       paper_with(three_nodes(), "", R"("maxFPGAs": -1, "maxCPUs": 1, "maxSizePerFPGA": 1)"),
       "f, /maxFPGAs", "the number of accelerators -1 is negative"},
      {"too many devices",
       paper_with(three_nodes(), "", R"("maxFPGAs": 1000000, "maxCPUs": 1, "maxSizePerFPGA": 1)"),
       "f", "the machine has more than 65536 devices"},
      {"no limit", paper_with(three_nodes(), "", R"("maxFPGAs": 1, "maxCPUs": 1)"), "f",
       "the field 'maxSizePerFPGA' is missing"},
  };
  for (const Case& bad : cases) expect_error(bad, parse_graph(bad.text, "f"));
}

TEST(BadInput, InPipeDreamsText) {
  const std::string node =
      "node1 -- A -- forward_compute_time=1, backward_compute_time=1, activation_size=1, "
      "parameter_size=1\n";
  const std::string second =
      "node2 -- A -- forward_compute_time=1, backward_compute_time=1, activation_size=1, "
      "parameter_size=1\n";
  const auto with = [](std::string_view fields) {
    return fmt::format("node1 -- A -- forward_compute_time={}", fields);
  };
  const std::vector<Case> cases = {
      {"truncated", node + "node2 -- A -- forward_compute_time=1, backw", "f, line 2",
       "the field backward_compute_time is missing"},
      {"no fields", node + "node2 -- A", "f, line 2", "'node2 -- A' is not a node"},
      {"NaN", with("nan, backward_compute_time=1, activation_size=1, parameter_size=1"),
       "f, line 1", "the time nan is not a number"},
      {"infinite", with("1, backward_compute_time=inf, activation_size=1, parameter_size=1"),
       "f, line 1", "the time inf is not a number"},
      {"negative", with("1, backward_compute_time=-2, activation_size=1, parameter_size=1"),
       "f, line 1", "the time -2 is negative"},
      {"no value", with("1, backward_compute_time=1, activation_size=, parameter_size=1"),
       "f, line 1", "the size  is not a number"},
      {"a list without end",
       with("1, backward_compute_time=1, activation_size=[1; 2, parameter_size=1"), "f, line 1",
       "the list '[1; 2' does not end in ]"},
      {"a bad list", with("1, backward_compute_time=1, activation_size=[1; x], parameter_size=1"),
       "f, line 1", "the size x is not a number"},
      {"sizes too large together",
       with("1, backward_compute_time=1, activation_size=[2e18; 2e18], parameter_size=1"),
       "f, line 1", "together are too large"},
      {"a node twice", node + second + node, "f, line 3",
       "the node 'node1' is described already, at line 1"},
      {"a backward id that is taken",
       node + "node1.backward -- A -- forward_compute_time=1, backward_compute_time=1, "
              "activation_size=1, parameter_size=1",
       "f, line 2", "operator id 'node1.backward' is used twice"},
      {"an unknown node", node + "\tnode1 -- node7\n", "f, line 2",
       "no node above has the id 'node7'"},
      {"a self-loop", node + "\tnode1 -- node1\n", "f, line 2",
       "the edge leads from node 'node1' to itself"},
      {"control characters",
       "a\x1b[2J -- A -- forward_compute_time=1, backward_compute_time=1, activation_size=1, "
       "parameter_size=1",
       "f, line 1", "'a\\u001b[2J.backward' contains control characters"},
      {"no edge", node + "\tnode1 node2\n", "f, line 2", "'node1 node2' is not an edge"},
      {"a cycle", node + second + "\tnode1 -- node2\n\tnode2 -- node1\n", "f",
       "the graph has a cycle: 'node2' -> 'node1' -> 'node2'"},
  };
  for (const Case& bad : cases) expect_error(bad, parse_graph(bad.text, "f"));
}

TEST(BadInput, InPipersJson) {
  const auto with = [](std::string_view node,
                       std::string_view limits =
                           R"("maxDevices": 1, "maxMemoryPerDevice": 1, "bandwidth": 1)") {
    return fmt::format(R"({{{}, "nodes": [{}], "edges": []}})", limits, node);
  };
  const std::vector<Case> cases = {
      {"no alternatives", with(R"({"id": 1, "TMPCs": {}})"), "f, /nodes/0",
       "no alternative in TMPCs"},
      {"an empty list of them", with(R"({"id": 1, "TMPCs": {"1": []}})"), "f, /nodes/0",
       "no alternative in TMPCs"},
      {"a bad number of devices", with(R"({"id": 1, "TMPCs": {"one": []}})"),
       "f, /nodes/0/TMPCs/one", "a key of TMPCs is a number of devices"},
      {"a missing time",
       with(R"({"id": 1, "TMPCs": {"1": [{"memoryUsageA": 0, "memoryUsageB": 0}]}})"),
       "f, /nodes/0/TMPCs/1/0", "the field 'timePerSample' is missing"},
      {"no bandwidth", with("", R"("maxDevices": 1, "maxMemoryPerDevice": 1)"), "f",
       "the field 'bandwidth' is missing"},
      {"bandwidth 0", with("", R"("maxDevices": 1, "maxMemoryPerDevice": 1, "bandwidth": 0)"), "f",
       "needs a positive bandwidth"},
      {"zero devices", with("", R"("maxDevices": 0, "maxMemoryPerDevice": 1, "bandwidth": 1)"), "f",
       "count 0; at least 1 is needed"},
  };
  for (const Case& bad : cases) expect_error(bad, parse_graph(bad.text, "f"));
}

TEST(BadInput, InDevices) {
  const auto with = [](std::string_view fields) {
    return fmt::format("format: cleave.devices/1\ndevices:\n  - class: a\n{}", fields);
  };
  const std::string deep = "format: " + repeated("[", 200'000) + repeated("]", 200'000);
  std::string blocks;
  for (int i = 0; i < 700; ++i) blocks += repeated(" ", i) + "a:\n";
  const std::vector<Case> cases = {
      {"nothing", "", "f", "the file is empty"},
      {"a comment", "# devices\n", "f", "the file is empty"},
      {"binary", "\0\1"s, "f", "this is a binary file"},
      {"too large", std::string((1 << 20) + 1, ' '), "f", "larger than 1 MiB"},
      {"no format", "devices: []", "f, line 1", "the field 'format' is missing"},
      {"another format", "format: cleave.devices/2\ndevices: []", "f, line 1, /format",
       "the format is 'cleave.devices/2'; this version reads cleave.devices/1"},
      {"no devices", "format: cleave.devices/1", "f, line 1", "the field 'devices' is missing"},
      {"zero devices", "format: cleave.devices/1\ndevices: []\n", "f, line 2, /devices",
       "the machine has no devices"},
      {"classes without end", with("") + repeated("  - class: a\n", 300), "f, line 3, /devices",
       "more than 256 device classes"},
      {"count 0", with("    count: 0\n"), "f, line 3, /devices",
       "device class 'a' has count 0; at least 1 is needed"},
      {"a negative count", with("    count: -3\n"), "f, line 4, /devices/0/count",
       "the count -3 is negative"},
      {"half a device", with("    count: 1.5\n"), "f, line 4, /devices/0/count",
       "the count 1.5 is not a whole number"},
      {"too many", with("    count: 70000\n"), "f, line 3, /devices", "more than 65536 devices"},
      {"an unknown field", with("    memry: 3\n"), "f, line 4, /devices/0/memry",
       "the field 'memry' is not known here (did you mean 'memory'?); known are class, count"},
      {"a field twice", with("    count: 1\n    count: 2\n"), "f, line 3, /devices/0",
       "the field 'count' is given twice"},
      {"no unit", with("    memory: '16'\n"), "f, line 4, /devices/0/memory",
       "the size '16' has no unit"},
      {"an unknown unit", with("    memory: 16 gigs\n"), "f, line 4, /devices/0/memory",
       "the unknown unit 'gigs'"},
      {"not a number", with("    memory: .nan\n"), "f, line 4, /devices/0/memory", "'.nan'"},
      {"a bandwidth without unit", with("    link: {bandwidth: 25}\n"),
       "f, line 4, /devices/0/link/bandwidth", "expected a string, found the number 25"},
      {"a bandwidth of 0", with("    link: {bandwidth: 0 GB/s}\n"), "f, line 3, /devices",
       "needs a positive bandwidth"},
      {"no bandwidth", with("    link: {latency: 3 us}\n"), "f, line 4, /devices/0/link",
       "the field 'bandwidth' is missing"},
      {"a name twice", with("  - class: a\n"), "f, line 3, /devices",
       "device class 'a' is named twice"},
      {"a name that ends in a digit", "format: cleave.devices/1\ndevices: [{class: gpu1}]",
       "f, line 2, /devices", "ends in a digit"},
      {"yes", with("    pays_transfers: yes\n"), "f, line 4, /devices/0/pays_transfers",
       "expected true or false, found the string 'yes'"},
      {"a list as a key", "? [a]\n: b\n", "f, line 1", "a key has to be a word"},
      {"truncated", "{\"format\": \"cleave.devices/1\", \"devices\": [{\"cla", "f, line 1", ""},
      {"a bracket left open", "[{class: a", "f, line 1", "or a bracket is not closed"},
      {"an alias", "format: &x cleave.devices/1\ndevices: *x\n", "f, line 2, /devices",
       "aliases (*name) are not read here"},
      {"two documents", "format: cleave.devices/1\n---\nformat: x\n", "f",
       "more than one YAML document"},
      {"not YAML", "format: [cleave\ndevices: }", "f, line 2", ""},
      {"nested deeply", deep, "f, line 1, /format" + repeated("/0", 63),
       "nested deeper than 64 levels"},
      {"blocks nested deeply", blocks, "f, line 65, " + repeated("/a", 64),
       "nested deeper than 64 levels"},
  };
  for (const Case& bad : cases) expect_error(bad, parse_devices(bad.text, "f"));
}

TEST(BadInput, ShowsFileNamesSafely) {
  const auto file = parse_graph("", "a\nb\x1b");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().place, "a\\nb\\u001b");
}

}  // namespace
}  // namespace cleave::io
