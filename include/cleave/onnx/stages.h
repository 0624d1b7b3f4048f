#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/pipeline.h"
#include "cleave/onnx/read.h"

/// Cutting a model into files that run.
namespace cleave::onnx {

/// What one file is to have.
struct StageSpec {
  std::string device;                  ///< is written into the file's metadata
  std::vector<std::string> operators;  ///< ids of the network's, in any order
};

/// Writes a self-contained model for each stage: stage0.onnx, stage1.onnx, … into `folder`, and
/// says which tensor goes where. REQUIRES: the model was read from a file or from memory that still
/// has its weights where they were; the folder exists.
///
/// - Constants, and what is computed from constants and shapes alone, are in every stage that
///   reads them. Operators that only read a shape become constants.
/// - Names of tensors and operators, operator versions, metadata and the shapes of what is computed
///   survive. If, Loop and Scan stay whole; what they capture is an input of the stage.
/// - Weights of a stage that take more than 64 MiB go into stage0.weights and so on, copied without
///   being held in memory.
/// - Each file passed the same checks as the model itself.
///
/// The result has files, operators, inputs and outputs; devices, predictions, checksums and the
/// rest are for the caller to fill. Errors: bad_input, where the stages are not all of the
/// operators, each once, producers first; where something that is no tensor would have to go from
/// one stage to another; where a file cannot be written. O(file + weights). Thread-safe.
[[nodiscard]] base::Result<model::Pipeline> write_stages(const ModelFile& model,
                                                         std::span<const StageSpec> stages,
                                                         const std::filesystem::path& folder);

/// Writes a copy of the whole model as the file `name` of `folder`, that says of each operator
/// where it goes: its pipeline stage in ONNX's own terms (a device configuration "cleave", version
/// 11 of the format), and its device as ONNX Runtime's layer annotation ("layer_ann"). Functions
/// are inlined and sizes of dimensions are those the model was read with. Large weights go to
/// NAME.weights. Errors: a file that cannot be written.
[[nodiscard]] base::Status write_annotated(const ModelFile& model,
                                           std::span<const StageSpec> stages,
                                           const std::filesystem::path& folder,
                                           const std::string& name);

}  // namespace cleave::onnx
