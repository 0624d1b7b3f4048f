#include "latency/exhaustive.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "cleave/cost/loads.h"

namespace cleave::latency {
namespace {

using base::ClassId;
using base::TensorId;
using Amount = std::int64_t;

constexpr std::size_t kMaxPermuted = 7;  // operators of pools whose rows are all tried

class Search {
 public:
  Search(const model::Problem& problem, Duration below, Duration enough, std::uint64_t max_states,
         const base::Deadline& deadline)
      : problem_(problem),
        graph_(problem.graph()),
        clock_(problem),
        order_(graph_.topological_order().begin(), graph_.topological_order().end()),
        best_(below.count()),
        enough_(enough.count()),
        max_states_(max_states),
        deadline_(deadline),
        slot_of_(order_.size()),
        next_(order_.size(), 0),
        chain_(order_.size(), 0),
        finish_(order_.size(), 0),
        depth_of_(order_.size(), 0),
        held_(problem.machine().num_devices(), 0),
        memory_(held_.size(), 0),
        calls_(clock_.num_slots()) {
    find_chains();
  }

  Exhaustion run() {
    std::size_t depth = 0;
    result_.complete = true;
    while (best_ > enough_) {
      if (stopped()) {
        result_.complete = false;
        break;
      }
      if (depth == order_.size()) {
        finish();
        take_back(--depth);
      } else if (const SlotId slot = next_slot(depth); slot.valid()) {
        ++result_.states;
        place(depth, slot);
        if (fits(depth) && time(depth + 1) < best_) {
          ++depth;
        } else {
          take_back(depth);
        }
      } else if (depth > 0) {
        next_[depth] = 0;
        take_back(--depth);
      } else {
        break;
      }
    }
    result_.makespan = Duration(best_);
    return std::move(result_);
  }

 private:
  // A call, or what is placed of it.
  struct Call {
    Amount in = 0, compute = 0, out = 0;
    Amount start = 0, end = 0;
    std::size_t depth = 0;  // in the chains of what waits for what
    std::uint32_t held = 0;
  };

  [[nodiscard]] bool stopped() const {
    return result_.states >= max_states_ || (result_.states % 256 == 0 && deadline_.reached());
  }

  // The least that each operator adds to the finish of its producers, with what comes after it.
  // Only with serial transfers does an operator prolong a call that it joins for certain.
  void find_chains() {
    if (problem_.transfers() != model::Transfers::serial) return;
    for (auto op = order_.rbegin(); op != order_.rend(); ++op) {
      Amount& chain = chain_[op->index()];
      for (const TensorId x : graph_.outputs(*op)) {
        for (const OperatorId consumer : graph_.consumers(x)) {
          chain = std::max(chain, chain_[consumer.index()]);
        }
      }
      chain += fastest(*op);
    }
  }

  [[nodiscard]] Amount fastest(OperatorId op) const {
    Amount least = std::numeric_limits<Amount>::max();
    for (std::size_t k = 0; k < problem_.num_kinds(); ++k) {
      if (!problem_.allowed(op, base::KindId(k))) continue;
      const ClassId c = problem_.kind(base::KindId(k)).device_class;
      least = std::min(least, problem_.time(op, c)->count());
    }
    return least;
  }

  // The next slot to try for the operator at this depth; invalid: all have been.
  SlotId next_slot(std::size_t depth) {
    while (next_[depth] < clock_.num_slots()) {
      const SlotId slot(next_[depth]++);
      const DeviceId device = clock_.device(slot);
      if (problem_.allowed(order_[depth], device) &&
          (held_[device.index()] > 0 || is_first_unused(device))) {
        return slot;
      }
    }
    return SlotId();
  }

  [[nodiscard]] bool is_first_unused(DeviceId device) const {
    const auto& alike = problem_.kind(problem_.kind_of(device)).devices;
    const auto unused = std::find_if(alike.begin(), alike.end(),
                                     [&](DeviceId other) { return held_[other.index()] == 0; });
    return *unused == device;
  }

  void place(std::size_t depth, SlotId slot) {
    const OperatorId op = order_[depth];
    const std::size_t device = clock_.device(slot).index();
    slot_of_[op.index()] = slot;
    ++held_[device];
    memory_[device] += graph_.memory(op).count();
  }

  void take_back(std::size_t depth) {
    const OperatorId op = order_[depth];
    const std::size_t device = clock_.device(slot_of_[op.index()]).index();
    --held_[device];
    memory_[device] -= graph_.memory(op).count();
    slot_of_[op.index()] = SlotId();
  }

  [[nodiscard]] bool fits(std::size_t depth) const {
    const OperatorId op = order_[depth];
    const DeviceId device = clock_.device(slot_of_[op.index()]);
    const auto limit = problem_.memory(problem_.machine().class_of(device));
    if (limit && memory_[device.index()] > limit->count()) return false;
    const auto group = graph_.group(op);
    if (!group) return true;
    const auto members = graph_.members(*group);
    return std::all_of(members.begin(), members.end(), [&](OperatorId mate) {
      const SlotId slot = slot_of_[mate.index()];
      return !slot.valid() || clock_.device(slot) == device;
    });
  }

  // The least makespan of whatever begins with the first `placed` operators as they are; `best_`
  // and more where calls wait for one another.
  Amount time(std::size_t placed) {
    collect_calls(placed);
    std::fill(finish_.begin(), finish_.end(), 0);
    std::fill(depth_of_.begin(), depth_of_.end(), 0);
    // Longest paths by relaxation; chains longer than there are operators and calls are circles.
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < placed; ++i) changed = relax(order_[i]) || changed;
      changed = relax_queues() || changed;
      for (const Call& call : calls_) {
        if (call.depth > 2 * order_.size() + 1) return std::numeric_limits<Amount>::max();
      }
    }
    Amount latest = 0;
    for (std::size_t i = 0; i < placed; ++i) {
      const Amount finish = finish_[order_[i].index()];
      latest = std::max(latest, finish);
      for (const TensorId x : graph_.outputs(order_[i])) {
        for (const OperatorId consumer : graph_.consumers(x)) {
          if (slot_of_[consumer.index()].valid()) continue;
          latest = std::max(latest, finish + chain_[consumer.index()]);
        }
      }
    }
    return latest;
  }

  void collect_calls(std::size_t placed) {
    calls_.assign(calls_.size(), Call{});
    for (std::size_t i = 0; i < placed; ++i) {
      const OperatorId op = order_[i];
      const SlotId slot = slot_of_[op.index()];
      Call& call = calls_[slot.index()];
      const ClassId c = problem_.machine().class_of(clock_.device(slot));
      ++call.held;
      call.compute += problem_.time(op, c)->count();
      for (const TensorId x : graph_.outputs(op)) charge(x);
    }
    for (std::size_t s = 0; s < calls_.size(); ++s) {
      Call& call = calls_[s];
      call.end = clock_.is_pool(SlotId(s)) ? 0 : load(call);
    }
  }

  [[nodiscard]] Amount load(const Call& call) const {
    return cost::combine(problem_.transfers(), Duration(call.in), Duration(call.compute),
                         Duration(call.out))
        .count();
  }

  // The transfers of a tensor between what is placed.
  void charge(TensorId x) {
    const SlotId home = slot_of_[graph_.producer(x).index()];
    seen_.clear();
    for (const OperatorId consumer : graph_.consumers(x)) {
      const SlotId slot = slot_of_[consumer.index()];
      if (!slot.valid() || slot == home) continue;
      if (std::find(seen_.begin(), seen_.end(), slot) != seen_.end()) continue;
      if (seen_.empty()) calls_[home.index()].out += price(x, home);
      seen_.push_back(slot);
      calls_[slot.index()].in += price(x, slot);
    }
  }

  [[nodiscard]] Amount price(TensorId x, SlotId slot) const {
    return problem_.transfer(x, problem_.machine().class_of(clock_.device(slot))).count();
  }

  bool relax(OperatorId op) {
    const SlotId slot = slot_of_[op.index()];
    Amount ready = 0;
    std::size_t depth = 0;
    for (const TensorId x : graph_.inputs(op)) {
      const OperatorId producer = graph_.producer(x);
      if (!clock_.is_pool(slot) && slot_of_[producer.index()] == slot) continue;
      ready = std::max(ready, finish_[producer.index()]);
      depth = std::max(depth, depth_of_[producer.index()]);
    }
    Amount& finish = finish_[op.index()];
    if (clock_.is_pool(slot)) {
      const ClassId c = problem_.machine().class_of(clock_.device(slot));
      ready += problem_.time(op, c)->count();
      if (ready == finish && depth == depth_of_[op.index()]) return false;
      finish = ready;
      depth_of_[op.index()] = depth;
      return true;
    }
    Call& call = calls_[slot.index()];
    const bool later = delay(call, ready, depth + 1);
    const bool changed = later || finish != call.end || depth_of_[op.index()] != call.depth;
    finish = call.end;
    depth_of_[op.index()] = call.depth;
    return changed;
  }

  // An accelerator's calls take turns.
  bool relax_queues() {
    bool changed = false;
    const Call* before = nullptr;
    for (std::size_t s = 0; s < calls_.size(); ++s) {
      const bool fresh = s == 0 || clock_.device(SlotId(s)) != clock_.device(SlotId(s - 1));
      if (fresh) before = nullptr;
      if (clock_.is_pool(SlotId(s)) || calls_[s].held == 0) continue;
      if (before != nullptr) {
        changed = delay(calls_[s], before->end, before->depth + 1) || changed;
      }
      before = &calls_[s];
    }
    return changed;
  }

  bool delay(Call& call, Amount start, std::size_t depth) const {
    if (start <= call.start && depth <= call.depth) return false;
    call.start = std::max(call.start, start);
    call.end = call.start + load(call);
    call.depth = std::max(call.depth, depth);
    return true;
  }

  // All operators are placed, with a makespan below the best if pools had workers enough.
  void finish() {
    if (!slots_in_a_row()) return;
    Assignment assignment{slot_of_, {}};
    if (!problem_.question().workers) {
      keep(std::move(assignment));
      return;
    }
    std::vector<OperatorId> pooled;
    for (const OperatorId op : order_) {
      if (clock_.is_pool(slot_of_[op.index()])) pooled.push_back(op);
    }
    assignment.ranks.assign(order_.size(), 0);
    std::vector<std::uint32_t> ranks(pooled.size());
    std::iota(ranks.begin(), ranks.end(), 1U);
    const Amount least = time(order_.size());
    do {
      for (std::size_t i = 0; i < pooled.size(); ++i) {
        assignment.ranks[pooled[i].index()] = ranks[i];
      }
      ++result_.states;
      keep(assignment);
      if (best_ <= least) return;
      if (pooled.size() > kMaxPermuted) {
        result_.complete = false;
        return;
      }
    } while (std::next_permutation(ranks.begin(), ranks.end()));
  }

  // An empty slot before a call in use only gives a plan another name.
  [[nodiscard]] bool slots_in_a_row() const {
    for (std::size_t s = 1; s < calls_.size(); ++s) {
      const bool same = clock_.device(SlotId(s)) == clock_.device(SlotId(s - 1));
      if (same && calls_[s].held > 0 && calls_[s - 1].held == 0) return false;
    }
    return true;
  }

  void keep(Assignment assignment) {
    const auto makespan = clock_.makespan(assignment.slot_of, assignment.ranks);
    if (!makespan || makespan->count() >= best_) return;
    best_ = makespan->count();
    result_.best = std::move(assignment);
  }

  const model::Problem& problem_;
  const model::Graph& graph_;
  cost::LatencyClock clock_;
  std::vector<OperatorId> order_;
  Amount best_;
  Amount enough_;
  std::uint64_t max_states_;
  const base::Deadline& deadline_;
  std::vector<SlotId> slot_of_;         // [operators]; invalid: not placed
  std::vector<std::size_t> next_;       // [depths]: number of the next slot to try
  std::vector<Amount> chain_, finish_;  // [operators]
  std::vector<std::size_t> depth_of_;   // [operators]: of the last call before it
  std::vector<std::uint32_t> held_;     // [devices]: operators
  std::vector<Amount> memory_;          // [devices]
  std::vector<Call> calls_;             // [slots]
  std::vector<SlotId> seen_;
  Exhaustion result_;
};

}  // namespace

Exhaustion exhaust(const model::Problem& problem, Duration below, Duration enough,
                   std::uint64_t max_states, const base::Deadline& deadline) {
  return Search(problem, below, enough, max_states, deadline).run();
}

}  // namespace cleave::latency
