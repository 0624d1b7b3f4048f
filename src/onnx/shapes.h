#pragma once

#include <string>
#include <unordered_map>

#include "cleave/base/result.h"
#include "cleave/onnx/read.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// Gives open dimensions their sizes and infers the shapes of everything else, in place.
/// Errors: a dimension of an input that stays open; a key that names no open dimension; shapes that
/// contradict one another.
[[nodiscard]] base::Status settle_shapes(pb::ModelProto& model, const Dimensions& dimensions);

/// "[2, batch, ?]": as far as it is known.
[[nodiscard]] std::string describe_shape(const pb::TensorShapeProto& shape);

}  // namespace cleave::onnx
