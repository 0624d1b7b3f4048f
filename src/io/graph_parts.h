#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/graph.h"
#include "cleave/model/machine.h"
#include "io/document.h"
#include "io/reader.h"

namespace cleave::io {

/// What a graph file holds.
struct Parsed {
  std::shared_ptr<const model::Graph> graph;
  std::optional<model::Machine> machine;
};

// The formats, one file each. Documents: the root is an object. Errors have places.
[[nodiscard]] base::Result<Parsed> read_cleave_graph(const Document& document);
[[nodiscard]] base::Result<Parsed> read_paper_graph(const Document& document);
[[nodiscard]] base::Result<Parsed> read_piper_graph(const Document& document);
[[nodiscard]] base::Result<Parsed> read_pipedream_graph(std::string_view text,
                                                        std::string_view name);

/// Where the operator or tensor at fault was read from.
using PlaceOf = std::function<std::string(const model::GraphFault&)>;
/// Of a document: the values that operators and tensors were read from, in the order of adding.
[[nodiscard]] PlaceOf places_in(const Document& document, std::vector<Value> operators,
                                std::vector<Value> tensors);
[[nodiscard]] base::Result<std::shared_ptr<const model::Graph>> build_graph(
    model::GraphBuilder builder, const PlaceOf& place_of);

/// Operators by the ids that a document gives them: strings, or numbers as they are written.
class OperatorIndex {
 public:
  explicit OperatorIndex(Kind id_kind) : id_kind_(id_kind) {}

  /// Makes room for as many operators as there are elements.
  void reserve(const Value& operators);
  /// Numbers operators 0, 1, … in the order of adding. A fault where the id is known already.
  void add(Reader& in, const Value& id);
  /// A fault where no operator has the id, or the value is not of the kind of ids.
  base::OperatorId find(Reader& in, const Value& id) const;

 private:
  Kind id_kind_;
  std::unordered_map<std::string_view, std::pair<base::OperatorId, Value>> known_;
};

/// An edge as the paper and Piper write it.
struct Edge {
  base::OperatorId source, destination;
  Value cost;
};
/// `edges` of the root: objects with sourceId, destId and a cost. A fault at an edge from an
/// operator to itself.
[[nodiscard]] std::vector<Edge> read_edges(Reader& in, const Value& root,
                                           const OperatorIndex& operators, std::string_view cost);

}  // namespace cleave::io
