#include "onnx/proto.h"

#include <algorithm>
#include <utility>

namespace cleave::onnx {

namespace {

// Attributes are few; `Node` is const or not, and so are the graphs.
template <class Graph, class Attributes>
std::vector<Graph*> graphs_of(Attributes& attributes) {
  std::vector<Graph*> graphs;
  for (auto& attribute : attributes) {
    if constexpr (std::is_const_v<Graph>) {
      if (attribute.has_g()) graphs.push_back(&attribute.g());
      for (const pb::GraphProto& graph : attribute.graphs()) graphs.push_back(&graph);
    } else {
      if (attribute.has_g()) graphs.push_back(attribute.mutable_g());
      for (pb::GraphProto& graph : *attribute.mutable_graphs()) graphs.push_back(&graph);
    }
  }
  return graphs;
}

}  // namespace

std::string normalised_domain(const std::string& domain) {
  return domain == "ai.onnx" ? std::string() : domain;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 100;
  std::string shown;
  for (const char c : text.substr(0, kShown)) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte == 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return fmt::format("'{}{}'", shown, text.size() > kShown ? "..." : "");
}

std::string describe(const pb::NodeProto& node) {
  if (!node.name().empty()) {
    return fmt::format("operator {} ({})", in_quotes(node.name()), node.op_type());
  }
  const auto& outputs = node.output();
  const auto named = std::find_if(outputs.begin(), outputs.end(),
                                  [](const std::string& output) { return !output.empty(); });
  if (named == outputs.end()) return fmt::format("an operator {}", in_quotes(node.op_type()));
  return fmt::format("the operator {} that computes {}", in_quotes(node.op_type()),
                     in_quotes(*named));
}

const pb::AttributeProto* find_attribute(const pb::NodeProto& node, std::string_view name) {
  for (const pb::AttributeProto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

std::optional<model::ElementType> element_type(std::int32_t data_type) {
  using enum model::ElementType;
  switch (data_type) {
    case 1:
      return float32;
    case 2:
      return uint8;
    case 3:
      return int8;
    case 4:
      return uint16;
    case 5:
      return int16;
    case 6:
      return int32;
    case 7:
      return int64;
    case 8:
      return string;
    case 9:
      return boolean;
    case 10:
      return float16;
    case 11:
      return float64;
    case 12:
      return uint32;
    case 13:
      return uint64;
    case 14:
      return complex64;
    case 15:
      return complex128;
    case 16:
      return bfloat16;
    case 17:  // four layouts of eight bits
    case 18:
    case 19:
    case 20:
    case 24:
      return float8;
    case 21:
      return uint4;
    case 22:
      return int4;
    case 23:
      return float4;
    default:
      return std::nullopt;
  }
}

std::optional<base::Bytes> tensor_bytes(model::ElementType type,
                                        const std::vector<std::int64_t>& shape) {
  const std::int64_t limit = base::Bytes::max().count() / 16;  // elements have at most 16 bytes
  std::int64_t elements = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || (size > 0 && elements > limit / size)) return std::nullopt;
    elements *= size;
  }
  const std::int64_t bits = model::bits(type);
  if (bits >= 8) return base::Bytes(elements * (bits / 8));
  const std::int64_t in_a_byte = 8 / bits;
  return base::Bytes((elements + in_a_byte - 1) / in_a_byte);
}

base::Bytes bytes_of(const pb::TensorProto& tensor) {
  return *tensor_bytes(*element_type(tensor.data_type()),
                       {tensor.dims().begin(), tensor.dims().end()});
}

void set_external(pb::TensorProto& tensor, const std::string& location, std::int64_t offset,
                  std::int64_t length) {
  tensor.clear_raw_data();
  tensor.clear_external_data();
  tensor.set_data_location(pb::TensorProto::EXTERNAL);
  const auto add = [&](const char* key, std::string value) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(std::move(value));
  };
  add("location", location);
  add("offset", std::to_string(offset));
  add("length", std::to_string(length));
}

std::vector<const pb::GraphProto*> bodies(const pb::NodeProto& node) {
  return graphs_of<const pb::GraphProto>(node.attribute());
}

std::vector<pb::GraphProto*> bodies(pb::NodeProto& node) {
  return graphs_of<pb::GraphProto>(*node.mutable_attribute());
}

}  // namespace cleave::onnx
