#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "io/graph_parts.h"

namespace cleave::io {
namespace {

using base::OperatorId;
using model::DeviceClass;
using model::OperatorSpec;
using model::TensorSpec;

OperatorSpec read_node(Reader& in, const Value& node, OperatorIndex& operators) {
  OperatorSpec spec;
  const Value id = in.required(node, "id");
  spec.id = in.integer_id(id);
  operators.add(in, id);
  if (const auto name = in.optional(node, "name")) spec.name = in.string(*name);
  if (const auto backward = in.optional(node, "isBackwardNode"); backward && in.flag(*backward)) {
    spec.phase = model::Phase::backward;
  }
  spec.memory = in.bytes(in.required(node, "size"), Rounding::nearest);
  spec.times.resize(2);
  if (in.flag(in.required(node, "supportedOnFpga"))) {
    spec.times[0] = in.milliseconds(in.required(node, "fpgaLatency"));
  }
  spec.times[1] = in.milliseconds(in.required(node, "cpuLatency"));
  if (const auto color = in.optional(node, "colorClass")) spec.group = in.integer_id(*color);
  return spec;
}

std::optional<model::Machine> read_devices_of(Reader& in, const Value& root) {
  DeviceClass accelerator;
  accelerator.name = "accelerator";
  accelerator.count =
      static_cast<int>(in.whole(in.required(root, "maxFPGAs"), "the number of accelerators"));
  accelerator.memory = in.bytes(in.required(root, "maxSizePerFPGA"), Rounding::nearest);
  DeviceClass cpu;
  cpu.name = "cpu";
  cpu.pays_transfers = false;
  cpu.count = static_cast<int>(in.whole(in.required(root, "maxCPUs"), "the number of CPUs"));
  if (in.failed()) return std::nullopt;
  if (accelerator.count == 0 && cpu.count == 0) {
    in.fail(root, "maxFPGAs and maxCPUs are both 0; at least one device is needed");
    return std::nullopt;
  }
  std::vector<DeviceClass> classes;
  if (accelerator.count > 0) classes.push_back(std::move(accelerator));
  if (cpu.count > 0) classes.push_back(std::move(cpu));
  auto machine = model::Machine::create(std::move(classes));
  if (machine) return *std::move(machine);
  in.fail(root, machine.error());
  return std::nullopt;
}

// All edges of one source are one tensor.
struct SourceTensor {
  TensorSpec spec;
  Value cost;  // of the first edge
};

std::vector<SourceTensor> read_tensors(Reader& in, const Value& root,
                                       const OperatorIndex& operators, std::size_t num_operators) {
  std::vector<SourceTensor> tensors;
  std::vector<std::size_t> tensor_of(num_operators, 0);  // 1 + index; 0: none yet
  for (const Edge& edge : read_edges(in, root, operators, "cost")) {
    const base::Duration cost = in.milliseconds(edge.cost);
    std::size_t& at = tensor_of[edge.source.index()];
    if (at == 0) {
      SourceTensor& tensor = tensors.emplace_back();
      tensor.spec.producer = edge.source;
      tensor.spec.transfer = cost;
      tensor.cost = edge.cost;
      at = tensors.size();
    }
    SourceTensor& tensor = tensors[at - 1];
    if (!in.failed() && tensor.spec.transfer != cost) {
      in.fail(edge.cost,
              fmt::format("the cost {} differs from the cost {} at {}, an edge of the same source; "
                          "the edges of one operator carry one tensor, so give them one cost",
                          edge.cost.text(), tensor.cost.text(), tensor.cost.place()));
    }
    if (in.failed()) return {};
    tensor.spec.consumers.push_back(edge.destination);
  }
  return tensors;
}

}  // namespace

base::Result<Parsed> read_paper_graph(const Document& document) {
  Reader in;
  const Value root = document.root();
  Parsed parsed;
  parsed.machine = read_devices_of(in, root);
  model::GraphBuilder builder({"accelerator", "cpu"});
  OperatorIndex index(Kind::number);
  std::vector<Value> nodes;
  for (const Value node : in.elements(in.required(root, "nodes"))) {
    OperatorSpec spec = read_node(in, node, index);
    if (in.failed()) return in.error();
    builder.add_operator(std::move(spec));
    nodes.push_back(node);
  }
  std::vector<Value> costs;
  for (SourceTensor& tensor : read_tensors(in, root, index, nodes.size())) {
    builder.add_tensor(std::move(tensor.spec));
    costs.push_back(tensor.cost);
  }
  if (in.failed()) return in.error();
  auto graph =
      build_graph(std::move(builder), places_in(document, std::move(nodes), std::move(costs)));
  if (!graph) return graph.error();
  parsed.graph = *std::move(graph);
  return parsed;
}

}  // namespace cleave::io
