#include <fmt/format.h>

#include <limits>
#include <string>
#include <utility>

#include "cleave/io/io.h"
#include "io/file.h"
#include "io/json_writer.h"
#include "io/parse.h"
#include "io/reader.h"
#include "io/text.h"

namespace cleave::io {
namespace {

using model::Proof;
using model::ProofStep;
using Layout = JsonWriter::Layout;

constexpr std::string_view kFormat = "cleave.proof/1";

template <class Number>
void write_numbers(JsonWriter& out, const std::vector<Number>& numbers) {
  out.begin_array(Layout::line);
  for (const Number number : numbers) out.whole(number);
  out.end();
}

void write_step(JsonWriter& out, const ProofStep& step) {
  out.begin_object();
  write_numbers(out.key("weights"), step.weights);
  write_numbers(out.key("most"), step.most);
  write_numbers(out.key("order"), step.order);
  out.key("together").begin_array();
  for (const auto& groups : step.together) write_numbers(out, groups);
  out.end();
  out.end();
}

std::vector<std::int64_t> read_weights(Reader& in, const Value& list) {
  std::vector<std::int64_t> weights;
  for (const Value value : in.elements(list)) weights.push_back(in.signed_whole(value));
  return weights;
}

std::vector<std::uint32_t> read_groups(Reader& in, const Value& list) {
  std::vector<std::uint32_t> groups;
  for (const Value value : in.elements(list)) {
    groups.push_back(static_cast<std::uint32_t>(in.whole(value, "the number of the group")));
  }
  return groups;
}

ProofStep read_step(Reader& in, const Value& value) {
  in.only(value, {"weights", "most", "order", "together"});
  ProofStep step;
  step.weights = read_weights(in, in.required(value, "weights"));
  step.most = read_weights(in, in.required(value, "most"));
  step.order = read_groups(in, in.required(value, "order"));
  for (const Value groups : in.elements(in.required(value, "together"))) {
    step.together.push_back(read_groups(in, groups));
  }
  return step;
}

Proof read_proof(Reader& in, const Value& value, const GraphFile& graph) {
  in.only(value, {"format", "version", "graph", "lower_bound_ms", "method", "steps"});
  in.format(value, kFormat);
  const Value file = in.required(value, "graph");
  in.only(file, {"file", "checksum"});
  in.string(in.required(file, "file"));
  in.string(in.required(value, "version"));
  const Value checksum = in.required(file, "checksum");
  if (in.expect(checksum, Kind::string) && checksum.text() != graph.checksum) {
    in.fail(checksum, fmt::format("the proof is about a graph with checksum {}, but this graph has "
                                  "{}; give the proof that was written with this plan",
                                  in_quotes(checksum.text()), in_quotes(graph.checksum)));
  }
  Proof proof;
  proof.bound = in.milliseconds(in.required(value, "lower_bound_ms"));
  proof.method = in.label(in.required(value, "method"));
  for (const Value step : in.elements(in.required(value, "steps"))) {
    proof.steps.push_back(read_step(in, step));
    if (in.failed()) break;
  }
  return proof;
}

}  // namespace

std::string proof_to_json(const Proof& proof, const Provenance& provenance) {
  JsonWriter out;
  out.begin_object();
  out.key("format").string(kFormat);
  out.key("version").string(provenance.version);
  out.key("graph").begin_object(Layout::line);
  out.key("file").string(provenance.graph_file);
  out.key("checksum").string(provenance.checksum);
  out.end();
  out.key("lower_bound_ms").milliseconds(proof.bound);
  out.key("method").string(proof.method);
  out.key("steps").begin_array();
  for (const ProofStep& step : proof.steps) write_step(out, step);
  out.end();
  out.end();
  return std::move(out).take();
}

base::Result<Proof> parse_proof(std::string_view text, std::string_view name,
                                const GraphFile& graph) {
  if (auto fault = find_unreadable(text, name)) return *std::move(fault);
  const auto document = parse_json(text, name);
  if (!document) return document.error();
  Reader in;
  Proof proof = read_proof(in, (*document)->root(), graph);
  if (in.failed()) return in.error();
  return proof;
}

base::Result<Proof> read_proof(const std::filesystem::path& file, const GraphFile& graph) {
  const auto text = read_text(file);
  if (!text) return text.error();
  return parse_proof(*text, file.string(), graph);
}

}  // namespace cleave::io
