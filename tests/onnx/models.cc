#include "onnx/models.h"

namespace cleave::onnx {
namespace {

using ::onnx::AttributeProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;
using ::onnx::ValueInfoProto;

void describe(ValueInfoProto& value, const std::string& name, const std::vector<Axis>& shape,
              TensorProto::DataType type) {
  value.set_name(name);
  auto* tensor = value.mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape();
  for (const Axis& axis : shape) {
    auto* dimension = tensor->mutable_shape()->add_dim();
    if (axis.size >= 0) dimension->set_dim_value(axis.size);
    if (!axis.symbol.empty()) dimension->set_dim_param(axis.symbol);
  }
}

}  // namespace

Drawing::Drawing(int opset) {
  model.set_ir_version(8);
  model.mutable_graph()->set_name("drawing");
  model.add_opset_import()->set_version(opset);
}

void Drawing::input(const std::string& name, const std::vector<Axis>& shape,
                    TensorProto::DataType type) {
  describe(*model.mutable_graph()->add_input(), name, shape, type);
}

void Drawing::output(const std::string& name, const std::vector<Axis>& shape,
                     TensorProto::DataType type) {
  describe(*model.mutable_graph()->add_output(), name, shape, type);
}

void Drawing::weight(const std::string& name, const std::vector<std::int64_t>& shape) {
  TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(TensorProto::FLOAT);
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) {
    tensor.add_dims(size);
    elements *= size;
  }
  tensor.set_raw_data(std::string(static_cast<std::size_t>(4 * elements), '\0'));
}

void Drawing::integers(const std::string& name, const std::vector<std::int64_t>& values) {
  TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t value : values) tensor.add_int64_data(value);
}

NodeProto& Drawing::node(const std::string& type, const std::string& name,
                         const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs) {
  NodeProto& node = *model.mutable_graph()->add_node();
  node.set_op_type(type);
  node.set_name(name);
  for (const std::string& input : inputs) node.add_input(input);
  for (const std::string& output : outputs) node.add_output(output);
  return node;
}

void set(NodeProto& node, const std::string& attribute, std::int64_t value) {
  AttributeProto& added = *node.add_attribute();
  added.set_name(attribute);
  added.set_type(AttributeProto::INT);
  added.set_i(value);
}

void set(NodeProto& node, const std::string& attribute, const std::vector<std::int64_t>& values) {
  AttributeProto& added = *node.add_attribute();
  added.set_name(attribute);
  added.set_type(AttributeProto::INTS);
  for (const std::int64_t value : values) added.add_ints(value);
}

Drawing mlp() {
  Drawing d;
  d.input("x", {"batch", 64});
  d.weight("w1", {64, 64});
  d.weight("w2", {64, 64});
  d.node("MatMul", "first", {"x", "w1"}, {"a"});
  d.node("Relu", "", {"a"}, {"b"});
  d.node("MatMul", "second", {"b", "w2"}, {"y"});
  d.output("y", {"batch", 64});
  return d;
}

Drawing transformer() {
  Drawing d;
  d.input("tokens", {"batch", 16}, TensorProto::INT64);
  d.weight("embedding", {100, 32});
  d.node("Gather", "embed", {"embedding", "tokens"}, {"x"});
  // [batch, 16, 32] -> [batch, 16, 4, 8], the batch taken from the input's shape.
  d.node("Shape", "shape", {"x"}, {"x_shape"});
  d.integers("zero", {0});
  d.node("Gather", "batch_of", {"x_shape", "zero"}, {"batch_size"});
  d.integers("rest", {16, 4, 8});
  set(d.node("Concat", "split_shape", {"batch_size", "rest"}, {"heads"}), "axis", 0);
  for (const std::string part : {"q", "k", "v"}) {
    d.weight("w_" + part, {32, 32});
    d.node("MatMul", part, {"x", "w_" + part}, {part + "_flat"});
    d.node("Reshape", part + "_reshape", {part + "_flat", "heads"}, {part + "_split"});
    set(d.node("Transpose", part + "_transpose", {part + "_split"}, {part + "_heads"}), "perm",
        part == "k" ? std::vector<std::int64_t>{0, 2, 3, 1}
                    : std::vector<std::int64_t>{0, 2, 1, 3});
  }
  d.node("MatMul", "scores", {"q_heads", "k_heads"}, {"s"});
  set(d.node("Softmax", "softmax", {"s"}, {"p"}), "axis", -1);
  d.node("MatMul", "context", {"p", "v_heads"}, {"c"});
  set(d.node("Transpose", "merge", {"c"}, {"c_merged"}), "perm", {0, 2, 1, 3});
  d.integers("flat", {0, 16, 32});
  d.node("Reshape", "join", {"c_merged", "flat"}, {"c_flat"});
  d.node("Add", "residual", {"x", "c_flat"}, {"r"});
  set(d.node("Transpose", "tied", {"embedding"}, {"embedding_t"}), "perm", {1, 0});
  d.node("MatMul", "head", {"r", "embedding_t"}, {"y"});
  d.output("y", {"batch", 16, 100});
  return d;
}

Drawing convolutional() {
  Drawing d;
  d.input("x", {1, 3, 32, 32});
  d.weight("w1", {8, 3, 3, 3});
  d.weight("w2", {8, 1, 3, 3});
  d.weight("w3", {10, 8});
  d.weight("b3", {10});
  NodeProto& first = d.node("Conv", "conv", {"x", "w1"}, {"a"});
  set(first, "strides", {2, 2});
  set(first, "pads", {1, 1, 1, 1});
  NodeProto& depthwise = d.node("Conv", "depthwise", {"a", "w2", ""}, {"b"});
  set(depthwise, "group", 8);
  set(depthwise, "pads", {1, 1, 1, 1});
  d.node("GlobalAveragePool", "pool", {"b"}, {"c"});
  d.node("Flatten", "flatten", {"c"}, {"f"});
  set(d.node("Gemm", "fc", {"f", "w3", "b3"}, {"y"}), "transB", 1);
  d.output("y", {1, 10});
  return d;
}

}  // namespace cleave::onnx
