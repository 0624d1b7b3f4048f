#pragma once

#include <onnxruntime/onnxruntime_c_api.h>

#include <optional>

#include "cleave/model/element_type.h"

namespace cleave::runtime {

/// ONNX Runtime's name of a type; nothing for text, which has no elements of fixed size.
[[nodiscard]] std::optional<ONNXTensorElementDataType> to_onnxruntime(model::ElementType type);
/// The reverse; nothing for text and for types that cleave does not know.
[[nodiscard]] std::optional<model::ElementType> from_onnxruntime(ONNXTensorElementDataType type);

}  // namespace cleave::runtime
