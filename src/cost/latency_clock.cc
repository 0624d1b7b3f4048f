#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>

#include "cleave/cost/latency.h"
#include "cleave/cost/loads.h"

namespace cleave::cost {

using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Stage;

LatencyClock::LatencyClock(const model::Problem& problem, std::size_t slots_per_accelerator)
    : problem_(problem), slots_per_accelerator_(slots_per_accelerator) {
  assert(problem.question().objective == model::Objective::latency);
  const model::Graph& graph = problem.graph();
  const model::Machine& machine = problem.machine();
  const std::size_t n = graph.num_operators();
  for (std::size_t d = 0; d < machine.num_devices(); ++d) {
    const DeviceId device(d);
    first_slot_.emplace_back(num_slots());
    const std::size_t slots = machine.is_pool(device) ? 1 : slots_per_accelerator;
    device_of_.insert(device_of_.end(), slots, device);
    is_pool_.insert(is_pool_.end(), slots, machine.is_pool(device));
    class_of_.insert(class_of_.end(), slots,
                     static_cast<std::uint32_t>(machine.class_of(device).index()));
  }
  for (std::size_t c = 0; c < machine.num_classes(); ++c) {
    for (std::size_t v = 0; v < n; ++v) {
      times_.push_back(problem.time(OperatorId(v), ClassId(c)).value_or(Duration::zero()).count());
    }
    for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
      prices_.push_back(problem.transfer(TensorId(x), ClassId(c)).count());
    }
  }
  positions_.resize(n);
  std::uint32_t position = 0;
  for (const OperatorId op : graph.topological_order()) positions_[op.index()] = position++;
  calls_.resize(num_slots());
  touched_.resize(num_slots());
  next_.resize(n);
  waiting_.resize(n);
  ready_.resize(n);
  finish_.resize(n);
  pools_.resize(num_slots());
}

std::optional<Duration> LatencyClock::makespan(std::span<const SlotId> slot_of,
                                               std::span<const std::uint32_t> ranks) {
  const bool in_order = problem_.question().workers.has_value();
  if (!walk(slot_of, ranks, in_order)) return std::nullopt;
  return Duration(*std::max_element(finish_.begin(), finish_.end()));
}

std::vector<Stage> LatencyClock::stages(std::span<const SlotId> slot_of,
                                        std::span<const std::uint32_t> ranks) {
  const bool runs = walk(slot_of, ranks, true);
  assert(runs);
  static_cast<void>(runs);
  std::vector<Stage> stages;
  for (const Node node : row_) {
    if (is_call(node)) {
      const std::size_t slot = node - num_operators();
      Stage& stage = stages.emplace_back();
      stage.device = device_of_[slot];
      for (std::int32_t v = calls_[slot].first; v >= 0; v = next_[static_cast<std::size_t>(v)]) {
        stage.operators.emplace_back(v);
      }
      std::sort(stage.operators.begin(), stage.operators.end(), [&](OperatorId a, OperatorId b) {
        return positions_[a.index()] < positions_[b.index()];
      });
      continue;
    }
    const DeviceId pool = device_of_[slot_at(node)];
    if (stages.empty() || stages.back().device != pool) stages.emplace_back().device = pool;
    stages.back().operators.emplace_back(std::size_t{node});
  }
  return evaluate_latency(problem_, std::move(stages)).stages;
}

// Kahn's algorithm over calls and pools' operators; false where some wait for one another.
bool LatencyClock::walk(std::span<const SlotId> slot_of, std::span<const std::uint32_t> ranks,
                        bool in_order) {
  assert(slot_of.size() == num_operators());
  slot_of_ = slot_of;
  ranks_ = ranks.empty() ? std::span<const std::uint32_t>(positions_) : ranks;
  in_order_ = in_order;
  queue_.clear();
  row_.clear();
  collect_calls();
  collect_transfers();
  for (std::size_t v = 0; v < num_operators(); ++v) {
    if (is_pool_[slot_at(v)] && waiting_[v] == 0) push(static_cast<Node>(v));
  }
  for (const std::uint32_t slot : used_) {
    if (!is_pool_[slot] && calls_[slot].waiting == 0) push(node_of_call(slot));
  }
  std::size_t done = 0;  // operators
  while (!queue_.empty()) {
    const Node node = pop();
    row_.push_back(node);
    if (is_call(node)) {
      const std::size_t slot = node - num_operators();
      run_call(slot);
      for (std::int32_t v = calls_[slot].first; v >= 0; v = next_[static_cast<std::size_t>(v)]) {
        ++done;
      }
    } else {
      run_pooled(node);
      ++done;
    }
  }
  return done == num_operators();
}

// Which slots are in use, by which operators, and how long these compute.
void LatencyClock::collect_calls() {
  used_.clear();
  const std::uint64_t touch = ++touch_;
  const std::size_t n = num_operators();
  for (std::size_t v = 0; v < n; ++v) {
    const std::size_t slot = slot_at(v);
    Call& call = calls_[slot];
    if (std::exchange(touched_[slot], touch) != touch) {
      used_.push_back(static_cast<std::uint32_t>(slot));
      call = Call{};
      call.rank = ranks_[v];
      pools_[slot].last_start = 0;
      pools_[slot].busy_until.clear();
    }
    call.compute += times_[class_of_[slot] * n + v];
    call.rank = std::min(call.rank, ranks_[v]);
    next_[v] = std::exchange(call.first, static_cast<std::int32_t>(v));
    waiting_[v] = 0;
    ready_[v] = 0;
  }
  std::sort(used_.begin(), used_.end());
  for (std::size_t i = 1; i < used_.size(); ++i) {
    if (device_of_[used_[i]] != device_of_[used_[i - 1]]) continue;
    calls_[used_[i - 1]].follower = static_cast<std::int32_t>(used_[i]);
    ++calls_[used_[i]].waiting;
  }
}

// What calls move in and out, and what everything waits for.
void LatencyClock::collect_transfers() {
  const model::Graph& graph = problem_.graph();
  const std::size_t tensors = graph.num_tensors();
  for (std::size_t x = 0; x < tensors; ++x) {
    const std::uint64_t touch = ++touch_;
    const std::size_t home = slot_at(graph.producer(TensorId(x)).index());
    const bool from_call = !is_pool_[home];
    bool leaves = false;
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      const std::size_t slot = slot_at(consumer.index());
      if (slot == home && from_call) continue;
      leaves = true;
      if (is_pool_[slot]) {
        ++waiting_[consumer.index()];
      } else if (std::exchange(touched_[slot], touch) != touch) {
        ++calls_[slot].waiting;
        calls_[slot].in += prices_[class_of_[slot] * tensors + x];
      }
    }
    if (leaves && from_call) calls_[home].out += prices_[class_of_[home] * tensors + x];
  }
}

void LatencyClock::run_call(std::size_t slot) {
  const Call& call = calls_[slot];
  const Duration load =
      combine(problem_.transfers(), Duration(call.in), Duration(call.compute), Duration(call.out));
  const Time finish = call.ready + load.count();
  for (std::int32_t v = call.first; v >= 0; v = next_[static_cast<std::size_t>(v)]) {
    finish_[static_cast<std::size_t>(v)] = finish;
  }
  for (std::int32_t v = call.first; v >= 0; v = next_[static_cast<std::size_t>(v)]) {
    deliver(static_cast<std::size_t>(v), finish);
  }
  if (call.follower >= 0) arrive(static_cast<std::uint32_t>(call.follower), finish);
}

void LatencyClock::run_pooled(std::size_t op) {
  const std::size_t slot = slot_at(op);
  const Time time = times_[class_of_[slot] * num_operators() + op];
  Time start = ready_[op];
  if (const auto workers = problem_.question().workers) {
    PoolState& pool = pools_[slot];
    start = std::max(start, pool.last_start);
    if (pool.busy_until.size() == static_cast<std::size_t>(*workers)) {
      start = std::max(start, pool.busy_until.front());
      std::pop_heap(pool.busy_until.begin(), pool.busy_until.end(), std::greater<>());
      pool.busy_until.pop_back();
    }
    pool.busy_until.push_back(start + time);
    std::push_heap(pool.busy_until.begin(), pool.busy_until.end(), std::greater<>());
    pool.last_start = start;
  }
  finish_[op] = start + time;
  deliver(op, finish_[op]);
}

// Hands the results of an operator to all who wait for them.
void LatencyClock::deliver(std::size_t op, Time time) {
  const model::Graph& graph = problem_.graph();
  const std::size_t home = slot_at(op);
  for (const TensorId tensor : graph.outputs(OperatorId(op))) {
    const std::uint64_t touch = ++touch_;
    for (const OperatorId consumer : graph.consumers(tensor)) {
      const std::size_t slot = slot_at(consumer.index());
      if (is_pool_[slot]) {
        Time& ready = ready_[consumer.index()];
        ready = std::max(ready, time);
        if (--waiting_[consumer.index()] == 0) push(static_cast<Node>(consumer.index()));
      } else if (slot != home && std::exchange(touched_[slot], touch) != touch) {
        arrive(static_cast<std::uint32_t>(slot), time);
      }
    }
  }
}

void LatencyClock::arrive(std::uint32_t slot, Time time) {
  Call& call = calls_[slot];
  call.ready = std::max(call.ready, time);
  if (--call.waiting == 0) push(node_of_call(slot));
}

void LatencyClock::push(Node node) {
  queue_.push_back(node);
  if (!in_order_) return;
  std::push_heap(queue_.begin(), queue_.end(),
                 [this](Node a, Node b) { return comes_later(a, b); });
}

LatencyClock::Node LatencyClock::pop() {
  if (in_order_) {
    std::pop_heap(queue_.begin(), queue_.end(),
                  [this](Node a, Node b) { return comes_later(a, b); });
  }
  const Node node = queue_.back();
  queue_.pop_back();
  return node;
}

bool LatencyClock::comes_later(Node a, Node b) const {
  // Without workers the order is for the reader: pools first, so that they get few stages.
  if (!problem_.question().workers && is_call(a) != is_call(b)) return is_call(a);
  const auto rank = [&](Node node) {
    return is_call(node) ? calls_[node - num_operators()].rank : ranks_[node];
  };
  return std::pair(rank(a), a) > std::pair(rank(b), b);
}

}  // namespace cleave::cost
