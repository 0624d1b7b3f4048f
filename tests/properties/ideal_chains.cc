#include "properties/ideal_chains.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace cleave::properties {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::KindId;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;
using model::Problem;
using model::Schedule;

namespace {

using UnitSet = std::uint32_t;

// The largest loads of a chain of stages: forward and backward ones under gpipe, else
// all in `forward`.
struct Maxima {
  Duration forward{0};
  Duration backward{0};
};

struct Chain {
  Maxima maxima;
  model::Placement placement;
};

class Chains {
 public:
  explicit Chains(const Problem& problem) : problem_(problem), graph_(problem.graph()) {
    number_units();
    collect_predecessors();
  }

  std::optional<Chain> best() {
    // Masks grow along a chain, so the map's order visits a state after all that lead to it.
    std::map<State, std::vector<Chain>> reached;
    std::vector<std::size_t> unused(problem_.num_kinds(), 0);
    reached[{0, unused}] = {{{}, model::Placement(graph_.num_operators())}};
    std::optional<Chain> best;
    for (auto at = reached.begin(); at != reached.end(); ++at) {
      const auto& [ideal, used] = at->first;
      if (ideal != all_units()) {
        for (std::size_t k = 0; k < used.size(); ++k)
          extend(at->first, KindId(k), at->second, reached);
        continue;
      }
      for (const Chain& chain : at->second) {
        if (!best || objective(chain) < objective(*best)) best = chain;
      }
    }
    return best;
  }

  static Duration objective(const Chain& chain) {
    return chain.maxima.forward + chain.maxima.backward;
  }

 private:
  // An ideal, and how many devices of each kind hold it.
  using State = std::pair<UnitSet, std::vector<std::size_t>>;

  UnitSet all_units() const { return (UnitSet{1} << units_.size()) - 1; }
  bool holds(UnitSet set, OperatorId op) const { return (set >> unit_of_[op.index()] & 1) != 0; }

  void number_units() {
    unit_of_.resize(graph_.num_operators());
    std::vector<std::size_t> unit_of_group(graph_.num_groups(), graph_.num_operators());
    for (std::size_t v = 0; v < graph_.num_operators(); ++v) {
      const auto group = graph_.group(OperatorId(v));
      std::size_t unit = units_.size();
      if (group) unit = std::min(unit_of_group[group->index()], unit);
      if (group) unit_of_group[group->index()] = unit;
      if (unit == units_.size()) units_.emplace_back();
      units_[unit].emplace_back(v);
      unit_of_[v] = unit;
    }
  }

  bool has_forward_member(std::size_t unit) const {
    return std::any_of(units_[unit].begin(), units_[unit].end(),
                       [&](OperatorId op) { return graph_.phase(op) == Phase::forward; });
  }

  // Units without a forward member take part by forward stand-ins with mirrored edges.
  void collect_predecessors() {
    predecessors_.resize(units_.size(), 0);
    for (std::size_t x = 0; x < graph_.num_tensors(); ++x) {
      const OperatorId producer = graph_.producer(TensorId(x));
      const std::size_t a = unit_of_[producer.index()];
      for (const OperatorId consumer : graph_.consumers(TensorId(x))) {
        const std::size_t b = unit_of_[consumer.index()];
        if (graph_.phase(producer) != graph_.phase(consumer)) continue;
        if (graph_.phase(producer) == Phase::forward) {
          predecessors_[b] |= UnitSet{1} << a;
        } else if (!has_forward_member(a) || !has_forward_member(b)) {
          predecessors_[a] |= UnitSet{1} << b;
        }
      }
    }
  }

  bool is_ideal(UnitSet set) const {
    for (std::size_t u = 0; u < units_.size(); ++u) {
      if ((set >> u & 1) != 0 && (predecessors_[u] & ~set) != 0) return false;
    }
    return true;
  }

  // Appends every possible stage on the next device of the kind to the chains.
  void extend(const State& from, KindId kind, const std::vector<Chain>& chains,
              std::map<State, std::vector<Chain>>& reached) const {
    const auto& devices = problem_.kind(kind).devices;
    State to = from;
    const std::size_t number = to.second[kind.index()]++;
    if (number == devices.size()) return;
    const UnitSet rest = all_units() & ~from.first;
    for (UnitSet stage = rest; stage != 0; stage = (stage - 1) & rest) {
      to.first = from.first | stage;
      if (!is_ideal(to.first) || !may_hold(kind, stage)) continue;
      const Maxima load = load_of(problem_.kind(kind).device_class, stage);
      for (const Chain& chain : chains) {
        insert(reached[to],
               {std::max(chain.maxima.forward, load.forward),
                std::max(chain.maxima.backward, load.backward)},
               chain, stage, devices[number]);
      }
    }
  }

  bool may_hold(KindId kind, UnitSet stage) const {
    Bytes memory;
    for (std::size_t v = 0; v < graph_.num_operators(); ++v) {
      const OperatorId op(v);
      if (!holds(stage, op)) continue;
      if (!problem_.allowed(op, kind)) return false;
      memory += graph_.memory(op);
    }
    const auto limit = problem_.memory(problem_.kind(kind).device_class);
    return !limit || memory <= *limit;
  }

  Maxima load_of(ClassId device_class, UnitSet stage) const {
    const Duration forward = load_of_phases(device_class, stage, {Phase::forward});
    const Duration backward = load_of_phases(device_class, stage, {Phase::backward});
    if (problem_.schedule() == Schedule::gpipe) return {forward, backward};
    return {load_of_phases(device_class, stage, {Phase::forward, Phase::backward}), Duration(0)};
  }

  Duration load_of_phases(ClassId device_class, UnitSet stage,
                          std::initializer_list<Phase> phases) const {
    const auto counts = [&](OperatorId op) {
      return std::find(phases.begin(), phases.end(), graph_.phase(op)) != phases.end();
    };
    Duration compute{0};
    for (std::size_t v = 0; v < graph_.num_operators(); ++v) {
      const OperatorId op(v);
      if (holds(stage, op) && counts(op)) compute += *problem_.time(op, device_class);
    }
    Duration in{0};
    Duration out{0};
    for (std::size_t x = 0; x < graph_.num_tensors(); ++x) {
      const TensorId tensor(x);
      if (!counts(graph_.producer(tensor))) continue;
      const auto consumers = graph_.consumers(tensor);
      const auto inside = static_cast<std::size_t>(
          std::count_if(consumers.begin(), consumers.end(),
                        [&](OperatorId consumer) { return holds(stage, consumer); }));
      const bool produced_inside = holds(stage, graph_.producer(tensor));
      const Duration price = problem_.transfer(tensor, device_class);
      if (!produced_inside && inside > 0) in += price;
      if (produced_inside && inside < consumers.size()) out += price;
    }
    switch (problem_.transfers()) {
      case model::Transfers::serial:
        break;
      case model::Transfers::half_duplex:
        return std::max(in + out, compute);
      case model::Transfers::full_duplex:
        return std::max({in, compute, out});
    }
    return in + compute + out;
  }

  // Adds a chain to those of a state, unless one of them is as good; drops those that are worse.
  void insert(std::vector<Chain>& chains, const Maxima& maxima, const Chain& before, UnitSet stage,
              DeviceId device) const {
    const auto no_worse = [](const Maxima& a, const Maxima& b) {
      return a.forward <= b.forward && a.backward <= b.backward;
    };
    for (const Chain& chain : chains) {
      if (no_worse(chain.maxima, maxima)) return;
    }
    std::erase_if(chains, [&](const Chain& chain) { return no_worse(maxima, chain.maxima); });
    chains.push_back({maxima, before.placement});
    for (std::size_t v = 0; v < graph_.num_operators(); ++v) {
      if (holds(stage, OperatorId(v))) chains.back().placement[v] = device;
    }
  }

  const Problem& problem_;
  const Graph& graph_;
  std::vector<std::vector<OperatorId>> units_;
  std::vector<std::size_t> unit_of_;   // [operators]
  std::vector<UnitSet> predecessors_;  // [units]
};

}  // namespace

throughput::Answer plan_by_ideal_chains(const Problem& problem) {
  throughput::Answer answer;
  std::optional<Chain> best = Chains(problem).best();
  if (!best) {
    answer.status = model::PlanStatus::infeasible;
    answer.reason = "no chain of ideals has stages that fit";
    return answer;
  }
  answer.status = model::PlanStatus::optimal;
  answer.objective = Chains::objective(*best);
  answer.bound = {answer.objective, "enumeration"};
  answer.placement = std::move(best->placement);
  return answer;
}

}  // namespace cleave::properties
