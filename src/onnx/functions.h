#pragma once

#include "cleave/base/result.h"
#include "onnx/proto.h"

namespace cleave::onnx {

/// Replaces every call of the model's own functions by the function's body, calls inside bodies
/// included, and drops the functions. Error: functions that call themselves, or more than a million
/// operators.
[[nodiscard]] base::Status inline_functions(pb::ModelProto& model);

}  // namespace cleave::onnx
