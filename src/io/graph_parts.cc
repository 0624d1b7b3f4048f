#include "io/graph_parts.h"

#include <fmt/format.h>

#include <utility>

#include "io/text.h"

namespace cleave::io {

PlaceOf places_in(const Document& document, std::vector<Value> operators,
                  std::vector<Value> tensors) {
  return [&document, operators = std::move(operators),
          tensors = std::move(tensors)](const model::GraphFault& fault) {
    switch (fault.part) {
      case model::GraphFault::Part::op:
        return operators[fault.index].place();
      case model::GraphFault::Part::tensor:
        return tensors[fault.index].place();
      case model::GraphFault::Part::graph:
        break;
    }
    return document.root().place();
  };
}

base::Result<std::shared_ptr<const model::Graph>> build_graph(model::GraphBuilder builder,
                                                              const PlaceOf& place_of) {
  constexpr std::size_t kShownBytes = 1000;
  model::GraphFault fault;
  auto graph = std::move(builder).build(fault);
  if (!graph) return base::bad_input(escaped(fault.message, kShownBytes), place_of(fault));
  return std::make_shared<const model::Graph>(*std::move(graph));
}

void OperatorIndex::reserve(const Value& operators) {
  // Half full, because lookups in a large table cost what they visit.
  known_.reserve(2 * operators.elements().count());
}

void OperatorIndex::add(Reader& in, const Value& id) {
  if (in.failed()) return;
  const auto [entry, added] =
      known_.try_emplace(id.text(), std::pair(base::OperatorId(known_.size()), id));
  if (added) return;
  in.fail(id, fmt::format("the operator id {} is used already, at {}", in_quotes(id.text()),
                          entry->second.second.place()));
}

base::OperatorId OperatorIndex::find(Reader& in, const Value& id) const {
  if (!in.expect(id, id_kind_)) return {};
  const auto entry = known_.find(id.text());
  if (entry != known_.end()) return entry->second.first;
  in.fail(id, fmt::format("no operator has the id {}", in_quotes(id.text())));
  return {};
}

std::vector<Edge> read_edges(Reader& in, const Value& root, const OperatorIndex& operators,
                             std::string_view cost) {
  std::vector<Edge> edges;
  for (const Value value : in.elements(in.required(root, "edges"))) {
    const Value source = in.required(value, "sourceId");
    const Edge edge{operators.find(in, source), operators.find(in, in.required(value, "destId")),
                    in.required(value, cost)};
    if (!in.failed() && edge.source == edge.destination) {
      in.fail(value, fmt::format("the edge leads from operator {} to itself", source.text()));
    }
    if (in.failed()) return {};
    edges.push_back(edge);
  }
  return edges;
}

}  // namespace cleave::io
