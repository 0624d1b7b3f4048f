#include "cleave/cost/unit_graph.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace cleave::cost {

using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::KindId;
using base::OperatorId;
using base::TensorId;

namespace {

Partition partition_by_group(const model::Graph& graph) {
  Partition parts;
  std::vector<UnitId> part_of_group(graph.num_groups());
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const auto group = graph.group(OperatorId(v));
    UnitId part = group ? part_of_group[group->index()] : UnitId();
    if (!part.valid()) part = UnitId(parts.count++);
    if (group) part_of_group[group->index()] = part;
    parts.part_of.push_back(part);
  }
  return parts;
}

// Strongly connected components of the arcs, by Tarjan's algorithm without recursion: chains may
// be a million units long.
class ComponentSearch {
 public:
  explicit ComponentSearch(const UnitGraph& units)
      : units_(units), index_(units.size()), low_(units.size()), component_(units.size()) {}

  Partition run() {
    for (std::size_t u = 0; u < units_.size(); ++u) {
      if (index_[u] == 0) visit(UnitId(u));
    }
    return {std::move(component_), components_};
  }

 private:
  struct Frame {
    UnitId unit;
    std::size_t next = 0;  // position among the successors
  };

  void enter(UnitId unit) {
    index_[unit.index()] = low_[unit.index()] = ++visited_;
    open_.push_back(unit);
    frames_.push_back({unit});
  }

  void visit(UnitId root) {
    enter(root);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const UnitId unit = frame.unit;
      const auto successors = units_.successors(unit);
      if (frame.next < successors.size()) {
        const UnitId successor = successors[frame.next++];
        if (index_[successor.index()] == 0) {
          enter(successor);
        } else if (!component_[successor.index()].valid()) {
          lower(unit, index_[successor.index()]);
        }
        continue;
      }
      if (low_[unit.index()] == index_[unit.index()]) close(unit);
      frames_.pop_back();
      if (!frames_.empty()) lower(frames_.back().unit, low_[unit.index()]);
    }
  }

  void lower(UnitId unit, std::size_t index) {
    low_[unit.index()] = std::min(low_[unit.index()], index);
  }

  void close(UnitId root) {
    UnitId unit;
    do {
      unit = open_.back();
      open_.pop_back();
      component_[unit.index()] = UnitId(components_);
    } while (unit != root);
    ++components_;
  }

  const UnitGraph& units_;
  std::vector<std::size_t> index_, low_;  // [units]; 0: not seen
  std::vector<UnitId> component_;         // [units]; invalid: not closed
  std::vector<UnitId> open_;
  std::vector<Frame> frames_;
  std::size_t visited_ = 0;
  std::size_t components_ = 0;
};

}  // namespace

template <class T>
UnitGraph::Rows<T> UnitGraph::Rows<T>::from_pairs(std::vector<std::pair<std::size_t, T>> pairs,
                                                  std::size_t rows) {
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  Rows result;
  result.ends.assign(rows, 0);
  for (const auto& [row, value] : pairs) {
    result.values.push_back(value);
    result.ends[row] = result.values.size();
  }
  for (std::size_t i = 1; i < rows; ++i) {
    result.ends[i] = std::max(result.ends[i], result.ends[i - 1]);
  }
  return result;
}

UnitGraph::UnitGraph(const model::Problem& problem)
    : UnitGraph(problem, partition_by_group(problem.graph())) {}

UnitGraph::UnitGraph(const model::Problem& problem, Partition parts)
    : problem_(problem), unit_of_(std::move(parts.part_of)), memory_(parts.count) {
  assert(unit_of_.size() == problem.graph().num_operators());
  sum_up_operators();
  collect_hyperedges();
  collect_arcs();
}

void UnitGraph::sum_up_operators() {
  const model::Graph& graph = problem_.graph();
  const std::size_t kinds = problem_.num_kinds();
  const std::size_t classes = problem_.machine().num_classes();
  allowed_.assign(size() * kinds, true);
  compute_.assign(size() * classes, {});
  std::vector<std::pair<std::size_t, OperatorId>> members;
  members.reserve(graph.num_operators());
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    const std::size_t unit = unit_of_[v].index();
    members.emplace_back(unit, op);
    memory_[unit] += graph.memory(op);
    for (std::size_t k = 0; k < kinds; ++k) {
      if (!problem_.allowed(op, KindId(k))) allowed_[unit * kinds + k] = false;
    }
    for (std::size_t c = 0; c < classes; ++c) {
      compute_[unit * classes + c][static_cast<std::size_t>(graph.phase(op))] +=
          problem_.time(op, ClassId(c)).value_or(Duration::zero());
    }
  }
  operators_ = Rows<OperatorId>::from_pairs(std::move(members), size());
}

void UnitGraph::collect_hyperedges() {
  const model::Graph& graph = problem_.graph();
  std::vector<std::pair<std::size_t, HyperedgeId>> incidences;
  std::vector<TensorId> pinned_by(size());
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    const OperatorId producer = graph.producer(tensor);
    const std::size_t begin = pins_.values.size();
    const auto pin = [&](UnitId unit) {
      if (std::exchange(pinned_by[unit.index()], tensor) != tensor) pins_.values.push_back(unit);
    };
    pin(unit_of(producer));
    for (const OperatorId consumer : graph.consumers(tensor)) pin(unit_of(consumer));
    if (pins_.values.size() - begin < 2) {
      pins_.values.resize(begin);
      continue;
    }
    const HyperedgeId edge(tensors_.size());
    tensors_.push_back(tensor);
    phases_.push_back(graph.phase(producer));
    pins_.ends.push_back(pins_.values.size());
    for (std::size_t c = 0; c < problem_.machine().num_classes(); ++c) {
      transfers_.push_back(problem_.transfer(tensor, ClassId(c)));
    }
    for (const UnitId unit : pins(edge)) incidences.emplace_back(unit.index(), edge);
  }
  hyperedges_ = Rows<HyperedgeId>::from_pairs(std::move(incidences), size());
}

void UnitGraph::collect_arcs() {
  const model::Graph& graph = problem_.graph();
  // By colocation group, not by unit: fusing units must not change what contiguity means.
  const Partition groups = partition_by_group(graph);
  std::vector<bool> has_forward(groups.count);
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    if (graph.phase(OperatorId(v)) == model::Phase::forward) {
      has_forward[groups.part_of[v].index()] = true;
    }
  }
  const auto is_orphan = [&](OperatorId op) {
    return !has_forward[groups.part_of[op.index()].index()];
  };
  std::vector<std::pair<std::size_t, UnitId>> arcs;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    const UnitId a = unit_of(producer);
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      const UnitId b = unit_of(consumer);
      if (a == b || graph.phase(producer) != graph.phase(consumer)) continue;
      if (graph.phase(producer) == model::Phase::forward) {
        arcs.emplace_back(a.index(), b);
      } else if (is_orphan(producer) || is_orphan(consumer)) {
        arcs.emplace_back(b.index(), a);
      }
    }
  }
  successors_ = Rows<UnitId>::from_pairs(std::move(arcs), size());
}

model::Placement UnitGraph::expand(std::span<const DeviceId> device_of) const {
  assert(device_of.size() == size());
  model::Placement placement;
  placement.reserve(unit_of_.size());
  for (const UnitId unit : unit_of_) placement.push_back(device_of[unit.index()]);
  return placement;
}

UnitGraph coarsen(const UnitGraph& units, const Partition& parts) {
  assert(parts.part_of.size() == units.size());
  Partition of_operators;
  of_operators.count = parts.count;
  for (std::size_t v = 0; v < units.problem().graph().num_operators(); ++v) {
    of_operators.part_of.push_back(parts.part_of[units.unit_of(OperatorId(v)).index()]);
  }
  return UnitGraph(units.problem(), std::move(of_operators));
}

UnitGraph fuse_cycles(const UnitGraph& units) {
  const Partition components = ComponentSearch(units).run();
  return components.count == units.size() ? units : coarsen(units, components);
}

}  // namespace cleave::cost
