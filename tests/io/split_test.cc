#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "cleave/io/io.h"

namespace cleave::io {
namespace {

using base::DeviceId;

// Forward operators 1 and 2, backward operators 3 (with 1) and 4 (with 2); two accelerators, a CPU.
constexpr std::string_view kGraph = R"({
  "maxFPGAs": 2, "maxCPUs": 1, "maxSizePerFPGA": 1, "edges": [], "nodes": [
  {"id": 1, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0, "colorClass": 1},
  {"id": 2, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0, "colorClass": 2},
  {"id": 3, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0, "colorClass": 1,
   "isBackwardNode": 1},
  {"id": 4, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0, "colorClass": 2,
   "isBackwardNode": 1}]})";

class Split : public testing::Test {
 protected:
  Split()
      : file_(std::filesystem::path(testing::TempDir()) /
              ("cleave_split_" + std::to_string(::getpid()) + ".json")) {}
  ~Split() override { std::filesystem::remove(file_); }

  base::Result<model::Placement> read(std::string_view text, std::string_view graph = kGraph,
                                      model::Question question = {}) {
    const auto parsed = parse_graph(graph, "graph");
    if (!parsed) std::abort();
    const auto problem = model::Problem::create(parsed->graph, *parsed->machine, question);
    if (!problem || !write_file(file_, text)) std::abort();
    return read_split(file_, *problem);
  }
  // "place: message" without the file.
  std::string fault(std::string_view text, std::string_view graph = kGraph) {
    const auto placement = read(text, graph);
    if (placement) return "was read";
    const std::string message = placement.error().to_string();
    EXPECT_TRUE(message.starts_with(file_.string())) << message;
    return message.substr(file_.string().size());
  }

  std::filesystem::path file_;
};

TEST_F(Split, PlacesWhatItListsAndBackwardOperatorsBesideTheirGroup) {
  const auto placement =
      read(R"({"cpus": [{"load": 0, "nodes": [2]}], "fpgas": [{"nodes": []}, {"nodes": [1]}]})");
  ASSERT_TRUE(placement) << placement.error().to_string();
  EXPECT_EQ(*placement, (model::Placement{DeviceId(1), DeviceId(2), DeviceId(1), DeviceId(2)}));
}

TEST_F(Split, MayListBackwardOperatorsApartFromTheirGroup) {
  const auto placement = read(R"({"cpus": [], "fpgas": [{"nodes": [1, 2]}, {"nodes": ["3", 4]}]})");
  ASSERT_TRUE(placement) << placement.error().to_string();
  EXPECT_EQ(*placement, (model::Placement{DeviceId(0), DeviceId(0), DeviceId(1), DeviceId(1)}));
}

TEST_F(Split, MayHaveEmptyPartsBeyondTheMachine) {
  EXPECT_TRUE(read(R"({"cpus": [], "fpgas": [{"nodes": [1, 2]}, {"nodes": []}, {"nodes": []}]})"));
}

TEST_F(Split, SaysWhatIsWrong) {
  EXPECT_EQ(fault(R"({"cpus": []})"), ": the field 'fpgas' is missing");
  EXPECT_EQ(fault(R"({"cpus": [], "fpgas": [{"load": 1}]})"),
            ", /fpgas/0: the field 'nodes' is missing");
  EXPECT_EQ(fault(R"({"cpus": [], "fpgas": [{"nodes": [1, 9]}]})"),
            ", /fpgas/0/nodes/1: no operator has the id '9'");
  EXPECT_EQ(fault(R"({"cpus": [], "fpgas": [{"nodes": [1.5]}]})"),
            ", /fpgas/0/nodes/0: the id 1.5 is not a whole number");
  EXPECT_EQ(fault(R"({"cpus": [], "fpgas": [{"nodes": [1]}, {"nodes": [1]}]})"),
            ", /fpgas/1/nodes/0: operator '1' is on accelerator0 already");
  EXPECT_EQ(fault(R"({"cpus": [], "fpgas": [{"nodes": [1]}]})"),
            ": operator '2' has no device in this split");
  EXPECT_EQ(fault(R"({"cpus": [{"nodes": [1]}, {"nodes": [2]}], "fpgas": []})"),
            ", /cpus/1: the split uses more devices here than the machine's 1");
  EXPECT_EQ(fault("[]"), ": expected an object, found an array");
  EXPECT_EQ(fault(""), ": the file is empty");
}

TEST_F(Split, DoesNotGuessWhereAGroupGoesThatIsApart) {
  constexpr std::string_view kApart = R"({
    "maxFPGAs": 2, "maxCPUs": 0, "maxSizePerFPGA": 1, "edges": [], "nodes": [
    {"id": 1, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0, "colorClass": 1},
    {"id": 2, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0, "colorClass": 1},
    {"id": 3, "supportedOnFpga": 1, "cpuLatency": 1, "fpgaLatency": 1, "size": 0, "colorClass": 1,
     "isBackwardNode": 1}]})";
  EXPECT_EQ(fault(R"({"cpus": [], "fpgas": [{"nodes": [1]}, {"nodes": [2]}]})", kApart),
            ": operators '1' and '2' of one colocation group are on different devices, so it is "
            "open where operator '3' goes");
}

TEST_F(Split, PutsAllCpusOnThePoolOfLatency) {
  model::Question question;
  question.objective = model::Objective::latency;
  const auto placement = read(
      R"({"cpus": [{"nodes": [1]}, {"nodes": [2]}, {"nodes": [3]}], "fpgas": [{"nodes": [4]}]})",
      kGraph, question);
  ASSERT_TRUE(placement) << placement.error().to_string();
  EXPECT_EQ(*placement, (model::Placement{DeviceId(2), DeviceId(2), DeviceId(2), DeviceId(0)}));
}

}  // namespace
}  // namespace cleave::io
