#pragma once

#include "cleave/base/result.h"
#include "cleave/model/network.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// The network that a graph describes. REQUIRES: check_structure and settle_shapes passed.
/// Error: a value whose type or shape inference could not find.
[[nodiscard]] base::Result<model::Network> to_network(const pb::GraphProto& graph);

}  // namespace cleave::onnx
