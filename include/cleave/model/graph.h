#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/result.h"
#include "cleave/base/units.h"

namespace cleave::model {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::GroupId;
using base::KindId;
using base::OperatorId;
using base::TensorId;

enum class Phase : std::uint8_t { forward, backward };

/// One operator as a reader hands it over.
struct OperatorSpec {
  std::string id;    ///< unique in the graph; plans name operators by it
  std::string name;  ///< for people; may be empty or repeated
  Phase phase = Phase::forward;
  Bytes memory;                                ///< resident bytes, ≥ 0
  std::vector<std::optional<Duration>> times;  ///< [time columns]; nullopt: unsupported there
  std::optional<std::string> group;            ///< operators with equal labels share a device
  Bytes weights{};  ///< the part of `memory` that training updates, in [0, memory]
  Bytes stash{};    ///< kept for each micro-batch in flight, until its backward pass, ≥ 0
};

/// One tensor as a reader hands it over. It is moved at most once into a device and at most once
/// out of its producer's device, however many consumers it has.
struct TensorSpec {
  OperatorId producer;
  std::vector<OperatorId> consumers;  ///< repeated consumers count once; may be empty
  std::optional<Bytes> bytes;         ///< priced by the link of a device class
  std::optional<Duration> transfer;   ///< given time, used where the class describes no link
};

/// What is wrong with a graph, by position, so that a reader can say where in the file.
struct GraphFault {
  enum class Part { graph, op, tensor } part = Part::graph;
  std::size_t index = 0;  ///< of the operator or tensor, in the order of adding
  std::string message;
};

/// A model as a directed acyclic graph of operators and the tensors between them.
/// Immutable; validated by GraphBuilder; safe to read from any thread.
///
/// Invariants: operator ids are unique; at least one operator; acyclic; no tensor is consumed by
/// its producer; times, sizes and memory are ≥ 0; the sum of all of any of them is at most
/// kMaxDuration / Bytes::max().
class Graph {
 public:
  [[nodiscard]] std::size_t num_operators() const { return ids_.size(); }
  [[nodiscard]] std::size_t num_tensors() const { return producers_.size(); }
  [[nodiscard]] std::size_t num_groups() const { return group_labels_.size(); }
  /// Number of (producer, consumer) pairs over all tensors.
  [[nodiscard]] std::size_t num_edges() const { return consumers_.size(); }

  /// Names of the columns of operator times, such as "cpu" and "accelerator".
  [[nodiscard]] const std::vector<std::string>& time_columns() const { return time_columns_; }
  [[nodiscard]] std::optional<std::size_t> find_time_column(std::string_view name) const;

  [[nodiscard]] const std::string& id(OperatorId op) const { return ids_[op.index()]; }
  /// The name for people: the given name, or the id where there is none.
  [[nodiscard]] const std::string& name(OperatorId op) const {
    return names_[op.index()].empty() ? ids_[op.index()] : names_[op.index()];
  }
  [[nodiscard]] std::optional<OperatorId> find(std::string_view id) const;
  [[nodiscard]] Phase phase(OperatorId op) const { return phases_[op.index()]; }
  [[nodiscard]] bool has_backward() const { return has_backward_; }
  [[nodiscard]] Bytes memory(OperatorId op) const { return memory_[op.index()]; }
  /// The part of memory() that training updates: what replicas synchronise once a batch, and what
  /// another version of the weights takes.
  [[nodiscard]] Bytes weights(OperatorId op) const { return weights_[op.index()]; }
  /// Bytes kept for each micro-batch in flight, from the operator's run to the micro-batch's
  /// backward pass; not part of memory().
  [[nodiscard]] Bytes stash(OperatorId op) const { return stashes_[op.index()]; }
  /// nullopt: the operator cannot run there.
  [[nodiscard]] std::optional<Duration> time(OperatorId op, std::size_t column) const {
    const Duration t = times_[op.index() * time_columns_.size() + column];
    return t < Duration::zero() ? std::nullopt : std::optional<Duration>(t);
  }
  /// The colocation group, where the operator is in one.
  [[nodiscard]] std::optional<GroupId> group(OperatorId op) const {
    const GroupId group = groups_[op.index()];
    return group.valid() ? std::optional<GroupId>(group) : std::nullopt;
  }
  [[nodiscard]] const std::string& group_label(GroupId group) const {
    return group_labels_[group.index()];
  }
  [[nodiscard]] std::span<const OperatorId> members(GroupId group) const {
    return slice(group_members_, group_offsets_, group.index());
  }

  [[nodiscard]] OperatorId producer(TensorId tensor) const { return producers_[tensor.index()]; }
  /// Distinct consumers, ascending; never contains the producer.
  [[nodiscard]] std::span<const OperatorId> consumers(TensorId tensor) const {
    return slice(consumers_, consumer_offsets_, tensor.index());
  }
  [[nodiscard]] std::optional<Bytes> bytes(TensorId tensor) const {
    const Bytes b = tensor_bytes_[tensor.index()];
    return b.count() < 0 ? std::nullopt : std::optional<Bytes>(b);
  }
  [[nodiscard]] std::optional<Duration> transfer(TensorId tensor) const {
    const Duration t = transfers_[tensor.index()];
    return t < Duration::zero() ? std::nullopt : std::optional<Duration>(t);
  }
  /// Tensors that the operator consumes, ascending.
  [[nodiscard]] std::span<const TensorId> inputs(OperatorId op) const {
    return slice(inputs_, input_offsets_, op.index());
  }
  /// Tensors that the operator produces, ascending.
  [[nodiscard]] std::span<const TensorId> outputs(OperatorId op) const {
    return slice(outputs_, output_offsets_, op.index());
  }
  /// All operators, producers before consumers; among the ready ones, the smallest id first.
  [[nodiscard]] std::span<const OperatorId> topological_order() const { return order_; }

 private:
  friend class GraphBuilder;
  Graph() = default;

  template <class T>
  static std::span<const T> slice(const std::vector<T>& data,
                                  const std::vector<std::uint32_t>& offsets, std::size_t i) {
    return std::span<const T>(data).subspan(offsets[i], offsets[i + 1] - offsets[i]);
  }

  std::vector<std::string> time_columns_;
  std::vector<std::string> ids_, names_;
  std::vector<Phase> phases_;
  bool has_backward_ = false;
  std::vector<Bytes> memory_, weights_, stashes_;
  std::vector<Duration> times_;  // [operators × columns]; negative: unsupported
  std::vector<GroupId> groups_;
  std::vector<std::string> group_labels_;
  std::vector<OperatorId> group_members_;
  std::vector<std::uint32_t> group_offsets_{0};
  std::vector<OperatorId> producers_;
  std::vector<OperatorId> consumers_;
  std::vector<std::uint32_t> consumer_offsets_{0};
  std::vector<Bytes> tensor_bytes_;  // negative: not given
  std::vector<Duration> transfers_;  // negative: not given
  std::vector<TensorId> inputs_, outputs_;
  std::vector<std::uint32_t> input_offsets_{0}, output_offsets_{0};
  std::vector<OperatorId> order_;
  std::vector<OperatorId> by_id_;  // operators sorted by id, for find()
};

/// Builds a Graph. Use once: build() consumes what was added.
class GraphBuilder {
 public:
  /// `time_columns` are distinct and not empty.
  explicit GraphBuilder(std::vector<std::string> time_columns);

  /// Ids are given in the order of adding: 0, 1, 2, …
  OperatorId add_operator(OperatorSpec spec);
  TensorId add_tensor(TensorSpec spec);
  void reserve(std::size_t operators, std::size_t tensors);

  /// The graph; or the first fault found. A cycle is reported with the operators on it.
  /// O(operators + edges) plus sorting the ids.
  [[nodiscard]] std::optional<Graph> build(GraphFault& fault) &&;
  /// The same with the fault as an error: "operator 'x': …".
  [[nodiscard]] base::Result<Graph> build() &&;

 private:
  class Assembly;
  std::vector<std::string> time_columns_;
  std::vector<OperatorSpec> operators_;
  std::vector<TensorSpec> tensors_;
};

}  // namespace cleave::model
