#include "cleave/model/graph.h"

#include <fmt/format.h>

#include <algorithm>
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

// Loads add compute, in and out: each may take a third of the range.
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

// The operators on one cycle, in order, from those that never became ready.
std::string describe_cycle(const Graph& graph, const std::vector<std::uint32_t>& waiting) {
  // Walk backwards along producers that are themselves stuck until one repeats.
  std::vector<std::uint32_t> seen(graph.num_operators(), 0);
  std::vector<OperatorId> walk;
  OperatorId at;
  for (std::size_t v = 0; v < graph.num_operators() && !at.valid(); ++v) {
    if (waiting[v] > 0) at = OperatorId(v);
  }
  while (seen[at.index()] == 0) {
    walk.push_back(at);
    seen[at.index()] = static_cast<std::uint32_t>(walk.size());
    for (const TensorId tensor : graph.inputs(at)) {
      const OperatorId producer = graph.producer(tensor);
      if (waiting[producer.index()] > 0) {
        at = producer;
        break;
      }
    }
  }
  std::vector<OperatorId> cycle(walk.begin() + (seen[at.index()] - 1), walk.end());
  std::reverse(cycle.begin(), cycle.end());
  std::string text;
  constexpr std::size_t kShown = 8;
  for (std::size_t i = 0; i < cycle.size() && i < kShown; ++i) {
    text += fmt::format("'{}' -> ", graph.id(cycle[i]));
  }
  if (cycle.size() > kShown) text += fmt::format("({} more) -> ", cycle.size() - kShown);
  return text + fmt::format("'{}'", graph.id(cycle.front()));
}

}  // namespace

std::optional<Graph> GraphBuilder::build(GraphFault& fault) && {
  using Part = GraphFault::Part;
  const auto fail = [&](Part part, std::size_t index, std::string message) {
    fault = GraphFault{part, index, std::move(message)};
    return std::nullopt;
  };
  const std::size_t n = operators_.size();
  const std::size_t columns = time_columns_.size();
  if (n == 0) return fail(Part::graph, 0, "the graph has no operators");
  if (columns == 0) return fail(Part::graph, 0, "the graph names no time columns");
  if (n > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) ||
      tensors_.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return fail(Part::graph, 0, "more than 2^31 - 1 operators or tensors");
  }
  for (std::size_t a = 0; a < columns; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      if (time_columns_[a] == time_columns_[b]) {
        return fail(Part::graph, 0,
                    fmt::format("time column '{}' is named twice", time_columns_[a]));
      }
    }
  }

  Graph graph;
  graph.time_columns_ = std::move(time_columns_);
  graph.ids_.reserve(n);
  graph.names_.reserve(n);
  graph.phases_.reserve(n);
  graph.memory_.reserve(n);
  graph.times_.reserve(n * columns);
  graph.groups_.reserve(n);
  std::int64_t total_memory = 0;
  std::vector<std::int64_t> total_time(columns, 0);
  std::unordered_map<std::string, GroupId> group_of_label;
  for (std::size_t v = 0; v < n; ++v) {
    OperatorSpec& spec = operators_[v];
    if (spec.id.empty()) return fail(Part::op, v, "the operator has an empty id");
    if (spec.times.size() != columns) {
      return fail(Part::op, v,
                  fmt::format("operator '{}' has {} times for {} columns", spec.id,
                              spec.times.size(), columns));
    }
    if (spec.memory < Bytes(0)) {
      return fail(
          Part::op, v,
          fmt::format("operator '{}' has negative memory {}", spec.id, spec.memory.count()));
    }
    if (!add_within(total_memory, spec.memory.count(), Bytes::max().count())) {
      return fail(Part::op, v,
                  fmt::format("the memory of all operators together overflows at '{}'", spec.id));
    }
    bool supported = false;
    for (std::size_t c = 0; c < columns; ++c) {
      if (!spec.times[c]) {
        graph.times_.push_back(Duration(-1));
        continue;
      }
      supported = true;
      if (*spec.times[c] < Duration::zero()) {
        return fail(Part::op, v,
                    fmt::format("operator '{}' has a negative time on '{}'", spec.id,
                                graph.time_columns_[c]));
      }
      if (!add_within(total_time[c], spec.times[c]->count(), kMaxTotalTime)) {
        return fail(Part::op, v,
                    fmt::format("the times of all operators on '{}' together overflow"
                                " at '{}'",
                                graph.time_columns_[c], spec.id));
      }
      graph.times_.push_back(*spec.times[c]);
    }
    if (!supported) {
      return fail(Part::op, v,
                  fmt::format("operator '{}' is supported by no device class", spec.id));
    }
    GroupId group;
    if (spec.group) {
      const auto [it, inserted] =
          group_of_label.try_emplace(*spec.group, GroupId(graph.group_labels_.size()));
      if (inserted) graph.group_labels_.push_back(*spec.group);
      group = it->second;
    }
    graph.groups_.push_back(group);
    graph.phases_.push_back(spec.phase);
    graph.has_backward_ = graph.has_backward_ || spec.phase == Phase::backward;
    graph.memory_.push_back(spec.memory);
    graph.ids_.push_back(std::move(spec.id));
    graph.names_.push_back(std::move(spec.name));
  }
  graph.by_id_.resize(n);
  for (std::size_t v = 0; v < n; ++v) graph.by_id_[v] = OperatorId(v);
  std::sort(graph.by_id_.begin(), graph.by_id_.end(), [&](OperatorId a, OperatorId b) {
    const int order = graph.ids_[a.index()].compare(graph.ids_[b.index()]);
    return order != 0 ? order < 0 : a < b;
  });
  for (std::size_t i = 1; i < n; ++i) {
    if (graph.id(graph.by_id_[i]) == graph.id(graph.by_id_[i - 1])) {
      return fail(Part::op, graph.by_id_[i].index(),
                  fmt::format("operator id '{}' is used twice", graph.id(graph.by_id_[i])));
    }
  }

  Buckets<OperatorId> members(graph.group_labels_.size());
  for (const GroupId group : graph.groups_) {
    if (group.valid()) members.count(group.index());
  }
  members.allocate();
  for (std::size_t v = 0; v < n; ++v) {
    if (graph.groups_[v].valid()) members.put(graph.groups_[v].index(), OperatorId(v));
  }
  graph.group_members_ = std::move(members.data);
  graph.group_offsets_ = std::move(members.offsets);

  const std::size_t m = tensors_.size();
  std::int64_t total_bytes = 0;
  std::int64_t total_transfer = 0;
  graph.producers_.reserve(m);
  graph.consumer_offsets_.reserve(m + 1);
  Buckets<TensorId> inputs(n);
  Buckets<TensorId> outputs(n);
  for (std::size_t x = 0; x < m; ++x) {
    TensorSpec& spec = tensors_[x];
    const auto known = [&](OperatorId op) { return op.valid() && op.index() < n; };
    if (!known(spec.producer)) {
      return fail(Part::tensor, x, "the tensor's producer is not an operator of the graph");
    }
    const std::string& id = graph.id(spec.producer);
    if (spec.bytes && *spec.bytes < Bytes(0)) {
      return fail(
          Part::tensor, x,
          fmt::format("a tensor of operator '{}' has a negative size {}", id, spec.bytes->count()));
    }
    if (spec.transfer && *spec.transfer < Duration::zero()) {
      return fail(Part::tensor, x,
                  fmt::format("a tensor of operator '{}' has a negative transfer time", id));
    }
    if ((spec.bytes && !add_within(total_bytes, spec.bytes->count(), Bytes::max().count())) ||
        (spec.transfer && !add_within(total_transfer, spec.transfer->count(), kMaxTotalTime))) {
      return fail(Part::tensor, x,
                  fmt::format("the sizes or transfer times of all tensors together overflow at a "
                              "tensor of operator '{}'",
                              id));
    }
    std::sort(spec.consumers.begin(), spec.consumers.end());
    spec.consumers.erase(std::unique(spec.consumers.begin(), spec.consumers.end()),
                         spec.consumers.end());
    for (const OperatorId consumer : spec.consumers) {
      if (!known(consumer)) {
        return fail(Part::tensor, x,
                    fmt::format("a consumer of a tensor of operator '{}' is not "
                                "an operator of the graph",
                                id));
      }
      if (consumer == spec.producer) {
        return fail(Part::tensor, x, fmt::format("operator '{}' consumes its own output", id));
      }
      inputs.count(consumer.index());
      graph.consumers_.push_back(consumer);
    }
    if (graph.consumers_.size() > std::numeric_limits<std::uint32_t>::max() / 2) {
      return fail(Part::graph, 0, "more than 2^31 edges");
    }
    outputs.count(spec.producer.index());
    graph.consumer_offsets_.push_back(static_cast<std::uint32_t>(graph.consumers_.size()));
    graph.producers_.push_back(spec.producer);
    graph.tensor_bytes_.push_back(spec.bytes.value_or(Bytes(-1)));
    graph.transfers_.push_back(spec.transfer.value_or(Duration(-1)));
  }
  inputs.allocate();
  outputs.allocate();
  for (std::size_t x = 0; x < m; ++x) {
    outputs.put(graph.producers_[x].index(), TensorId(x));
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      inputs.put(consumer.index(), TensorId(x));
    }
  }
  graph.inputs_ = std::move(inputs.data);
  graph.input_offsets_ = std::move(inputs.offsets);
  graph.outputs_ = std::move(outputs.data);
  graph.output_offsets_ = std::move(outputs.offsets);

  std::vector<std::uint32_t> waiting(n);
  std::priority_queue<OperatorId, std::vector<OperatorId>, std::greater<>> ready;
  for (std::size_t v = 0; v < n; ++v) {
    waiting[v] = static_cast<std::uint32_t>(graph.inputs(OperatorId(v)).size());
    if (waiting[v] == 0) ready.push(OperatorId(v));
  }
  graph.order_.reserve(n);
  while (!ready.empty()) {
    const OperatorId op = ready.top();
    ready.pop();
    graph.order_.push_back(op);
    for (const TensorId tensor : graph.outputs(op)) {
      for (const OperatorId consumer : graph.consumers(tensor)) {
        if (--waiting[consumer.index()] == 0) ready.push(consumer);
      }
    }
  }
  if (graph.order_.size() < n) {
    return fail(Part::graph, 0, "the graph has a cycle: " + describe_cycle(graph, waiting));
  }
  return graph;
}

base::Result<Graph> GraphBuilder::build() && {
  GraphFault fault;
  std::optional<Graph> graph = std::move(*this).build(fault);
  if (graph) return std::move(*graph);
  return base::bad_input(std::move(fault.message));
}

}  // namespace cleave::model
