#include "onnx/integers.h"

#include <onnx/defs/tensor_proto_util.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace cleave::onnx {
namespace {

constexpr std::int64_t kMaxNumbers = 1024;

// A scalar or list of 64-bit integers, which all shapes are, that the file states.
std::optional<std::vector<std::int64_t>> read_integers(const pb::TensorProto& tensor) {
  if (tensor.data_type() != pb::TensorProto::INT64 || tensor.dims_size() > 1 ||
      tensor.data_location() == pb::TensorProto::EXTERNAL ||
      (tensor.dims_size() == 1 && tensor.dims(0) > kMaxNumbers)) {
    return std::nullopt;
  }
  return pb::ParseData<std::int64_t>(&tensor);
}

// One step of the arithmetic; nullopt: it has no result.
std::optional<std::int64_t> apply(std::string_view type, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (type == "Add" && !__builtin_add_overflow(a, b, &result)) return result;
  if (type == "Sub" && !__builtin_sub_overflow(a, b, &result)) return result;
  if (type == "Mul" && !__builtin_mul_overflow(a, b, &result)) return result;
  if (type == "Div" && b > 0) return a / b;
  if (type == "Max") return std::max(a, b);
  if (type == "Min") return std::min(a, b);
  return std::nullopt;
}

// An index that may count from the end, within [low, high].
std::int64_t clamp_index(std::int64_t index, std::int64_t size, std::int64_t low,
                         std::int64_t high) {
  return std::clamp(index < 0 ? index + size : index, low, high);
}

}  // namespace

int Integers::advance() {
  read_types();
  read_weights();
  int found = 0;
  for (int i = 0; i < graph_->node_size(); ++i) {
    pb::NodeProto& node = *graph_->mutable_node(i);
    if (node.output_size() != 1 || known_.contains(node.output(0))) continue;
    auto value = evaluate(node);
    if (!value || static_cast<std::int64_t>(value->numbers.size()) > kMaxNumbers) continue;
    known_[node.output(0)] = *value;
    if (node.op_type() == "Constant") continue;
    originals_[i] = node;
    replace(node, *value);
    ++found;
  }
  return found;
}

void Integers::restore() {
  for (auto& [position, node] : originals_) *graph_->mutable_node(position) = std::move(node);
  originals_.clear();
}

void Integers::read_weights() {
  for (const auto& tensor : graph_->initializer()) {
    if (known_.contains(tensor.name())) continue;
    if (auto numbers = read_integers(tensor)) {
      known_[tensor.name()] = {*std::move(numbers), tensor.dims_size() == 0};
    }
  }
}

void Integers::read_types() {
  types_.clear();
  for (const auto* values : {&graph_->input(), &graph_->value_info(), &graph_->output()}) {
    for (const auto& value : *values) types_[value.name()] = &value.type();
  }
}

const Integers::Value* Integers::find(const pb::NodeProto& node, int input) const {
  if (input >= node.input_size()) return nullptr;
  const auto found = known_.find(node.input(input));
  return found == known_.end() ? nullptr : &found->second;
}

std::optional<Integers::Value> Integers::evaluate(const pb::NodeProto& node) const {
  const std::string& type = node.op_type();
  if (!normalised_domain(node.domain()).empty()) return std::nullopt;
  if (type == "Constant") {
    const auto* attribute = find_attribute(node, "value");
    if (attribute == nullptr || !attribute->has_t()) return std::nullopt;
    auto numbers = read_integers(attribute->t());
    if (!numbers) return std::nullopt;
    return Value{*std::move(numbers), attribute->t().dims_size() == 0};
  }
  if (type == "Shape") return shape_of(node);
  if (type == "ConstantOfShape") return fill(node);
  const Value* first = find(node, 0);
  if (first == nullptr) return std::nullopt;
  if (type == "Identity") return *first;
  if (type == "Cast") {
    const auto* to = find_attribute(node, "to");
    const bool same = to != nullptr && to->i() == pb::TensorProto::INT64;
    return same ? std::optional(*first) : std::nullopt;
  }
  if (type == "Unsqueeze" && first->scalar) return Value{first->numbers, false};
  if (type == "Squeeze" && first->numbers.size() == 1) return Value{first->numbers, true};
  if (type == "Gather") return gather(node);
  if (type == "Concat") return concatenate(node);
  if (type == "Slice") return slice(node);
  return combine(node);
}

std::optional<Integers::Value> Integers::shape_of(const pb::NodeProto& node) const {
  // Shape of a part, as of version 15, is left to the library.
  if (node.input_size() != 1 || node.attribute_size() > 0) return std::nullopt;
  std::vector<std::int64_t> sizes;
  const auto type = types_.find(node.input(0));
  if (type == types_.end() || !type->second->tensor_type().has_shape()) return std::nullopt;
  for (const auto& dimension : type->second->tensor_type().shape().dim()) {
    if (!dimension.has_dim_value()) return std::nullopt;
    sizes.push_back(dimension.dim_value());
  }
  return Value{std::move(sizes), false};
}

std::optional<Integers::Value> Integers::gather(const pb::NodeProto& node) const {
  const Value* data = find(node, 0);
  const Value* indices = find(node, 1);
  if (data->scalar || indices == nullptr) return std::nullopt;
  Value result{{}, indices->scalar};
  const auto size = static_cast<std::int64_t>(data->numbers.size());
  for (const std::int64_t index : indices->numbers) {
    const std::int64_t at = index < 0 ? index + size : index;
    if (at < 0 || at >= size) return std::nullopt;
    result.numbers.push_back(data->numbers[static_cast<std::size_t>(at)]);
  }
  return result;
}

std::optional<Integers::Value> Integers::concatenate(const pb::NodeProto& node) const {
  Value result;
  for (int i = 0; i < node.input_size(); ++i) {
    const Value* part = find(node, i);
    if (part == nullptr || part->scalar) return std::nullopt;
    result.numbers.insert(result.numbers.end(), part->numbers.begin(), part->numbers.end());
  }
  return result;
}

std::optional<Integers::Value> Integers::slice(const pb::NodeProto& node) const {
  const Value* data = find(node, 0);
  // Before version 10 the bounds are attributes.
  const auto number = [&](int input, std::string_view attribute) -> std::optional<std::int64_t> {
    if (const Value* value = find(node, input); value != nullptr && value->numbers.size() == 1) {
      return value->numbers[0];
    }
    const auto* given = find_attribute(node, attribute);
    if (given != nullptr && given->ints_size() == 1) return given->ints(0);
    return std::nullopt;
  };
  const auto start = number(1, "starts");
  const auto end = number(2, "ends");
  const bool has_step = node.input_size() > 4 && !node.input(4).empty();
  const auto step = has_step ? number(4, "") : std::optional<std::int64_t>(1);
  if (data->scalar || !start || !end || step != 1) return std::nullopt;
  const auto size = static_cast<std::int64_t>(data->numbers.size());
  const std::int64_t from = clamp_index(*start, size, 0, size);
  const std::int64_t to = clamp_index(*end, size, from, size);
  return Value{{data->numbers.begin() + from, data->numbers.begin() + to}, false};
}

std::optional<Integers::Value> Integers::fill(const pb::NodeProto& node) const {
  const Value* shape = find(node, 0);
  const auto* attribute = find_attribute(node, "value");
  if (shape == nullptr || shape->numbers.size() != 1 || attribute == nullptr) return std::nullopt;
  const auto number = read_integers(attribute->t());
  const std::int64_t count = shape->numbers[0];
  if (!number || number->size() != 1 || count < 0 || count > kMaxNumbers) return std::nullopt;
  return Value{std::vector<std::int64_t>(static_cast<std::size_t>(count), (*number)[0]), false};
}

std::optional<Integers::Value> Integers::combine(const pb::NodeProto& node) const {
  const Value* a = find(node, 0);
  const Value* b = find(node, 1);
  if (node.input_size() != 2 || b == nullptr) return std::nullopt;
  const std::size_t size = std::max(a->numbers.size(), b->numbers.size());
  const auto fits = [&](const Value* value) {
    return value->numbers.size() == size || value->numbers.size() == 1;
  };
  if (!fits(a) || !fits(b)) return std::nullopt;
  Value result{{}, a->scalar && b->scalar};
  for (std::size_t i = 0; i < size; ++i) {
    const auto at = [&](const Value* value) {
      return value->numbers[value->numbers.size() == 1 ? 0 : i];
    };
    const auto number = apply(node.op_type(), at(a), at(b));
    if (!number) return std::nullopt;
    result.numbers.push_back(*number);
  }
  return result;
}

void Integers::replace(pb::NodeProto& node, const Value& value) {
  pb::NodeProto constant;
  constant.set_name(node.name());
  constant.set_op_type("Constant");
  constant.add_output(node.output(0));
  pb::AttributeProto& attribute = *constant.add_attribute();
  attribute.set_name("value");
  attribute.set_type(pb::AttributeProto::TENSOR);
  attribute.mutable_t()->set_data_type(pb::TensorProto::INT64);
  if (!value.scalar)
    attribute.mutable_t()->add_dims(static_cast<std::int64_t>(value.numbers.size()));
  for (const std::int64_t number : value.numbers) attribute.mutable_t()->add_int64_data(number);
  node = std::move(constant);
}

}  // namespace cleave::onnx
