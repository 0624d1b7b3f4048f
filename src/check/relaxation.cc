#include "check/relaxation.h"

#include <algorithm>
#include <map>
#include <utility>

namespace cleave::check {

using base::KindId;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Problem;

namespace {

// Collects edges; those with the same pins become one.
class Edges {
 public:
  void add(std::vector<Part> pins, const std::vector<Amount>& weights) {
    std::sort(pins.begin(), pins.end());
    pins.erase(std::unique(pins.begin(), pins.end()), pins.end());
    if (pins.size() < 2) return;
    auto& sums = sums_[std::move(pins)];
    sums.resize(weights.size(), 0);
    for (std::size_t q = 0; q < weights.size(); ++q) sums[q] += weights[q];
  }
  [[nodiscard]] std::vector<Relaxation::Edge> take() {
    std::vector<Relaxation::Edge> edges;
    for (auto& [pins, weights] : sums_) edges.push_back({pins, std::move(weights)});
    return edges;
  }

 private:
  std::map<std::vector<Part>, std::vector<Amount>> sums_;
};

void add_time(Amount& sum, Amount time) {
  const bool never = sum == Relaxation::kNever || time == Relaxation::kNever;
  sum = never ? Relaxation::kNever : sum + time;
}

std::vector<Relaxation::Edge> find_edges(const Problem& problem, const std::vector<Part>& group_of,
                                         const std::vector<bool>& pays) {
  const Graph& graph = problem.graph();
  Edges edges;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    std::vector<Part> pins{group_of[graph.producer(tensor).index()]};
    for (const OperatorId op : graph.consumers(tensor)) pins.push_back(group_of[op.index()]);
    std::vector<Amount> weights(pays.size(), 0);
    for (std::size_t q = 0; q < pays.size(); ++q) {
      if (!pays[q]) continue;
      weights[q] = problem.transfer(tensor, problem.kind(KindId(q)).device_class).count();
    }
    edges.add(std::move(pins), weights);
  }
  return edges.take();
}

}  // namespace

std::vector<Part> number_groups(const Graph& graph) {
  constexpr Part kUnseen = 0xffffffff;
  std::vector<Part> number(graph.num_groups(), kUnseen), group_of;
  Part next = 0;
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const auto group = graph.group(OperatorId(v));
    if (!group) {
      group_of.push_back(next++);
      continue;
    }
    Part& known = number[group->index()];
    if (known == kUnseen) known = next++;
    group_of.push_back(known);
  }
  return group_of;
}

Relaxation relax(const Problem& problem) {
  const Graph& graph = problem.graph();
  const std::vector<Part> group_of = number_groups(graph);
  Relaxation relaxed;
  relaxed.num_parts = std::size_t{*std::max_element(group_of.begin(), group_of.end())} + 1;
  for (std::size_t q = 0; q < problem.num_kinds(); ++q) {
    const model::Kind& kind = problem.kind(KindId(q));
    const auto memory = problem.memory(kind.device_class);
    relaxed.counts.push_back(static_cast<Amount>(kind.devices.size()));
    relaxed.capacity.push_back(memory ? memory->count() : Relaxation::kUnlimited);
    relaxed.pays.push_back(problem.transfers() == model::Transfers::serial &&
                           problem.machine().device_class(kind.device_class).pays_transfers);
  }
  relaxed.memory.assign(relaxed.num_parts, 0);
  relaxed.times.assign(relaxed.num_parts * relaxed.num_kinds(), 0);
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    relaxed.memory[group_of[v]] += graph.memory(op).count();
    for (std::size_t q = 0; q < relaxed.num_kinds(); ++q) {
      const auto time = problem.time(op, problem.kind(KindId(q)).device_class);
      add_time(relaxed.times[group_of[v] * relaxed.num_kinds() + q],
               time && problem.allowed(op, KindId(q)) ? time->count() : Relaxation::kNever);
    }
  }
  relaxed.edges = find_edges(problem, group_of, relaxed.pays);
  return relaxed;
}

Relaxation join(const Relaxation& relaxation, std::span<const Part> part_of,
                std::size_t num_parts) {
  Relaxation joined;
  joined.num_parts = num_parts;
  joined.counts = relaxation.counts;
  joined.capacity = relaxation.capacity;
  joined.pays = relaxation.pays;
  joined.memory.assign(num_parts, 0);
  joined.times.assign(num_parts * joined.num_kinds(), 0);
  for (Part p = 0; p < relaxation.num_parts; ++p) {
    joined.memory[part_of[p]] += relaxation.memory[p];
    for (std::size_t q = 0; q < joined.num_kinds(); ++q) {
      add_time(joined.times[part_of[p] * joined.num_kinds() + q], relaxation.time(p, q));
    }
  }
  Edges edges;
  for (const Relaxation::Edge& edge : relaxation.edges) {
    std::vector<Part> pins;
    for (const Part pin : edge.pins) pins.push_back(part_of[pin]);
    edges.add(std::move(pins), edge.weights);
  }
  joined.edges = edges.take();
  return joined;
}

}  // namespace cleave::check
