#pragma once

#include "cleave/base/result.h"
#include "cleave/model/network.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// The network that a graph describes. REQUIRES: check_structure and settle_shapes passed.
/// Error: a value whose type or shape inference could not find.
[[nodiscard]] base::Result<model::Network> to_network(const pb::GraphProto& graph);

/// Whether the operator computes its result from the shape of what it reads alone.
[[nodiscard]] bool reads_shape_only(const model::NetworkOperator& op);

}  // namespace cleave::onnx
