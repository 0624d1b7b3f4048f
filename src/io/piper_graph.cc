#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "io/graph_parts.h"

namespace cleave::io {
namespace {

using base::Bytes;
using base::OperatorId;
using model::OperatorSpec;
using model::TensorSpec;

// The first alternative for the smallest number of devices.
Value first_alternative(Reader& in, const Value& node) {
  const Value by_devices = in.required(node, "TMPCs");
  if (!in.expect(by_devices, Kind::object)) return {};
  std::optional<Value> alternatives;
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
  for (const auto& [key, value] : by_devices.members()) {
    std::int64_t devices = 0;
    const auto [end, fault] = std::from_chars(key.data(), key.data() + key.size(), devices);
    if (fault != std::errc() || end != key.data() + key.size() || devices < 1) {
      in.fail(value, "a key of TMPCs is a number of devices, at least 1");
      return {};
    }
    if (devices < smallest) {
      smallest = devices;
      alternatives = value;
    }
  }
  if (alternatives && in.expect(*alternatives, Kind::array) && !alternatives->elements().empty()) {
    return *alternatives->elements().begin();
  }
  in.fail(node, "the node has no alternative in TMPCs");
  return {};
}

OperatorSpec read_node(Reader& in, const Value& node, OperatorIndex& operators) {
  OperatorSpec spec;
  const Value id = in.required(node, "id");
  spec.id = in.integer_id(id);
  operators.add(in, id);
  if (const auto name = in.optional(node, "name")) spec.name = in.string(*name);
  const Value alternative = first_alternative(in, node);
  spec.times = {in.milliseconds(in.required(alternative, "timePerSample"))};
  spec.memory = in.bytes(in.required(alternative, "memoryUsageA"), Rounding::nearest) +
                in.bytes(in.required(alternative, "memoryUsageB"), Rounding::nearest);
  return spec;
}

std::optional<model::Machine> read_devices_of(Reader& in, const Value& root) {
  model::DeviceClass accelerator;
  accelerator.name = "accelerator";
  accelerator.count =
      static_cast<int>(in.whole(in.required(root, "maxDevices"), "the number of devices"));
  accelerator.memory = in.bytes(in.required(root, "maxMemoryPerDevice"), Rounding::nearest);
  const Value bandwidth = in.required(root, "bandwidth");
  accelerator.link = model::Link{in.bytes(bandwidth, Rounding::nearest).count(), {}};
  if (in.failed()) return std::nullopt;
  auto machine = model::Machine::create({std::move(accelerator)});
  if (machine) return *std::move(machine);
  in.fail(root, machine.error());
  return std::nullopt;
}

}  // namespace

base::Result<Parsed> read_piper_graph(const Document& document) {
  Reader in;
  const Value root = document.root();
  Parsed parsed;
  parsed.machine = read_devices_of(in, root);
  model::GraphBuilder builder({"accelerator"});
  OperatorIndex index(Kind::number);
  std::vector<Value> nodes;
  for (const Value node : in.elements(in.required(root, "nodes"))) {
    OperatorSpec spec = read_node(in, node, index);
    if (in.failed()) return in.error();
    builder.add_operator(std::move(spec));
    nodes.push_back(node);
  }
  // Edges of one source with one cost carry one tensor.
  std::vector<TensorSpec> tensors;
  std::vector<Value> costs;
  std::map<std::pair<OperatorId, Bytes>, std::size_t> tensor_of;
  for (const Edge& edge : read_edges(in, root, index, "communicationCost")) {
    const Bytes bytes = in.bytes(edge.cost, Rounding::nearest);
    const auto [entry, added] = tensor_of.try_emplace({edge.source, bytes}, tensors.size());
    if (added) {
      TensorSpec& tensor = tensors.emplace_back();
      tensor.producer = edge.source;
      tensor.bytes = bytes;
      costs.push_back(edge.cost);
    }
    tensors[entry->second].consumers.push_back(edge.destination);
  }
  if (in.failed()) return in.error();
  for (TensorSpec& tensor : tensors) builder.add_tensor(std::move(tensor));
  auto graph =
      build_graph(std::move(builder), places_in(document, std::move(nodes), std::move(costs)));
  if (!graph) return graph.error();
  parsed.graph = *std::move(graph);
  return parsed;
}

}  // namespace cleave::io
