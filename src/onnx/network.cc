#include "onnx/network.h"

#include <onnx/defs/tensor_proto_util.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "onnx/shapes.h"

namespace cleave::onnx {
namespace {

using model::Network;
using model::NetworkOperator;
using model::NetworkValue;
using model::ValueId;

// Operators whose result is not to be computed ahead even where their inputs are constant: random
// ones, and those by which a weight stays small until it is used.
bool runs_each_time(const std::string& type) {
  static constexpr std::string_view kTypes[] = {
      "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
      "Multinomial",  "Bernoulli",        "Dropout",       "DequantizeLinear",
  };
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

// What keeps a value from being described: its name is in the graph, the shape is not.
struct Gap {
  std::string value;
  std::string computed_by;
  std::optional<pb::TensorShapeProto> shape;
};

// Builds the network of one graph; of a body, within the builder of the graph around it.
class Builder {
 public:
  Builder(const pb::GraphProto& graph, Builder* outer) : graph_(&graph), outer_(outer) {}

  Network build() {
    read_types();
    for (const auto& tensor : graph_->initializer()) add_weight(tensor, tensor.name());
    for (const auto& sparse : graph_->sparse_initializer()) {
      pb::TensorProto whole;
      whole.set_data_type(sparse.values().data_type());
      *whole.mutable_dims() = sparse.dims();
      add_weight(whole, sparse.values().name());
    }
    for (const auto& input : graph_->input()) {
      if (!ids_.contains(input.name())) network_.inputs.push_back(add_value(input.name()));
    }
    for (int i = 0; i < graph_->node_size(); ++i) add_operator(i);
    for (const auto& output : graph_->output()) network_.outputs.push_back(resolve(output.name()));
    return std::move(network_);
  }

  /// Values of the outermost graph that are read but not known, in the order of the operators.
  [[nodiscard]] std::optional<Gap> find_gap(const Network& network) const {
    std::vector<bool> read(network.values.size());
    const auto mark = [&](const std::vector<ValueId>& values) {
      for (const ValueId value : values) {
        if (value.valid()) read[value.index()] = true;
      }
    };
    mark(network.outputs);
    for (const NetworkOperator& op : network.operators) {
      if (op.constant) continue;
      mark(op.inputs);
      mark(op.captured);
    }
    for (std::size_t i = 0; i < network.operators.size(); ++i) {
      for (const ValueId value : network.operators[i].outputs) {
        if (!value.valid() || !read[value.index()]) continue;
        const NetworkValue& v = network.values[value.index()];
        const auto type = types_.find(v.name);
        const bool has_type = type != types_.end();
        if (v.known || (has_type && !type->second->has_tensor_type())) continue;
        Gap gap{v.name, describe(graph_->node(static_cast<int>(i))), std::nullopt};
        if (has_type && type->second->tensor_type().has_shape()) {
          gap.shape = type->second->tensor_type().shape();
        }
        return gap;
      }
    }
    return std::nullopt;
  }

 private:
  void read_types() {
    for (const auto* values : {&graph_->input(), &graph_->value_info(), &graph_->output()}) {
      for (const auto& value : *values) types_[value.name()] = &value.type();
    }
  }

  ValueId add(NetworkValue value) {
    const ValueId id(network_.values.size());
    ids_[value.name] = id;
    network_.values.push_back(std::move(value));
    return id;
  }

  ValueId add_weight(const pb::TensorProto& tensor, const std::string& name) {
    NetworkValue value;
    value.name = name;
    value.constant = true;
    describe_tensor(value, tensor.data_type(), {tensor.dims().begin(), tensor.dims().end()});
    return add(std::move(value));
  }

  ValueId add_value(const std::string& name, bool constant = false) {
    NetworkValue value;
    value.name = name;
    value.constant = constant;
    const auto type = types_.find(name);
    if (type != types_.end() && type->second->has_tensor_type() &&
        type->second->tensor_type().has_shape()) {
      std::vector<std::int64_t> shape;
      for (const auto& dimension : type->second->tensor_type().shape().dim()) {
        shape.push_back(dimension.has_dim_value() ? dimension.dim_value() : -1);
      }
      describe_tensor(value, type->second->tensor_type().elem_type(), std::move(shape));
    }
    return add(std::move(value));
  }

  static void describe_tensor(NetworkValue& value, std::int32_t data_type,
                              std::vector<std::int64_t> shape) {
    const auto type = element_type(data_type);
    const auto bytes = type ? tensor_bytes(*type, shape) : std::nullopt;
    if (!bytes) return;
    value.known = true;
    value.type = *type;
    value.bytes = *bytes;
    value.shape = std::move(shape);
  }

  // The value of that name: this graph's, or a stand-in for one of a graph around it.
  ValueId resolve(const std::string& name) {
    const auto found = ids_.find(name);
    if (found != ids_.end()) return found->second;
    if (outer_ == nullptr) return {};  // an output without an operator; the checker refused it
    const ValueId outside = outer_->resolve(name);
    captured_.push_back(outside);
    NetworkValue value = outer_->network_.values[outside.index()];
    value.outer = true;
    return add(std::move(value));
  }

  void add_operator(int index) {
    const pb::NodeProto& node = graph_->node(index);
    NetworkOperator op;
    op.id =
        unique_id(node.name().empty() ? fmt::format("{}_{}", node.op_type(), index) : node.name());
    op.type = node.op_type();
    op.domain = normalised_domain(node.domain());
    for (const std::string& input : node.input()) {
      op.inputs.push_back(input.empty() ? ValueId() : resolve(input));
    }
    read_attributes(node, op);
    for (const pb::GraphProto* body : bodies(node)) add_body(*body, op);
    op.trips = count_trips(node, op);
    op.constant = is_constant(op);
    for (const std::string& output : node.output()) {
      op.outputs.push_back(output.empty()                 ? ValueId()
                           : node.op_type() == "Constant" ? add_constant(node, output)
                                                          : add_value(output, op.constant));
    }
    network_.operators.push_back(std::move(op));
  }

  // Inference does not name the types of what Constant computes in bodies.
  ValueId add_constant(const pb::NodeProto& node, const std::string& name) {
    const auto* value = find_attribute(node, "value");
    if (value != nullptr && value->has_t()) return add_weight(value->t(), name);
    return add_value(name, true);
  }

  void add_body(const pb::GraphProto& body, NetworkOperator& op) {
    Builder inner(body, this);
    op.bodies.push_back(inner.build());
    for (const ValueId value : inner.captured_) {
      if (std::find(op.captured.begin(), op.captured.end(), value) == op.captured.end()) {
        op.captured.push_back(value);
      }
    }
  }

  static void read_attributes(const pb::NodeProto& node, NetworkOperator& op) {
    for (const pb::AttributeProto& attribute : node.attribute()) {
      if (attribute.type() == pb::AttributeProto::INT) {
        op.integers[attribute.name()] = {attribute.i()};
      } else if (attribute.type() == pb::AttributeProto::INTS) {
        op.integers[attribute.name()] = {attribute.ints().begin(), attribute.ints().end()};
      } else if (attribute.type() == pb::AttributeProto::STRING) {
        op.texts[attribute.name()] = attribute.s();
      }
    }
  }

  [[nodiscard]] bool is_constant(const NetworkOperator& op) const {
    if (!op.domain.empty() || !op.bodies.empty() || runs_each_time(op.type)) return false;
    if (reads_shape_only(op)) {
      return !op.inputs.empty() && op.inputs[0].valid() &&
             network_.values[op.inputs[0].index()].known;
    }
    return std::all_of(op.inputs.begin(), op.inputs.end(), [&](ValueId value) {
      return !value.valid() || network_.values[value.index()].constant;
    });
  }

  [[nodiscard]] std::optional<std::int64_t> count_trips(const pb::NodeProto& node,
                                                        const NetworkOperator& op) const {
    if (op.type == "Loop")
      return node.input_size() > 0 ? find_integer(node.input(0)) : std::nullopt;
    const auto scanned = op.integers.find("num_scan_inputs");
    if (op.type != "Scan" || scanned == op.integers.end()) return std::nullopt;
    const auto inputs = static_cast<std::int64_t>(op.inputs.size());
    if (scanned->second[0] < 1 || scanned->second[0] > inputs) return std::nullopt;
    const ValueId first = op.inputs[static_cast<std::size_t>(inputs - scanned->second[0])];
    if (!first.valid()) return std::nullopt;
    const auto& shape = network_.values[first.index()].shape;
    const auto axes = op.integers.find("scan_input_axes");
    const auto rank = static_cast<std::int64_t>(shape.size());
    std::int64_t axis = axes == op.integers.end() || axes->second.empty() ? 0 : axes->second[0];
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return std::nullopt;
    return shape[static_cast<std::size_t>(axis)];
  }

  // The value of an integer scalar that the file states.
  [[nodiscard]] std::optional<std::int64_t> find_integer(const std::string& name) const {
    const pb::TensorProto* tensor = find_tensor(name);
    if (tensor == nullptr) {
      return outer_ != nullptr && !ids_.contains(name) ? outer_->find_integer(name) : std::nullopt;
    }
    if (tensor->data_type() != pb::TensorProto::INT64 ||
        tensor->data_location() == pb::TensorProto::EXTERNAL) {
      return std::nullopt;
    }
    const auto values = pb::ParseData<std::int64_t>(tensor);
    return values.size() == 1 && values[0] >= 0 ? std::optional(values[0]) : std::nullopt;
  }

  [[nodiscard]] const pb::TensorProto* find_tensor(const std::string& name) const {
    for (const auto& tensor : graph_->initializer()) {
      if (tensor.name() == name) return &tensor;
    }
    for (const auto& node : graph_->node()) {
      if (node.op_type() != "Constant" || node.output_size() != 1 || node.output(0) != name)
        continue;
      const auto* value = find_attribute(node, "value");
      return value != nullptr && value->has_t() ? &value->t() : nullptr;
    }
    return nullptr;
  }

  std::string unique_id(const std::string& wanted) {
    // Files name operators by it: no control characters, at most 1024 bytes.
    constexpr std::size_t kMaxBytes = 1000;
    std::string base = wanted.substr(0, kMaxBytes);
    for (char& c : base) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
    }
    std::string id = base;
    for (int copy = 2; !used_.insert(id).second; ++copy) id = fmt::format("{}#{}", base, copy);
    return id;
  }

  const pb::GraphProto* graph_;
  Builder* outer_;
  Network network_;
  std::unordered_map<std::string, const pb::TypeProto*> types_;
  std::unordered_map<std::string, ValueId> ids_;
  std::set<std::string> used_;
  std::vector<ValueId> captured_;  // ids of the graph around
};

base::Error explain(const Gap& gap) {
  std::string message =
      fmt::format("the shape of its result {} is not known", in_quotes(gap.value));
  if (gap.shape) {
    std::vector<std::string> flags;
    for (int axis = 0; axis < gap.shape->dim_size(); ++axis) {
      const auto& dimension = gap.shape->dim(axis);
      if (!dimension.has_dim_value())
        flags.push_back(fmt::format("--dim {}.{}=N", gap.value, axis));
    }
    message += fmt::format(", only {}; give what is open with {}", describe_shape(*gap.shape),
                           fmt::join(flags, " "));
  } else {
    message += "; the file has to state it (value_info)";
  }
  return base::bad_input(std::move(message), gap.computed_by);
}

}  // namespace

bool reads_shape_only(const NetworkOperator& op) {
  return op.domain.empty() && (op.type == "Shape" || op.type == "Size");
}

base::Result<model::Network> to_network(const pb::GraphProto& graph) {
  Builder builder(graph, nullptr);
  Network network = builder.build();
  if (const auto gap = builder.find_gap(network)) return explain(*gap);
  return network;
}

}  // namespace cleave::onnx
