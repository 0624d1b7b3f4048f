#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// Checks that names are defined once and before they are read, in the graph and all bodies, and
/// what the library's checker says of each operator and weight. `notes` gets a sentence for each
/// domain whose operators are newer than the library. `folder` is where files of weights are.
/// REQUIRES: functions are inlined.
[[nodiscard]] base::Status check_structure(const pb::ModelProto& model,
                                           const std::filesystem::path& folder,
                                           std::vector<std::string>& notes);

}  // namespace cleave::onnx
