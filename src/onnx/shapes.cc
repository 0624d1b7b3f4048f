#include "onnx/shapes.h"

#include <onnx/shape_inference/implementation.h>

#include <algorithm>
#include <exception>
#include <set>

#include "onnx/integers.h"

namespace cleave::onnx {
namespace {

using Dimension = pb::TensorShapeProto_Dimension;

bool is_open(const Dimension& dimension) {
  return !dimension.has_dim_value() || dimension.dim_value() < 0;
}

// What binds the dimension: its symbol, or VALUE.AXIS.
std::string key_of(const std::string& value, int axis, const Dimension& dimension) {
  if (dimension.has_dim_param() && !dimension.dim_param().empty()) return dimension.dim_param();
  return fmt::format("{}.{}", value, axis);
}

// Gives open dimensions of one value their sizes. `used` gets the keys that name a dimension of it.
void bind(pb::ValueInfoProto& value, const Dimensions& dimensions, std::set<std::string>& used) {
  if (!value.type().has_tensor_type() || !value.type().tensor_type().has_shape()) return;
  auto& shape = *value.mutable_type()->mutable_tensor_type()->mutable_shape();
  for (int axis = 0; axis < shape.dim_size(); ++axis) {
    Dimension& dimension = *shape.mutable_dim(axis);
    if (!is_open(dimension)) continue;
    for (const std::string& key :
         {key_of(value.name(), axis, dimension), fmt::format("{}.{}", value.name(), axis)}) {
      const auto size = dimensions.find(key);
      if (size == dimensions.end()) continue;
      dimension.set_dim_value(size->second);
      used.insert(key);
      break;
    }
  }
}

void bind(pb::GraphProto& graph, const Dimensions& dimensions, std::set<std::string>& used) {
  for (auto& value : *graph.mutable_input()) bind(value, dimensions, used);
  for (auto& value : *graph.mutable_value_info()) bind(value, dimensions, used);
  for (auto& value : *graph.mutable_output()) bind(value, dimensions, used);
  for (auto& node : *graph.mutable_node()) {
    for (pb::GraphProto* body : bodies(node)) bind(*body, dimensions, used);
  }
}

// The inputs that a user has to give: those that are no weights.
std::vector<const pb::ValueInfoProto*> free_inputs(const pb::GraphProto& graph) {
  std::set<std::string> weights;
  for (const auto& tensor : graph.initializer()) weights.insert(tensor.name());
  std::vector<const pb::ValueInfoProto*> inputs;
  for (const auto& input : graph.input()) {
    if (!weights.contains(input.name())) inputs.push_back(&input);
  }
  return inputs;
}

base::Status check_inputs(const pb::GraphProto& graph) {
  std::vector<std::string> open;
  for (const pb::ValueInfoProto* input : free_inputs(graph)) {
    if (!input->type().has_tensor_type()) continue;
    const auto& tensor = input->type().tensor_type();
    if (!tensor.has_shape()) {
      return base::bad_input("the file does not say how many dimensions it has",
                             "input " + in_quotes(input->name()));
    }
    for (int axis = 0; axis < tensor.shape().dim_size(); ++axis) {
      const Dimension& dimension = tensor.shape().dim(axis);
      if (!is_open(dimension)) continue;
      std::string flag = fmt::format("--dim {}=N", key_of(input->name(), axis, dimension));
      if (std::find(open.begin(), open.end(), flag) == open.end()) open.push_back(std::move(flag));
    }
  }
  if (open.empty()) return std::monostate{};
  return base::bad_input(
      fmt::format("the sizes of the inputs are open; give them with {}", fmt::join(open, " ")));
}

void infer(pb::ModelProto& model, int error_mode) {
  pb::shape_inference::InferShapes(model, pb::OpSchemaRegistry::Instance(),
                                   pb::ShapeInferenceOptions(false, error_mode, true));
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, std::min(text.find('\n'), std::size_t{300})));
}

// What the library says against shapes that it has inferred; empty: nothing.
std::string inference_complaint(pb::ModelProto& model) {
  try {
    infer(model, 1);
  } catch (const std::exception& error) {
    return first_line(error.what());
  }
  return {};
}

base::Error unused_key(const pb::GraphProto& graph, const std::string& key) {
  std::set<std::string> known;
  for (const pb::ValueInfoProto* input : free_inputs(graph)) {
    const auto& shape = input->type().tensor_type().shape();
    for (int axis = 0; axis < shape.dim_size(); ++axis) {
      if (is_open(shape.dim(axis))) known.insert(key_of(input->name(), axis, shape.dim(axis)));
    }
  }
  return base::bad_input(
      fmt::format("the model has no open dimension {}; those of its inputs are: {}", in_quotes(key),
                  known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
}

}  // namespace

base::Status settle_shapes(pb::ModelProto& model, const Dimensions& dimensions) {
  const pb::GraphProto before = [&] {  // inputs only, for the message about a key without use
    pb::GraphProto graph;
    for (const pb::ValueInfoProto* input : free_inputs(model.graph())) *graph.add_input() = *input;
    return graph;
  }();
  std::set<std::string> used;
  bind(*model.mutable_graph(), dimensions, used);
  if (auto settled = check_inputs(model.graph()); !settled) return settled;
  Integers integers(*model.mutable_graph());
  // What one round finds, or fixes by a key that only inference brought to light, may lead to more.
  for (bool more = true; more;) {
    const std::size_t bound = used.size();
    try {
      infer(model, 0);
    } catch (const std::exception& error) {
      return base::bad_input("the shapes contradict one another: " + first_line(error.what()));
    }
    bind(*model.mutable_graph(), dimensions, used);
    more = integers.advance() > 0 || used.size() > bound;
  }
  const std::string complaint = inference_complaint(model);
  integers.restore();
  if (!complaint.empty()) return base::bad_input("the shapes do not fit together: " + complaint);
  for (const auto& [key, size] : dimensions) {
    if (!used.contains(key)) return unused_key(before, key);
  }
  return std::monostate{};
}

std::string describe_shape(const pb::TensorShapeProto& shape) {
  std::vector<std::string> sizes;
  for (const Dimension& dimension : shape.dim()) {
    sizes.push_back(!is_open(dimension)         ? std::to_string(dimension.dim_value())
                    : dimension.has_dim_param() ? dimension.dim_param()
                                                : "?");
  }
  return fmt::format("[{}]", fmt::join(sizes, ", "));
}

}  // namespace cleave::onnx
