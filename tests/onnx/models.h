#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cleave::onnx {

/// A dimension of a value: a number, or a symbol.
struct Axis {
  Axis(int known) : size(known) {}          // NOLINT
  Axis(const char* name) : symbol(name) {}  // NOLINT
  std::int64_t size = -1;
  std::string symbol;  ///< empty with size −1: nothing is said
};

/// Writes models with the onnx library's own messages.
class Drawing {
 public:
  explicit Drawing(int opset = 13);

  void input(const std::string& name, const std::vector<Axis>& shape,
             ::onnx::TensorProto::DataType type = ::onnx::TensorProto::FLOAT);
  void output(const std::string& name, const std::vector<Axis>& shape,
              ::onnx::TensorProto::DataType type = ::onnx::TensorProto::FLOAT);
  /// A float weight with zeros.
  void weight(const std::string& name, const std::vector<std::int64_t>& shape);
  void integers(const std::string& name, const std::vector<std::int64_t>& values);
  /// A node called `name`.
  ::onnx::NodeProto& node(const std::string& type, const std::string& name,
                          const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs);

  [[nodiscard]] std::string bytes() const { return model.SerializeAsString(); }

  ::onnx::ModelProto model;
};

void set(::onnx::NodeProto& node, const std::string& attribute, std::int64_t value);
void set(::onnx::NodeProto& node, const std::string& attribute,
         const std::vector<std::int64_t>& values);

/// x [batch, 64] through two layers of 64 x 64 with Relu, all float32.
Drawing mlp();
/// One encoder block over x [batch, 16, 32] with 4 heads, its reshapes computed from the input's
/// shape as exporters do; tokens through an embedding whose matrix is used again at the end.
Drawing transformer();
/// x [1, 3, 32, 32]: Conv 8 @ 3x3 stride 2, depthwise 3x3, global pooling, Flatten, Gemm to 10.
Drawing convolutional();

}  // namespace cleave::onnx
