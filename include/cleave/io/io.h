#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cleave/base/limits.h"
#include "cleave/base/result.h"
#include "cleave/model/graph.h"
#include "cleave/model/machine.h"
#include "cleave/model/pipeline.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"
#include "cleave/model/profile.h"
#include "cleave/model/proof.h"

/// The only place where text becomes typed values, and typed values text. docs/formats.md describes
/// every format.
///
/// Nothing here throws or prints. Errors are one sentence each, `place` names the file and the JSON
/// pointer or line in it: not_found where a file is missing or unreadable, else bad_input. Readers
/// take time and memory in proportion to the text (about 6 s and 1.3 GB for a million operators and
/// two million edges, 240 MB); files above 1 GiB, of devices above 1 MiB, are refused.
/// All functions may be called from any thread.
namespace cleave::io {

/// How an ONNX model was read: what its graph depends on besides file and machine.
struct ModelReading {
  std::map<std::string, std::int64_t> dimensions;  ///< sizes of those that the file leaves open
  base::Bytes colocate_above;  ///< weights larger than this keep their operators together
  std::shared_ptr<const model::Profile> profile{};  ///< measured times; null: all are estimated
};

/// How a training graph was made of a forward graph: training::derive()'s options, by name.
struct TrainingReading {
  std::string optimizer;
  std::string precision;
  std::int64_t backward_percent = 0;
};

/// A graph file, with the machine it describes where it has one.
struct GraphFile {
  std::shared_ptr<const model::Graph> graph;
  std::optional<model::Machine> machine;
  std::string format;                         ///< "cleave.graph/1", "paper", "pipedream", "piper"
  std::string checksum;                       ///< of the file's bytes, "sha256:…"
  std::optional<ModelReading> reading{};      ///< of an ONNX model
  std::optional<TrainingReading> training{};  ///< where the graph was made from what was read
};

/// Reads a graph in any known format, recognised from content. Errors name file, place and value.
[[nodiscard]] base::Result<GraphFile> read_graph(const std::filesystem::path& file);
/// The same from memory; `name` stands for the file in errors.
[[nodiscard]] base::Result<GraphFile> parse_graph(std::string_view text, std::string_view name);
/// "sha256:…" of a file's bytes, of whatever kind and size it is.
[[nodiscard]] base::Result<std::string> checksum(const std::filesystem::path& file);
/// Our own JSON format; what read_graph() reads back to an equal graph.
[[nodiscard]] std::string graph_to_json(const model::Graph& graph,
                                        const std::optional<model::Machine>& machine = {});

/// Devices in YAML (JSON is YAML).
[[nodiscard]] base::Result<model::Machine> read_devices(const std::filesystem::path& file);
[[nodiscard]] base::Result<model::Machine> parse_devices(std::string_view text,
                                                         std::string_view name);

/// The machine as a file of devices that read_devices() reads back to an equal one.
[[nodiscard]] std::string devices_to_json(const model::Machine& machine);

/// What was asked, to be written beside the answer.
struct Provenance {
  std::string graph_file;
  std::string checksum;
  std::string version;  ///< of cleave
  base::Limits limits;
  std::optional<ModelReading> reading{};  ///< of an ONNX model
  std::optional<TrainingReading> training{};
};

/// plan.json ("cleave.plan/1"), ending in a newline. With `with_seconds` false the wall-clock time
/// is left out, so that equal input gives equal bytes.
[[nodiscard]] std::string plan_to_json(const model::Problem& problem, const model::Plan& plan,
                                       const Provenance& provenance, bool with_seconds = true);

/// A plan file together with the problem it says it answers, rebuilt on `graph`.
struct PlanFile {
  model::Problem problem;
  model::Plan plan;
};
[[nodiscard]] base::Result<PlanFile> read_plan(const std::filesystem::path& file,
                                               const GraphFile& graph);
[[nodiscard]] base::Result<PlanFile> parse_plan(std::string_view text, std::string_view name,
                                                const GraphFile& graph);

/// What is needed to check a lower bound again ("cleave.proof/1"), ending in a newline.
[[nodiscard]] std::string proof_to_json(const model::Proof& proof, const Provenance& provenance);
/// Refuses proofs about another graph. Whether the proof holds is for check::check_proof() to say.
[[nodiscard]] base::Result<model::Proof> read_proof(const std::filesystem::path& file,
                                                    const GraphFile& graph);
[[nodiscard]] base::Result<model::Proof> parse_proof(std::string_view text, std::string_view name,
                                                     const GraphFile& graph);

/// What a plan file says about where it comes from: enough to find its graph, and to make it from
/// an ONNX model or a forward graph once more.
struct PlanOrigin {
  model::Machine machine;
  Provenance provenance;
};
[[nodiscard]] base::Result<PlanOrigin> read_plan_origin(const std::filesystem::path& file);

/// A split in the paper's output format ("fpgas" and "cpus" with lists of node ids), as a
/// placement. Backward operators that are not listed follow their colocation group; operators
/// that remain without a device are an error that names one.
[[nodiscard]] base::Result<model::Placement> read_split(const std::filesystem::path& file,
                                                        const model::Problem& problem);

/// Measured operator times ("cleave.profile/1"), ending in a newline.
[[nodiscard]] std::string profile_to_json(const model::Profile& profile);
[[nodiscard]] base::Result<model::Profile> read_profile(const std::filesystem::path& file);
[[nodiscard]] base::Result<model::Profile> parse_profile(std::string_view text,
                                                         std::string_view name);

/// manifest.json ("cleave.manifest/1"), ending in a newline: a folder of stages that run.
/// REQUIRES: what model::Pipeline says that readers guarantee.
[[nodiscard]] std::string manifest_to_json(const model::Pipeline& pipeline);
[[nodiscard]] base::Result<model::Pipeline> read_manifest(const std::filesystem::path& file);
[[nodiscard]] base::Result<model::Pipeline> parse_manifest(std::string_view text,
                                                           std::string_view name);

/// Writes to a temporary name beside `file`, then renames: never leaves half a file.
[[nodiscard]] base::Status write_file(const std::filesystem::path& file, std::string_view text);

}  // namespace cleave::io
