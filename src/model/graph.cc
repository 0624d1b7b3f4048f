#include "cleave/model/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>

namespace cleave::model {

std::optional<std::size_t> Graph::find_time_column(std::string_view name) const {
  const auto it = std::find(time_columns_.begin(), time_columns_.end(), name);
  if (it == time_columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(it - time_columns_.begin());
}

std::optional<OperatorId> Graph::find(std::string_view id) const {
  const auto it =
      std::lower_bound(by_id_.begin(), by_id_.end(), id,
                       [&](OperatorId op, std::string_view key) { return ids_[op.index()] < key; });
  if (it == by_id_.end() || ids_[it->index()] != id) return std::nullopt;
  return *it;
}

GraphBuilder::GraphBuilder(std::vector<std::string> time_columns)
    : time_columns_(std::move(time_columns)) {}

OperatorId GraphBuilder::add_operator(OperatorSpec spec) {
  operators_.push_back(std::move(spec));
  return OperatorId(operators_.size() - 1);
}

TensorId GraphBuilder::add_tensor(TensorSpec spec) {
  tensors_.push_back(std::move(spec));
  return TensorId(tensors_.size() - 1);
}

void GraphBuilder::reserve(std::size_t operators, std::size_t tensors) {
  operators_.reserve(operators);
  tensors_.reserve(tensors);
}

namespace {

// Loads add compute, in and out, and each of these must leave room for the other two.
constexpr std::int64_t kMaxTotalTime = base::kMaxDuration.count() / 4;

// A list of lists in two arrays, filled by counting: `count(i)` first, then `put(i, value)`.
template <class T>
class Buckets {
 public:
  explicit Buckets(std::size_t n) : offsets(n + 1, 0), next_(n, 0) {}
  void count(std::size_t i) { ++offsets[i + 1]; }
  void allocate() {
    for (std::size_t i = 1; i < offsets.size(); ++i) offsets[i] += offsets[i - 1];
    std::copy(offsets.begin(), offsets.end() - 1, next_.begin());
    data.resize(offsets.back());
  }
  void put(std::size_t i, T value) { data[next_[i]++] = value; }

  std::vector<std::uint32_t> offsets;
  std::vector<T> data;

 private:
  std::vector<std::uint32_t> next_;
};

bool add_within(std::int64_t& sum, std::int64_t value, std::int64_t limit) {
  if (value > limit - sum) return false;
  sum += value;
  return true;
}

// The operators on one cycle, in order, from those whose inputs never all came.
std::vector<OperatorId> find_cycle(const Graph& graph, const std::vector<std::uint32_t>& waiting) {
  const auto stuck = [&](OperatorId op) { return waiting[op.index()] > 0; };
  OperatorId at(0);
  while (!stuck(at)) at = OperatorId(at.index() + 1);
  // Each that is stuck has a producer that is stuck: go back until one repeats.
  std::vector<std::uint32_t> step(graph.num_operators(), 0);  // 1, 2, ...; 0: not walked over
  std::vector<OperatorId> walk;
  while (step[at.index()] == 0) {
    walk.push_back(at);
    step[at.index()] = static_cast<std::uint32_t>(walk.size());
    const auto inputs = graph.inputs(at);
    const auto late = std::find_if(inputs.begin(), inputs.end(),
                                   [&](TensorId tensor) { return stuck(graph.producer(tensor)); });
    at = graph.producer(*late);
  }
  std::vector<OperatorId> cycle(walk.begin() + (step[at.index()] - 1), walk.end());
  std::reverse(cycle.begin(), cycle.end());
  return cycle;
}

std::string describe_cycle(const Graph& graph, const std::vector<std::uint32_t>& waiting) {
  constexpr std::size_t kShown = 8;
  const std::vector<OperatorId> cycle = find_cycle(graph, waiting);
  std::string text;
  for (std::size_t i = 0; i < std::min(cycle.size(), kShown); ++i) {
    text += fmt::format("'{}' -> ", graph.id(cycle[i]));
  }
  if (cycle.size() > kShown) text += fmt::format("({} more) -> ", cycle.size() - kShown);
  return text + fmt::format("'{}'", graph.id(cycle.front()));
}

constexpr std::size_t kMaxIds = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t kMaxEdges = std::numeric_limits<std::int32_t>::max();

}  // namespace

// Turns what was added into a graph, part by part. Each step returns false at the first fault.
class GraphBuilder::Assembly {
 public:
  Assembly(GraphBuilder& parts, GraphFault& fault)
      : operators_(parts.operators_), tensors_(parts.tensors_), fault_(fault) {
    graph_.time_columns_ = std::move(parts.time_columns_);
  }

  std::optional<Graph> run() {
    if (!check_columns() || !add_operators() || !index_ids() || !add_tensors()) return std::nullopt;
    collect_groups();
    connect();
    if (!sort_topologically()) return std::nullopt;
    return std::move(graph_);
  }

 private:
  using Part = GraphFault::Part;

  bool fail(Part part, std::size_t index, std::string message) {
    fault_ = GraphFault{part, index, std::move(message)};
    return false;
  }

  bool check_columns() {
    const auto& columns = graph_.time_columns_;
    if (operators_.empty()) return fail(Part::graph, 0, "the graph has no operators");
    if (columns.empty()) return fail(Part::graph, 0, "the graph names no time columns");
    if (std::max(operators_.size(), tensors_.size()) > kMaxIds) {
      return fail(Part::graph, 0, "more than 2^31 - 1 operators or tensors");
    }
    for (auto it = columns.begin(); it != columns.end(); ++it) {
      if (std::find(columns.begin(), it, *it) != it) {
        return fail(Part::graph, 0, fmt::format("time column '{}' is named twice", *it));
      }
    }
    return true;
  }

  bool add_operators() {
    const std::size_t n = operators_.size();
    graph_.ids_.reserve(n);
    graph_.names_.reserve(n);
    graph_.phases_.reserve(n);
    graph_.memory_.reserve(n);
    graph_.weights_.reserve(n);
    graph_.stashes_.reserve(n);
    graph_.times_.reserve(n * graph_.time_columns_.size());
    graph_.groups_.reserve(n);
    total_time_.assign(graph_.time_columns_.size(), 0);
    for (std::size_t v = 0; v < n; ++v) {
      if (!add_operator(v)) return false;
    }
    return true;
  }

  bool add_operator(std::size_t v) {
    OperatorSpec& spec = operators_[v];
    if (spec.id.empty()) return fail(Part::op, v, "the operator has an empty id");
    if (spec.memory < Bytes(0)) {
      return fail(
          Part::op, v,
          fmt::format("operator '{}' has negative memory {}", spec.id, spec.memory.count()));
    }
    if (!add_within(total_memory_, spec.memory.count(), Bytes::max().count())) {
      return fail(Part::op, v,
                  fmt::format("the memory of all operators together overflows at '{}'", spec.id));
    }
    if (!add_training(v) || !add_times(v)) return false;
    graph_.groups_.push_back(spec.group ? group_labelled(*spec.group) : GroupId());
    graph_.phases_.push_back(spec.phase);
    graph_.has_backward_ = graph_.has_backward_ || spec.phase == Phase::backward;
    graph_.memory_.push_back(spec.memory);
    graph_.weights_.push_back(spec.weights);
    graph_.stashes_.push_back(spec.stash);
    graph_.ids_.push_back(std::move(spec.id));
    graph_.names_.push_back(std::move(spec.name));
    return true;
  }

  bool add_training(std::size_t v) {
    const OperatorSpec& spec = operators_[v];
    if (spec.weights < Bytes(0) || spec.weights > spec.memory) {
      return fail(Part::op, v,
                  fmt::format("operator '{}' has {} bytes of weights; they are part of its memory, "
                              "so 0 to {}",
                              spec.id, spec.weights.count(), spec.memory.count()));
    }
    if (spec.stash < Bytes(0)) {
      return fail(
          Part::op, v,
          fmt::format("operator '{}' has a negative stash {}", spec.id, spec.stash.count()));
    }
    if (!add_within(total_stash_, spec.stash.count(), Bytes::max().count())) {
      return fail(Part::op, v,
                  fmt::format("the stash of all operators together overflows at '{}'", spec.id));
    }
    return true;
  }

  bool add_times(std::size_t v) {
    const OperatorSpec& spec = operators_[v];
    const std::size_t columns = graph_.time_columns_.size();
    if (spec.times.size() != columns) {
      return fail(Part::op, v,
                  fmt::format("operator '{}' has {} times for {} columns", spec.id,
                              spec.times.size(), columns));
    }
    bool supported = false;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::optional<Duration> time = spec.times[c];
      graph_.times_.push_back(time.value_or(Duration(-1)));
      if (!time) continue;
      supported = true;
      if (*time < Duration::zero()) {
        return fail(Part::op, v,
                    fmt::format("operator '{}' has a negative time on '{}'", spec.id,
                                graph_.time_columns_[c]));
      }
      if (!add_within(total_time_[c], time->count(), kMaxTotalTime)) {
        return fail(Part::op, v,
                    fmt::format("the times of all operators on '{}' together overflow at '{}'",
                                graph_.time_columns_[c], spec.id));
      }
    }
    if (supported) return true;
    return fail(Part::op, v, fmt::format("operator '{}' is supported by no device class", spec.id));
  }

  GroupId group_labelled(const std::string& label) {
    const auto [it, inserted] =
        group_of_label_.try_emplace(label, GroupId(graph_.group_labels_.size()));
    if (inserted) graph_.group_labels_.push_back(label);
    return it->second;
  }

  bool index_ids() {
    auto& by_id = graph_.by_id_;
    by_id.resize(graph_.num_operators());
    for (std::size_t v = 0; v < by_id.size(); ++v) by_id[v] = OperatorId(v);
    std::sort(by_id.begin(), by_id.end(), [&](OperatorId a, OperatorId b) {
      const int order = graph_.id(a).compare(graph_.id(b));
      return order != 0 ? order < 0 : a < b;
    });
    const auto twice = std::adjacent_find(
        by_id.begin(), by_id.end(),
        [&](OperatorId a, OperatorId b) { return graph_.id(a) == graph_.id(b); });
    if (twice == by_id.end()) return true;
    const OperatorId second = *(twice + 1);
    return fail(Part::op, second.index(),
                fmt::format("operator id '{}' is used twice", graph_.id(second)));
  }

  bool add_tensors() {
    graph_.producers_.reserve(tensors_.size());
    graph_.tensor_bytes_.reserve(tensors_.size());
    graph_.transfers_.reserve(tensors_.size());
    graph_.consumer_offsets_.reserve(tensors_.size() + 1);
    for (std::size_t x = 0; x < tensors_.size(); ++x) {
      if (!add_tensor(x) || !add_consumers(x)) return false;
    }
    return true;
  }

  [[nodiscard]] bool known(OperatorId op) const {
    return op.valid() && op.index() < graph_.num_operators();
  }

  bool add_tensor(std::size_t x) {
    const TensorSpec& spec = tensors_[x];
    if (!known(spec.producer)) {
      return fail(Part::tensor, x, "the tensor's producer is not an operator of the graph");
    }
    const std::string& id = graph_.id(spec.producer);
    if (spec.bytes && *spec.bytes < Bytes(0)) {
      return fail(
          Part::tensor, x,
          fmt::format("a tensor of operator '{}' has a negative size {}", id, spec.bytes->count()));
    }
    if (spec.transfer && *spec.transfer < Duration::zero()) {
      return fail(Part::tensor, x,
                  fmt::format("a tensor of operator '{}' has a negative transfer time", id));
    }
    if ((spec.bytes && !add_within(total_bytes_, spec.bytes->count(), Bytes::max().count())) ||
        (spec.transfer && !add_within(total_transfer_, spec.transfer->count(), kMaxTotalTime))) {
      return fail(Part::tensor, x,
                  fmt::format("the sizes or transfer times of all tensors together overflow at a "
                              "tensor of operator '{}'",
                              id));
    }
    graph_.producers_.push_back(spec.producer);
    graph_.tensor_bytes_.push_back(spec.bytes.value_or(Bytes(-1)));
    graph_.transfers_.push_back(spec.transfer.value_or(Duration(-1)));
    return true;
  }

  bool add_consumers(std::size_t x) {
    TensorSpec& spec = tensors_[x];
    std::sort(spec.consumers.begin(), spec.consumers.end());
    const auto end = std::unique(spec.consumers.begin(), spec.consumers.end());
    spec.consumers.erase(end, spec.consumers.end());
    for (const OperatorId consumer : spec.consumers) {
      const std::string& id = graph_.id(spec.producer);
      if (!known(consumer)) {
        return fail(Part::tensor, x,
                    fmt::format("a consumer of a tensor of operator '{}' is not an operator of the "
                                "graph",
                                id));
      }
      if (consumer == spec.producer) {
        return fail(Part::tensor, x, fmt::format("operator '{}' consumes its own output", id));
      }
    }
    graph_.consumers_.insert(graph_.consumers_.end(), spec.consumers.begin(), spec.consumers.end());
    if (graph_.consumers_.size() > kMaxEdges) {
      return fail(Part::graph, 0, "more than 2^31 - 1 edges");
    }
    graph_.consumer_offsets_.push_back(static_cast<std::uint32_t>(graph_.consumers_.size()));
    return true;
  }

  void collect_groups() {
    Buckets<OperatorId> members(graph_.group_labels_.size());
    for (const GroupId group : graph_.groups_) {
      if (group.valid()) members.count(group.index());
    }
    members.allocate();
    for (std::size_t v = 0; v < graph_.num_operators(); ++v) {
      const GroupId group = graph_.groups_[v];
      if (group.valid()) members.put(group.index(), OperatorId(v));
    }
    graph_.group_members_ = std::move(members.data);
    graph_.group_offsets_ = std::move(members.offsets);
  }

  void connect() {
    Buckets<TensorId> inputs(graph_.num_operators());
    Buckets<TensorId> outputs(graph_.num_operators());
    for (const OperatorId consumer : graph_.consumers_) inputs.count(consumer.index());
    for (const OperatorId producer : graph_.producers_) outputs.count(producer.index());
    inputs.allocate();
    outputs.allocate();
    for (std::size_t x = 0; x < graph_.num_tensors(); ++x) {
      const TensorId tensor(x);
      outputs.put(graph_.producer(tensor).index(), tensor);
      for (const OperatorId consumer : graph_.consumers(tensor)) {
        inputs.put(consumer.index(), tensor);
      }
    }
    graph_.inputs_ = std::move(inputs.data);
    graph_.input_offsets_ = std::move(inputs.offsets);
    graph_.outputs_ = std::move(outputs.data);
    graph_.output_offsets_ = std::move(outputs.offsets);
  }

  bool sort_topologically() {
    const std::size_t n = graph_.num_operators();
    std::vector<std::uint32_t> waiting(n);  // inputs that are not there yet
    std::priority_queue<OperatorId, std::vector<OperatorId>, std::greater<>> ready;
    for (std::size_t v = 0; v < n; ++v) {
      waiting[v] = static_cast<std::uint32_t>(graph_.inputs(OperatorId(v)).size());
      if (waiting[v] == 0) ready.push(OperatorId(v));
    }
    graph_.order_.reserve(n);
    while (!ready.empty()) {
      const OperatorId op = ready.top();
      ready.pop();
      graph_.order_.push_back(op);
      for (const TensorId tensor : graph_.outputs(op)) {
        for (const OperatorId consumer : graph_.consumers(tensor)) {
          if (--waiting[consumer.index()] == 0) ready.push(consumer);
        }
      }
    }
    if (graph_.order_.size() == n) return true;
    return fail(Part::graph, 0, "the graph has a cycle: " + describe_cycle(graph_, waiting));
  }

  std::vector<OperatorSpec>& operators_;
  std::vector<TensorSpec>& tensors_;
  GraphFault& fault_;
  Graph graph_;
  std::int64_t total_memory_ = 0;
  std::int64_t total_stash_ = 0;
  std::int64_t total_bytes_ = 0;
  std::int64_t total_transfer_ = 0;
  std::vector<std::int64_t> total_time_;  // [time columns]
  std::unordered_map<std::string, GroupId> group_of_label_;
};

std::optional<Graph> GraphBuilder::build(GraphFault& fault) && {
  return Assembly(*this, fault).run();
}

base::Result<Graph> GraphBuilder::build() && {
  GraphFault fault;
  std::optional<Graph> graph = std::move(*this).build(fault);
  if (graph) return std::move(*graph);
  return base::bad_input(std::move(fault.message));
}

}  // namespace cleave::model
