#pragma once

#include <unordered_map>
#include <vector>

#include "onnx/proto.h"

namespace cleave::onnx {

/// Works out small integer values that follow from weights and shapes alone: the arithmetic by
/// which exporters compute the target of a Reshape. The library's own inference knows it for the
/// newest versions of a few operators only.
///
/// advance() puts Constant in the place of operators whose value is known by now, so that inference
/// sees it; restore() puts them back.
class Integers {
 public:
  explicit Integers(pb::GraphProto& graph) : graph_(&graph) {}

  /// How many values are newly known since the last call. O(operators).
  int advance();
  void restore();

 private:
  /// A scalar, or a list.
  struct Value {
    std::vector<std::int64_t> numbers;
    bool scalar = false;
  };

  void read_weights();
  void read_types();
  [[nodiscard]] const Value* find(const pb::NodeProto& node, int input) const;
  [[nodiscard]] std::optional<Value> evaluate(const pb::NodeProto& node) const;
  [[nodiscard]] std::optional<Value> shape_of(const pb::NodeProto& node) const;
  [[nodiscard]] std::optional<Value> gather(const pb::NodeProto& node) const;
  [[nodiscard]] std::optional<Value> concatenate(const pb::NodeProto& node) const;
  [[nodiscard]] std::optional<Value> slice(const pb::NodeProto& node) const;
  [[nodiscard]] std::optional<Value> fill(const pb::NodeProto& node) const;
  [[nodiscard]] std::optional<Value> combine(const pb::NodeProto& node) const;
  void replace(pb::NodeProto& node, const Value& value);

  pb::GraphProto* graph_;
  std::unordered_map<std::string, Value> known_;
  std::unordered_map<std::string, const pb::TypeProto*> types_;
  std::unordered_map<int, pb::NodeProto> originals_;  // by position
};

}  // namespace cleave::onnx
