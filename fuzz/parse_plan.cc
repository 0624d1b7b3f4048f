// Any bytes are a plan for a fixed graph or an error with a sentence; what is read, reads back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cleave/io/io.h"

namespace {

// The checksums in corpus/parse_plan are this text's.
constexpr std::string_view kGraph =
    R"({"format": "cleave.graph/1", "time_columns": ["accelerator", "cpu"], "operators": [)"
    R"({"id": "a", "group": "g", "times_ms": {"accelerator": 1, "cpu": 4}}, )"
    R"({"id": "b", "times_ms": {"accelerator": 2, "cpu": 4}}, )"
    R"({"id": "c", "group": "g", "phase": "backward", "times_ms": {"cpu": 0.5}}], )"
    R"("tensors": [{"producer": "a", "consumers": ["b", "c"], "transfer_ms": 0.25}]})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const auto graph = cleave::io::parse_graph(kGraph, "graph");
  if (!graph) std::abort();
  const auto file = cleave::io::parse_plan(text, "input", *graph);
  if (!file) {
    if (file.error().message.empty() || file.error().place.empty()) std::abort();
    return 0;
  }
  cleave::io::Provenance provenance;
  provenance.checksum = graph->checksum;
  const std::string written = cleave::io::plan_to_json(file->problem, file->plan, provenance);
  const auto again = cleave::io::parse_plan(written, "written", *graph);
  if (!again) std::abort();
  if (cleave::io::plan_to_json(again->problem, again->plan, provenance) != written) std::abort();
  return 0;
}
