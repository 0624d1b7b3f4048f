#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/decimal.h"
#include "io/graph_parts.h"
#include "io/text.h"

namespace cleave::io {
namespace {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using model::GraphFault;
using model::OperatorSpec;
using model::Phase;
using model::TensorSpec;

constexpr std::string_view kSeparator = " -- ";

// A node line, and what its edges add.
struct Layer {
  std::string id, name;
  Duration forward{0}, backward{0};
  Bytes activation, parameters;
  std::size_t line = 0;
  std::vector<std::size_t> consumers;  // layers, ascending and distinct when the file is read

  [[nodiscard]] std::string backward_id() const { return id + ".backward"; }
};

// The value of `key=` in "key=value, key=value"; a list in brackets is one value.
base::Result<std::string_view> field(std::string_view fields, std::string_view key) {
  const std::string wanted = fmt::format("{}=", key);
  while (!fields.empty()) {
    const std::string_view entry = fields.substr(0, fields.find(','));
    fields.remove_prefix(std::min(entry.size() + 1, fields.size()));
    const std::string_view pair = trimmed(entry);
    if (pair.starts_with(wanted)) return trimmed(pair.substr(wanted.size()));
  }
  return base::bad_input(fmt::format("the field {} is missing", key));
}

base::Result<Duration> time_field(std::string_view fields, std::string_view key) {
  const auto value = field(fields, key);
  return value ? read_milliseconds(*value) : value.error();
}

// A size, or the sum of several: "[1024.0; 64.0]".
base::Result<Bytes> size_field(std::string_view fields, std::string_view key) {
  const auto value = field(fields, key);
  if (!value) return value.error();
  if (!value->starts_with('[')) return read_bytes(*value, Rounding::nearest);
  if (!value->ends_with(']')) {
    return base::bad_input(fmt::format("the list {} does not end in ]", in_quotes(*value)));
  }
  std::string_view list = value->substr(1, value->size() - 2);
  Bytes sum;
  while (!trimmed(list).empty()) {
    const std::string_view entry = list.substr(0, list.find(';'));
    list.remove_prefix(std::min(entry.size() + 1, list.size()));
    const auto size = read_bytes(trimmed(entry), Rounding::nearest);
    if (!size) return size.error();
    if (*size > Bytes::max() - sum) {
      return base::bad_input(fmt::format("the sizes {} together are too large", in_quotes(*value)));
    }
    sum += *size;
  }
  return sum;
}

class Profile {
 public:
  explicit Profile(std::string_view name) : name_(escaped(name, 200)) {}

  base::Status read(std::string_view text) {
    for (std::size_t line = 1; !text.empty(); ++line) {
      const std::string_view whole = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(whole.size() + 1, text.size()));
      if (trimmed(whole).empty()) continue;
      auto status = whole.front() == '\t' || whole.front() == ' ' ? read_edge(trimmed(whole))
                                                                  : read_node(trimmed(whole), line);
      if (!status) return base::bad_input(status.error().message, place(line));
    }
    for (Layer& layer : layers_) {
      std::sort(layer.consumers.begin(), layer.consumers.end());
      layer.consumers.erase(std::unique(layer.consumers.begin(), layer.consumers.end()),
                            layer.consumers.end());
    }
    return std::monostate{};
  }

  base::Result<std::shared_ptr<const model::Graph>> build() const {
    model::GraphBuilder builder({"accelerator"});
    for (const Layer& layer : layers_) {
      builder.add_operator(forward_operator(layer));
      builder.add_operator(backward_operator(layer));
    }
    std::vector<std::size_t> line_of_tensor;
    for (std::size_t at = 0; at < layers_.size(); ++at) {
      for (TensorSpec& tensor : tensors_of(at)) {
        builder.add_tensor(std::move(tensor));
        line_of_tensor.push_back(layers_[at].line);
      }
    }
    return build_graph(std::move(builder), [&](const GraphFault& fault) {
      switch (fault.part) {
        case GraphFault::Part::op:
          return place(layers_[fault.index / 2].line);
        case GraphFault::Part::tensor:
          return place(line_of_tensor[fault.index]);
        case GraphFault::Part::graph:
          break;
      }
      return name_;
    });
  }

 private:
  static OperatorId forward_id(std::size_t layer) { return OperatorId(2 * layer); }
  static OperatorId backward_id(std::size_t layer) { return OperatorId(2 * layer + 1); }

  [[nodiscard]] std::string place(std::size_t line) const {
    return fmt::format("{}, line {}", name_, line);
  }

  base::Status read_node(std::string_view text, std::size_t line) {
    constexpr std::string_view kFields = " -- forward_compute_time=";
    const std::size_t id_end = text.find(kSeparator);
    const std::size_t name_end = text.rfind(kFields);
    if (id_end == std::string_view::npos || name_end == std::string_view::npos) {
      return base::bad_input(
          fmt::format("{} is not a node: expected 'id -- description -- forward_compute_time=..., "
                      "backward_compute_time=..., activation_size=..., parameter_size=...'",
                      in_quotes(text)));
    }
    Layer layer;
    layer.line = line;
    layer.id = text.substr(0, id_end);
    if (auto fault = find_label_fault(layer.backward_id())) return base::bad_input(*fault);
    const std::size_t name_start = std::min(id_end + kSeparator.size(), name_end);
    layer.name = trimmed(text.substr(name_start, name_end - name_start));
    std::string_view fields = text.substr(name_end + kSeparator.size());
    fields = fields.substr(0, fields.find(kSeparator));  // a stage_id may follow

    const auto forward = time_field(fields, "forward_compute_time");
    if (!forward) return forward.error();
    const auto backward = time_field(fields, "backward_compute_time");
    if (!backward) return backward.error();
    const auto activation = size_field(fields, "activation_size");
    if (!activation) return activation.error();
    const auto parameters = size_field(fields, "parameter_size");
    if (!parameters) return parameters.error();
    layer.forward = *forward;
    layer.backward = *backward;
    layer.activation = *activation;
    layer.parameters = *parameters;

    const auto [entry, added] = layer_of_.try_emplace(layer.id, layers_.size());
    if (!added) {
      return base::bad_input(fmt::format("the node {} is described already, at line {}",
                                         in_quotes(layer.id), layers_[entry->second].line));
    }
    layers_.push_back(std::move(layer));
    return std::monostate{};
  }

  base::Status read_edge(std::string_view text) {
    const std::size_t middle = text.find(kSeparator);
    if (middle == std::string_view::npos) {
      return base::bad_input(
          fmt::format("{} is not an edge: expected 'id -- id'", in_quotes(text)));
    }
    const auto source = find(trimmed(text.substr(0, middle)));
    if (!source) return source.error();
    const auto destination = find(trimmed(text.substr(middle + kSeparator.size())));
    if (!destination) return destination.error();
    if (*source == *destination) {
      return base::bad_input(
          fmt::format("the edge leads from node {} to itself", in_quotes(layers_[*source].id)));
    }
    layers_[*source].consumers.push_back(*destination);
    return std::monostate{};
  }

  [[nodiscard]] base::Result<std::size_t> find(std::string_view id) const {
    const auto entry = layer_of_.find(std::string(id));
    if (entry != layer_of_.end()) return entry->second;
    return base::bad_input(fmt::format("no node above has the id {}", in_quotes(id)));
  }

  static OperatorSpec forward_operator(const Layer& layer) {
    OperatorSpec spec;
    spec.id = layer.id;
    spec.name = layer.name;
    spec.memory = layer.parameters;
    spec.times = {layer.forward};
    spec.group = layer.id;
    return spec;
  }
  static OperatorSpec backward_operator(const Layer& layer) {
    OperatorSpec spec;
    spec.id = layer.backward_id();
    spec.name = layer.name;
    spec.phase = Phase::backward;
    spec.times = {layer.backward};
    spec.group = layer.id;
    return spec;
  }

  // The activation and its gradients; without consumers, the turn to the backward pass.
  [[nodiscard]] std::vector<TensorSpec> tensors_of(std::size_t at) const {
    const Layer& layer = layers_[at];
    if (layer.consumers.empty()) return {tensor(forward_id(at), backward_id(at), Bytes(0))};
    std::vector<TensorSpec> tensors(1);
    tensors.front().producer = forward_id(at);
    tensors.front().bytes = layer.activation;
    for (const std::size_t consumer : layer.consumers) {
      tensors.front().consumers.push_back(forward_id(consumer));
      tensors.push_back(tensor(backward_id(consumer), backward_id(at), layer.activation));
    }
    return tensors;
  }
  static TensorSpec tensor(OperatorId producer, OperatorId consumer, Bytes bytes) {
    TensorSpec spec;
    spec.producer = producer;
    spec.consumers = {consumer};
    spec.bytes = bytes;
    return spec;
  }

  std::string name_;
  std::vector<Layer> layers_;
  std::unordered_map<std::string, std::size_t> layer_of_;
};

}  // namespace

base::Result<Parsed> read_pipedream_graph(std::string_view text, std::string_view name) {
  Profile profile(name);
  if (const auto status = profile.read(text); !status) return status.error();
  auto graph = profile.build();
  if (!graph) return graph.error();
  return Parsed{*std::move(graph), std::nullopt};
}

}  // namespace cleave::io
