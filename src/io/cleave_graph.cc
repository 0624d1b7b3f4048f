#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cleave/io/io.h"
#include "io/graph_parts.h"
#include "io/json_writer.h"
#include "io/machine.h"
#include "io/text.h"

namespace cleave::io {
namespace {

using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::OperatorSpec;
using model::Phase;
using model::TensorSpec;
using Layout = JsonWriter::Layout;

Phase read_phase(Reader& in, const Value& value) {
  const std::string text = in.string(value);
  if (text == "backward") return Phase::backward;
  if (text != "forward" && !in.failed()) {
    in.fail(value, fmt::format("{} is not a phase; it is forward or backward", value.describe()));
  }
  return Phase::forward;
}

std::vector<std::string> read_columns(Reader& in, const Value& list) {
  constexpr std::size_t kMaxColumns = 256;  // columns are looked up one by one
  std::vector<std::string> columns;
  for (const Value column : in.elements(list)) {
    columns.push_back(in.label(column));
    if (columns.size() > kMaxColumns) {
      in.fail(list, fmt::format("there are more than {} time columns", kMaxColumns));
      break;
    }
  }
  return columns;
}

std::vector<std::optional<Duration>> read_times(Reader& in, const Value& times,
                                                const std::vector<std::string>& columns) {
  std::vector<std::optional<Duration>> list(columns.size());
  if (!in.expect(times, Kind::object)) return list;
  for (const auto& [key, value] : times.members()) {
    const auto column = std::find(columns.begin(), columns.end(), key);
    if (column == columns.end()) {
      in.fail(value, fmt::format("{} is not among the time_columns of this file", in_quotes(key)));
    } else if (value.kind() != Kind::null) {
      list[static_cast<std::size_t>(column - columns.begin())] = in.milliseconds(value);
    }
  }
  return list;
}

OperatorSpec read_operator(Reader& in, const Value& value, const std::vector<std::string>& columns,
                           OperatorIndex& operators) {
  in.only(value, {"id", "name", "phase", "memory_bytes", "weight_bytes", "stash_bytes", "times_ms",
                  "group"});
  OperatorSpec spec;
  const Value id = in.required(value, "id");
  spec.id = in.label(id);
  operators.add(in, id);
  if (const auto name = in.optional(value, "name")) spec.name = in.string(*name);
  if (const auto phase = in.optional(value, "phase")) spec.phase = read_phase(in, *phase);
  if (const auto memory = in.optional(value, "memory_bytes")) spec.memory = in.bytes(*memory);
  if (const auto weights = in.optional(value, "weight_bytes")) spec.weights = in.bytes(*weights);
  if (const auto stash = in.optional(value, "stash_bytes")) spec.stash = in.bytes(*stash);
  spec.times = read_times(in, in.required(value, "times_ms"), columns);
  if (const auto group = in.optional(value, "group")) spec.group = in.label(*group);
  return spec;
}

TensorSpec read_tensor(Reader& in, const Value& value, const OperatorIndex& operators) {
  in.only(value, {"producer", "consumers", "bytes", "transfer_ms"});
  TensorSpec spec;
  spec.producer = operators.find(in, in.required(value, "producer"));
  for (const Value consumer : in.elements(in.required(value, "consumers"))) {
    spec.consumers.push_back(operators.find(in, consumer));
    if (!in.failed() && spec.consumers.back() == spec.producer) {
      in.fail(consumer,
              fmt::format("operator {} consumes its own output", in_quotes(consumer.text())));
    }
  }
  if (const auto bytes = in.optional(value, "bytes")) spec.bytes = in.bytes(*bytes);
  if (const auto time = in.optional(value, "transfer_ms")) spec.transfer = in.milliseconds(*time);
  return spec;
}

void write_operator(JsonWriter& out, const Graph& graph, OperatorId op) {
  out.begin_object(Layout::line);
  out.key("id").string(graph.id(op));
  if (graph.name(op) != graph.id(op)) out.key("name").string(graph.name(op));
  if (graph.phase(op) == Phase::backward) out.key("phase").string("backward");
  if (graph.memory(op) > base::Bytes(0)) out.key("memory_bytes").whole(graph.memory(op).count());
  if (graph.weights(op) > base::Bytes(0)) {
    out.key("weight_bytes").whole(graph.weights(op).count());
  }
  if (graph.stash(op) > base::Bytes(0)) out.key("stash_bytes").whole(graph.stash(op).count());
  out.key("times_ms").begin_object();
  for (std::size_t c = 0; c < graph.time_columns().size(); ++c) {
    if (const auto time = graph.time(op, c)) out.key(graph.time_columns()[c]).milliseconds(*time);
  }
  out.end();
  if (const auto group = graph.group(op)) out.key("group").string(graph.group_label(*group));
  out.end();
}

void write_tensor(JsonWriter& out, const Graph& graph, TensorId tensor) {
  out.begin_object(Layout::line);
  out.key("producer").string(graph.id(graph.producer(tensor)));
  out.key("consumers").begin_array();
  for (const OperatorId consumer : graph.consumers(tensor)) out.string(graph.id(consumer));
  out.end();
  if (const auto bytes = graph.bytes(tensor)) out.key("bytes").whole(bytes->count());
  if (const auto time = graph.transfer(tensor)) out.key("transfer_ms").milliseconds(*time);
  out.end();
}

}  // namespace

base::Result<Parsed> read_cleave_graph(const Document& document) {
  Reader in;
  const Value root = document.root();
  in.only(root, {"format", "time_columns", "operators", "tensors", "machine"});
  const std::vector<std::string> columns = read_columns(in, in.required(root, "time_columns"));
  model::GraphBuilder builder(columns);
  OperatorIndex index(Kind::string);
  std::vector<Value> operators;
  const Value operator_list = in.required(root, "operators");
  index.reserve(operator_list);
  for (const Value value : in.elements(operator_list)) {
    OperatorSpec spec = read_operator(in, value, columns, index);
    if (in.failed()) return in.error();
    builder.add_operator(std::move(spec));
    operators.push_back(value);
  }
  std::vector<Value> tensors;
  if (const auto list = in.optional(root, "tensors")) {
    for (const Value value : in.elements(*list)) {
      TensorSpec spec = read_tensor(in, value, index);
      if (in.failed()) return in.error();
      builder.add_tensor(std::move(spec));
      tensors.push_back(value);
    }
  }
  Parsed parsed;
  if (const auto machine = in.optional(root, "machine")) {
    parsed.machine = read_machine(in, *machine);
  }
  if (in.failed()) return in.error();
  auto graph = build_graph(std::move(builder),
                           places_in(document, std::move(operators), std::move(tensors)));
  if (!graph) return graph.error();
  parsed.graph = *std::move(graph);
  return parsed;
}

std::string graph_to_json(const Graph& graph, const std::optional<model::Machine>& machine) {
  JsonWriter out;
  out.begin_object();
  out.key("format").string("cleave.graph/1");
  out.key("time_columns").begin_array(Layout::line);
  for (const std::string& column : graph.time_columns()) out.string(column);
  out.end();
  out.key("operators").begin_array();
  for (std::size_t v = 0; v < graph.num_operators(); ++v) write_operator(out, graph, OperatorId(v));
  out.end();
  out.key("tensors").begin_array();
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) write_tensor(out, graph, TensorId(x));
  out.end();
  if (machine) {
    out.key("machine");
    write_machine(out, *machine);
  }
  out.end();
  return std::move(out).take();
}

}  // namespace cleave::io
