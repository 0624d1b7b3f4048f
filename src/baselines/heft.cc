// "Performance-effective and low-complexity task scheduling for heterogeneous computing"
// (Topcuoglu, Hariri, Wu; IEEE TPDS 2002), for devices whose operators come in calls.

#include <algorithm>
#include <utility>

#include "baselines/runs.h"
#include "cleave/cost/latency.h"

namespace cleave::baselines {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using cost::LatencyClock;
using cost::SlotId;
using model::Graph;
using model::Problem;

namespace {

// Means over the machine's devices, and ranks from them: the longest way to an end.
class Ranking {
 public:
  explicit Ranking(const Problem& problem) : problem_(problem), rank_(num_operators()) {
    const auto topological = problem.graph().topological_order();
    for (auto op = topological.rbegin(); op != topological.rend(); ++op) {
      rank_[op->index()] = mean_time(*op) + longest_rest(*op);
    }
    order_.assign(topological.begin(), topological.end());
    std::stable_sort(order_.begin(), order_.end(), [&](OperatorId a, OperatorId b) {
      return rank_[a.index()] > rank_[b.index()];
    });
  }

  // Producers before consumers: ranks do not grow on the way to an end.
  [[nodiscard]] const std::vector<OperatorId>& order() const { return order_; }

 private:
  [[nodiscard]] std::size_t num_operators() const { return problem_.graph().num_operators(); }

  [[nodiscard]] Duration mean_time(OperatorId op) const {
    Duration sum{0};
    std::int64_t devices = 0;
    for (std::size_t d = 0; d < problem_.machine().num_devices(); ++d) {
      if (!problem_.allowed(op, DeviceId(d))) continue;
      sum += *problem_.time(op, problem_.machine().class_of(DeviceId(d)));
      ++devices;
    }
    return sum / devices;
  }

  // Out of one device and into another.
  [[nodiscard]] Duration mean_transfer(TensorId tensor) const {
    Duration sum{0};
    for (const model::DeviceClass& c : problem_.machine().classes()) {
      const auto id = problem_.machine().find_class(c.name);
      sum += problem_.transfer(tensor, *id) * c.count;
    }
    return 2 * sum / static_cast<std::int64_t>(problem_.machine().num_devices());
  }

  [[nodiscard]] Duration longest_rest(OperatorId op) const {
    Duration rest{0};
    for (const TensorId tensor : problem_.graph().outputs(op)) {
      const Duration moving = mean_transfer(tensor);
      for (const OperatorId consumer : problem_.graph().consumers(tensor)) {
        rest = std::max(rest, moving + rank_[consumer.index()]);
      }
    }
    return rest;
  }

  const Problem& problem_;
  std::vector<Duration> rank_;  // [operators]
  std::vector<OperatorId> order_;
};

// Places operators one by one, each after all of its producers.
class ListScheduler {
 public:
  explicit ListScheduler(const Problem& problem)
      : problem_(problem),
        graph_(problem.graph()),
        clock_(problem),
        slot_of_(graph_.num_operators()),
        finish_(graph_.num_operators()),
        group_device_(graph_.num_groups()),
        held_(problem.machine().num_devices()),
        calls_(problem.machine().num_devices(), 0),
        busy_until_(problem.machine().num_devices()),
        members_(clock_.num_slots()),
        seen_(clock_.num_slots() + graph_.num_operators(), 0) {
    for (std::size_t d = 0; d < busy_until_.size(); ++d) {
      const std::int64_t workers = problem.question().workers.value_or(0);
      const auto most = static_cast<std::int64_t>(graph_.num_operators());
      const bool pool = problem.machine().is_pool(DeviceId(d));
      busy_until_[d].resize(static_cast<std::size_t>(pool ? std::min(workers, most) : 1));
    }
  }

  // False where no device can take an operator.
  bool place_all(const std::vector<OperatorId>& order) {
    return std::all_of(order.begin(), order.end(), [&](OperatorId op) { return place(op); });
  }

  std::vector<model::Stage> stages(const std::vector<OperatorId>& order) {
    std::vector<std::uint32_t> ranks(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      ranks[order[i].index()] = static_cast<std::uint32_t>(i);
    }
    return clock_.stages(slot_of_, ranks);
  }

 private:
  struct Seat {
    DeviceId device;
    SlotId slot;
    Duration start{0};
    Duration finish{0};
  };

  bool place(OperatorId op) {
    std::optional<Seat> best;
    for (std::size_t d = 0; d < problem_.machine().num_devices(); ++d) {
      const auto seat = find_seat(op, DeviceId(d));
      if (seat && (!best || seat->finish < best->finish)) best = seat;
    }
    if (best) take(op, *best);
    return best.has_value();
  }

  // What has to fit on the device with the operator: its whole group, if it is the first of it.
  [[nodiscard]] Bytes new_memory(OperatorId op) const {
    const auto group = graph_.group(op);
    if (!group) return graph_.memory(op);
    Bytes sum;
    if (group_device_[group->index()].valid()) return sum;
    for (const OperatorId member : graph_.members(*group)) sum += graph_.memory(member);
    return sum;
  }

  [[nodiscard]] bool may_hold(OperatorId op, DeviceId device) const {
    const auto group = graph_.group(op);
    if (!group) return problem_.allowed(op, device);
    const DeviceId seat = group_device_[group->index()];
    if (seat.valid()) return seat == device;
    const auto members = graph_.members(*group);
    return std::all_of(members.begin(), members.end(),
                       [&](OperatorId member) { return problem_.allowed(member, device); });
  }

  std::optional<Seat> find_seat(OperatorId op, DeviceId device) {
    if (!may_hold(op, device)) return std::nullopt;
    const ClassId c = problem_.machine().class_of(device);
    const auto limit = problem_.memory(c);
    if (limit && held_[device.index()] + new_memory(op) > *limit) return std::nullopt;
    const auto slot = find_slot(op, device);
    if (!slot) return std::nullopt;
    const std::vector<Duration>& busy = busy_until_[device.index()];
    Duration start = time_of_inputs(op, *slot);
    if (!busy.empty()) start = std::max(start, *std::min_element(busy.begin(), busy.end()));
    return Seat{device, *slot, start, start + *problem_.time(op, c)};
  }

  std::optional<SlotId> find_slot(OperatorId op, DeviceId device) {
    const std::int32_t first = clock_.first_slot(device).value();
    if (problem_.machine().is_pool(device)) return SlotId(first);
    const std::size_t calls = calls_[device.index()];
    const auto last = static_cast<std::int32_t>(calls) - 1;
    if (calls > 0 && extends(op, SlotId(first + last))) return SlotId(first + last);
    if (calls == clock_.slots_of(device)) return std::nullopt;
    return SlotId(first + last + 1);
  }

  // Whether nothing outside of the call lies between it and the operator.
  bool extends(OperatorId op, SlotId call) {
    ++visit_;
    stack_.clear();
    const auto visit_producers = [&](OperatorId v) {
      for (const TensorId tensor : graph_.inputs(v)) visit(graph_.producer(tensor));
    };
    for (const TensorId tensor : graph_.inputs(op)) {
      const OperatorId producer = graph_.producer(tensor);
      if (slot_of_[producer.index()] != call) visit(producer);
    }
    while (!stack_.empty()) {
      const OperatorId v = stack_.back();
      stack_.pop_back();
      const SlotId slot = slot_of_[v.index()];
      if (slot == call) return false;
      if (clock_.is_pool(slot)) {
        visit_producers(v);
        continue;
      }
      for (const OperatorId member : members_[slot.index()]) visit_producers(member);
      if (slot != clock_.first_slot(clock_.device(slot))) {
        visit(members_[slot.index() - 1].front());
      }
    }
    return true;
  }

  // Puts an operator on the stack, or one that stands for its call, once.
  void visit(OperatorId op) {
    const SlotId slot = slot_of_[op.index()];
    const std::size_t node = clock_.is_pool(slot) ? clock_.num_slots() + op.index() : slot.index();
    if (std::exchange(seen_[node], visit_) != visit_) stack_.push_back(op);
  }

  [[nodiscard]] Duration time_of_inputs(OperatorId op, SlotId slot) const {
    Duration ready{0};
    for (const TensorId tensor : graph_.inputs(op)) {
      const OperatorId producer = graph_.producer(tensor);
      const SlotId home = slot_of_[producer.index()];
      const Duration moving =
          home == slot ? Duration::zero() : price(tensor, home) + price(tensor, slot);
      ready = std::max(ready, finish_[producer.index()] + moving);
    }
    return ready;
  }

  [[nodiscard]] Duration price(TensorId tensor, SlotId slot) const {
    return problem_.transfer(tensor, problem_.machine().class_of(clock_.device(slot)));
  }

  void take(OperatorId op, const Seat& seat) {
    const std::size_t d = seat.device.index();
    held_[d] += new_memory(op);
    if (const auto group = graph_.group(op)) group_device_[group->index()] = seat.device;
    slot_of_[op.index()] = seat.slot;
    finish_[op.index()] = seat.finish;
    members_[seat.slot.index()].push_back(op);
    const auto number =
        static_cast<std::size_t>(seat.slot.value() - clock_.first_slot(seat.device).value());
    calls_[d] = std::max(calls_[d], number + 1);
    std::vector<Duration>& busy = busy_until_[d];
    if (!busy.empty()) *std::min_element(busy.begin(), busy.end()) = seat.finish;
  }

  const Problem& problem_;
  const Graph& graph_;
  LatencyClock clock_;
  std::vector<SlotId> slot_of_;                    // [operators]; invalid: not placed yet
  std::vector<Duration> finish_;                   // [operators]
  std::vector<DeviceId> group_device_;             // [groups]
  std::vector<Bytes> held_;                        // [devices]
  std::vector<std::size_t> calls_;                 // [devices]
  std::vector<std::vector<Duration>> busy_until_;  // [devices][workers]; empty: no limit
  std::vector<std::vector<OperatorId>> members_;   // [slots]
  std::vector<std::uint64_t> seen_;                // [slots + operators]: by which visit
  std::uint64_t visit_ = 0;
  std::vector<OperatorId> stack_;
};

}  // namespace

Row run_heft(const Problem& problem, std::uint64_t) {
  const Ranking ranking(problem);
  ListScheduler scheduler(problem);
  if (!scheduler.place_all(ranking.order())) return std::nullopt;
  return scheduler.stages(ranking.order());
}

}  // namespace cleave::baselines
