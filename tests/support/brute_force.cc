#include "support/brute_force.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <vector>

#include "cleave/check/check.h"

namespace cleave::support {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::KindId;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;
using model::Problem;

namespace {

constexpr std::size_t kMaxDevices = 16;
using DeviceSet = std::uint32_t;

struct Flows {
  Duration in{0};
  Duration compute{0};
  Duration out{0};
};

class Search {
 public:
  explicit Search(const Problem& problem)
      : problem_(problem),
        graph_(problem.graph()),
        devices_(problem.machine().num_devices()),
        placement_(graph_.num_operators()) {
    assert(devices_ <= kMaxDevices);
    collect_units();
    if (problem.question().placement == model::PlacementRule::contiguous) collect_arcs();
  }

  std::optional<Optimum> run() {
    place_from(0);
    return std::move(best_);
  }

 private:
  // Colocation groups and single operators, in topological order of their first members.
  void collect_units() {
    std::vector<bool> seen(graph_.num_operators(), false);
    for (const OperatorId op : graph_.topological_order()) {
      if (seen[op.index()]) continue;
      std::vector<OperatorId> unit{op};
      if (const auto group = graph_.group(op)) {
        unit.assign(graph_.members(*group).begin(), graph_.members(*group).end());
      }
      for (const OperatorId member : unit) seen[member.index()] = true;
      units_.push_back(std::move(unit));
    }
  }

  // Pairs (a, b): b's device may not come before a's.
  void collect_arcs() {
    const auto is_orphan = [&](OperatorId op) {
      const auto group = graph_.group(op);
      if (!group) return graph_.phase(op) == Phase::backward;
      const auto members = graph_.members(*group);
      return std::all_of(members.begin(), members.end(), [&](OperatorId member) {
        return graph_.phase(member) == Phase::backward;
      });
    };
    for (const OperatorId a : graph_.topological_order()) {
      for (const TensorId tensor : graph_.outputs(a)) {
        for (const OperatorId b : graph_.consumers(tensor)) {
          const bool forward_a = graph_.phase(a) == Phase::forward;
          const bool forward_b = graph_.phase(b) == Phase::forward;
          if (forward_a && forward_b) arcs_.emplace_back(a, b);
          if (!forward_a && !forward_b && (is_orphan(a) || is_orphan(b))) arcs_.emplace_back(b, a);
        }
      }
    }
  }

  void place_from(std::size_t next) {
    if (!may_lead_to_better()) return;
    if (next == units_.size()) {
      record();
      return;
    }
    for (const DeviceId device : candidates()) {
      const auto& unit = units_[next];
      if (!std::all_of(unit.begin(), unit.end(),
                       [&](OperatorId op) { return problem_.allowed(op, device); })) {
        continue;
      }
      for (const OperatorId op : unit) placement_[op.index()] = device;
      place_from(next + 1);
      for (const OperatorId op : unit) placement_[op.index()] = DeviceId();
    }
  }

  // Every device in use, and the first unused one of each kind.
  std::vector<DeviceId> candidates() const {
    DeviceSet used = 0;
    for (const DeviceId device : placement_) {
      if (device.valid()) used |= DeviceSet{1} << device.index();
    }
    std::vector<DeviceId> result;
    for (std::size_t k = 0; k < problem_.num_kinds(); ++k) {
      for (const DeviceId device : problem_.kind(KindId(k)).devices) {
        result.push_back(device);
        if ((used >> device.index() & 1) == 0) break;
      }
    }
    return result;
  }

  void record() {
    const check::Verdict verdict = check::examine(problem_, placement_);
    if (!verdict.feasible() || (best_ && verdict.objective >= best_->objective)) return;
    best_ = Optimum{placement_, verdict.objective};
  }

  bool may_lead_to_better() const {
    return fits() && devices_can_be_ordered() && (!best_ || objective_so_far() < best_->objective);
  }

  bool fits() const {
    std::array<Bytes, kMaxDevices> held{};
    for (std::size_t v = 0; v < placement_.size(); ++v) {
      if (placement_[v].valid()) held[placement_[v].index()] += graph_.memory(OperatorId(v));
    }
    for (std::size_t d = 0; d < devices_; ++d) {
      const auto limit = problem_.memory(problem_.machine().class_of(DeviceId(d)));
      if (limit && held[d] > *limit) return false;
    }
    return true;
  }

  bool devices_can_be_ordered() const {
    std::array<DeviceSet, kMaxDevices> before{};  // devices that have to come earlier
    for (const auto& [a, b] : arcs_) {
      const DeviceId from = placement_[a.index()];
      const DeviceId to = placement_[b.index()];
      if (from.valid() && to.valid() && from != to)
        before[to.index()] |= DeviceSet{1} << from.index();
    }
    DeviceSet left = (DeviceSet{1} << devices_) - 1;
    for (bool moved = true; moved && left != 0;) {
      moved = false;
      for (std::size_t d = 0; d < devices_; ++d) {
        if ((left >> d & 1) == 0 || (before[d] & left) != 0) continue;
        left &= ~(DeviceSet{1} << d);
        moved = true;
      }
    }
    return left == 0;
  }

  // The objective of the operators placed so far and the tensors between them.
  Duration objective_so_far() const {
    std::array<std::array<Flows, 2>, kMaxDevices> flows{};  // [devices][phases]
    const auto phase = [&](OperatorId op) { return static_cast<std::size_t>(graph_.phase(op)); };
    const auto price = [&](TensorId tensor, std::size_t device) {
      return problem_.transfer(tensor, problem_.machine().class_of(DeviceId(device)));
    };
    for (std::size_t v = 0; v < placement_.size(); ++v) {
      const DeviceId device = placement_[v];
      if (!device.valid()) continue;
      const OperatorId op(v);
      flows[device.index()][phase(op)].compute +=
          *problem_.time(op, problem_.machine().class_of(device));
      for (const TensorId tensor : graph_.outputs(op)) {
        DeviceSet receivers = 0;
        for (const OperatorId consumer : graph_.consumers(tensor)) {
          const DeviceId receiver = placement_[consumer.index()];
          if (receiver.valid()) receivers |= DeviceSet{1} << receiver.index();
        }
        receivers &= ~(DeviceSet{1} << device.index());
        if (receivers != 0) flows[device.index()][phase(op)].out += price(tensor, device.index());
        for (DeviceSet rest = receivers; rest != 0; rest &= rest - 1) {
          const auto receiver = static_cast<std::size_t>(std::countr_zero(rest));
          flows[receiver][phase(op)].in += price(tensor, receiver);
        }
      }
    }
    Duration forward{0};
    Duration backward{0};
    Duration both{0};
    for (std::size_t d = 0; d < devices_; ++d) {
      const Flows& f = flows[d][0];
      const Flows& b = flows[d][1];
      forward = std::max(forward, load(f));
      backward = std::max(backward, load(b));
      both = std::max(both, load({f.in + b.in, f.compute + b.compute, f.out + b.out}));
    }
    return problem_.schedule() == model::Schedule::gpipe ? forward + backward : both;
  }

  Duration load(const Flows& flows) const {
    switch (problem_.transfers()) {
      case model::Transfers::serial:
        return flows.in + flows.compute + flows.out;
      case model::Transfers::half_duplex:
        return std::max(flows.in + flows.out, flows.compute);
      case model::Transfers::full_duplex:
        return std::max({flows.in, flows.compute, flows.out});
    }
    return Duration::zero();
  }

  const Problem& problem_;
  const Graph& graph_;
  std::size_t devices_;
  std::vector<std::vector<OperatorId>> units_;
  std::vector<std::pair<OperatorId, OperatorId>> arcs_;
  model::Placement placement_;  // invalid: not placed yet
  std::optional<Optimum> best_;
};

}  // namespace

std::optional<Optimum> brute_force(const Problem& problem) { return Search(problem).run(); }

}  // namespace cleave::support
