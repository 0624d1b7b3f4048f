#include "runtime/element_types.h"

#include <array>
#include <utility>

namespace cleave::runtime {
namespace {

using model::ElementType;

// float8 stands for four types, float4 for none that ONNX Runtime has; neither can be told apart.
constexpr std::array kTypes{
    std::pair{ElementType::float64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    std::pair{ElementType::float32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    std::pair{ElementType::float16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    std::pair{ElementType::bfloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
    std::pair{ElementType::int64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    std::pair{ElementType::int32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    std::pair{ElementType::int16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    std::pair{ElementType::int8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    std::pair{ElementType::int4, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT4},
    std::pair{ElementType::uint64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},
    std::pair{ElementType::uint32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    std::pair{ElementType::uint16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},
    std::pair{ElementType::uint8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    std::pair{ElementType::uint4, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT4},
    std::pair{ElementType::boolean, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
    std::pair{ElementType::complex128, ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX128},
    std::pair{ElementType::complex64, ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX64},
};

}  // namespace

std::optional<ONNXTensorElementDataType> to_onnxruntime(ElementType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == type) return theirs;
  }
  return std::nullopt;
}

std::optional<ElementType> from_onnxruntime(ONNXTensorElementDataType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

}  // namespace cleave::runtime
