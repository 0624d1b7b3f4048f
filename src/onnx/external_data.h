#pragma once

#include <filesystem>

#include "cleave/base/result.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// Checks that each weight that is in a file of its own is really there: inside `folder`, as long
/// as declared. Reads none of them, but for small integer tensors, because shapes may depend on
/// them; those are then as if they had been in the model file.
[[nodiscard]] base::Status settle_external_data(pb::GraphProto& graph,
                                                const std::filesystem::path& folder);

}  // namespace cleave::onnx
