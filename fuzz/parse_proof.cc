// Any bytes are a proof about a fixed graph or an error with a sentence; what is read, reads back;
// and whatever it says, it proves no bound above the optimum.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cleave/check/proof.h"
#include "cleave/io/io.h"

namespace {

// The checksums in corpus/parse_proof are this text's. At best the accelerators hold {a, b} and
// {c, d}, with loads of 0.021 ms.
constexpr std::string_view kGraph =
    R"({"format": "cleave.graph/1", "time_columns": ["accelerator"], "operators": [)"
    R"({"id": "a", "times_ms": {"accelerator": 0.01}}, )"
    R"({"id": "b", "times_ms": {"accelerator": 0.01}}, )"
    R"({"id": "c", "times_ms": {"accelerator": 0.01}}, )"
    R"({"id": "d", "times_ms": {"accelerator": 0.01}}], )"
    R"("tensors": [{"producer": "a", "consumers": ["b"], "transfer_ms": 0.1}, )"
    R"({"producer": "b", "consumers": ["c"], "transfer_ms": 0.001}, )"
    R"({"producer": "c", "consumers": ["d"], "transfer_ms": 0.001}]})";
constexpr std::string_view kDevices =
    R"({"format": "cleave.devices/1", "devices": [{"class": "accelerator", "count": 2}]})";
constexpr cleave::base::Duration kOptimum{21'000'000};

cleave::model::Problem make_problem(const cleave::io::GraphFile& graph) {
  auto machine = cleave::io::parse_devices(kDevices, "devices");
  if (!machine) std::abort();
  cleave::model::Question question;
  question.placement = cleave::model::PlacementRule::any;
  auto problem = cleave::model::Problem::create(graph.graph, *std::move(machine), question);
  if (!problem) std::abort();
  return *std::move(problem);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const auto graph = cleave::io::parse_graph(kGraph, "graph");
  if (!graph) std::abort();
  static const cleave::model::Problem problem = make_problem(*graph);
  const auto proof = cleave::io::parse_proof(text, "input", *graph);
  if (!proof) {
    if (proof.error().message.empty() || proof.error().place.empty()) std::abort();
    return 0;
  }
  cleave::io::Provenance provenance;
  provenance.checksum = graph->checksum;
  const auto again =
      cleave::io::parse_proof(cleave::io::proof_to_json(*proof, provenance), "written", *graph);
  if (!again || *again != *proof) std::abort();
  constexpr std::uint64_t kEffort = 1 << 20;
  const auto verdict = cleave::check::check_proof(problem, *proof, kEffort);
  const bool proved = verdict.outcome == cleave::check::ProofVerdict::Outcome::proved;
  if (verdict.sentence.empty() || (proved && proof->bound > kOptimum)) std::abort();
  return 0;
}
