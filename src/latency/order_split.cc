#include "latency/order_split.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "cleave/cost/loads.h"

namespace cleave::latency {
namespace {

using base::ClassId;
using base::TensorId;
using Adjacency = std::vector<std::vector<std::uint32_t>>;

constexpr std::uint32_t kNone = 0xffffffff;

void make_distinct(Adjacency& adjacency) {
  for (auto& list : adjacency) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
}

// The strongly connected component of each vertex (Tarjan 1972, without recursion); returns how
// many there are.
std::size_t find_components(const Adjacency& successors, std::vector<std::uint32_t>& component) {
  const std::size_t n = successors.size();
  component.assign(n, kNone);
  std::vector<std::uint32_t> index(n, kNone), low(n, 0), stack;
  std::vector<std::pair<std::uint32_t, std::size_t>> calls;
  std::uint32_t visited = 0;
  std::uint32_t count = 0;
  for (std::uint32_t root = 0; root < n; ++root) {
    if (index[root] != kNone) continue;
    calls.emplace_back(root, 0);
    while (!calls.empty()) {
      auto& [v, next] = calls.back();
      if (next == 0) {
        index[v] = low[v] = visited++;
        stack.push_back(v);
      }
      if (next < successors[v].size()) {
        const std::uint32_t w = successors[v][next++];
        if (index[w] == kNone) {
          calls.emplace_back(w, 0);
        } else if (component[w] == kNone) {
          low[v] = std::min(low[v], index[w]);
        }
        continue;
      }
      const std::uint32_t done = v;
      calls.pop_back();
      if (!calls.empty()) low[calls.back().first] = std::min(low[calls.back().first], low[done]);
      if (low[done] != index[done]) continue;
      for (std::uint32_t w = kNone; w != done;) {
        w = stack.back();
        stack.pop_back();
        component[w] = count;
      }
      ++count;
    }
  }
  return count;
}

}  // namespace

OrderSplit::OrderSplit(const model::Problem& problem) : problem_(problem) {
  merge_blocks();
  const model::Graph& graph = problem.graph();
  members_.resize(num_blocks_);
  successors_.resize(num_blocks_);
  predecessors_.resize(num_blocks_);
  memory_.assign(num_blocks_, 0);
  compute_.assign(num_blocks_, 0);
  moved_.assign(num_blocks_, 0);
  for (const OperatorId op : graph.topological_order()) {
    const std::uint32_t block = block_of_[op.index()];
    members_[block].push_back(op);
    memory_[block] += graph.memory(op).count();
    Amount time = kNever;
    for (std::size_t c = 0; c < problem.machine().num_classes(); ++c) {
      if (const auto t = problem.time(op, ClassId(c))) time = std::min(time, t->count());
    }
    compute_[block] += time;
    for (const TensorId x : graph.outputs(op)) {
      for (const OperatorId consumer : graph.consumers(x)) {
        const std::uint32_t other = block_of_[consumer.index()];
        if (other == block) continue;
        successors_[block].push_back(other);
        predecessors_[other].push_back(block);
      }
    }
  }
  make_distinct(successors_);
  make_distinct(predecessors_);
}

void OrderSplit::merge_blocks() {
  const model::Graph& graph = problem_.graph();
  const std::size_t n = graph.num_operators();
  std::vector<std::uint32_t> group_of(n);
  std::vector<std::uint32_t> number(graph.num_groups(), kNone);
  std::uint32_t groups = 0;
  for (std::size_t v = 0; v < n; ++v) {
    const auto group = graph.group(OperatorId(v));
    std::uint32_t fresh = kNone;
    std::uint32_t& g = group ? number[group->index()] : fresh;
    if (g == kNone) g = groups++;
    group_of[v] = g;
  }
  Adjacency successors(groups);
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const std::uint32_t from = group_of[graph.producer(TensorId(x)).index()];
    for (const OperatorId op : graph.consumers(TensorId(x))) {
      successors[from].push_back(group_of[op.index()]);
    }
  }
  make_distinct(successors);
  std::vector<std::uint32_t> component;
  num_blocks_ = find_components(successors, component);
  block_of_.resize(n);
  for (std::size_t v = 0; v < n; ++v) block_of_[v] = component[group_of[v]];
}

std::vector<std::uint32_t> OrderSplit::order(std::size_t method, bool reversed,
                                             base::Random& random,
                                             const base::Deadline& deadline) const {
  const Adjacency& after = reversed ? predecessors_ : successors_;
  const Adjacency& before = reversed ? successors_ : predecessors_;
  std::vector<std::size_t> waiting(num_blocks_);
  std::vector<std::uint32_t> ready, order;
  for (std::uint32_t b = 0; b < num_blocks_; ++b) {
    waiting[b] = before[b].size();
    if (waiting[b] == 0) ready.push_back(b);
  }
  const auto choose = [&]() -> std::size_t {
    const auto least = [&](const std::vector<Amount>& key, bool most) {
      std::size_t best = ready.size() - 1;
      constexpr std::size_t kLooked = 256;  // the most recent: near linear on wide graphs
      for (std::size_t i = ready.size(); i-- > 0 && i + kLooked >= ready.size();) {
        const bool better =
            most ? key[ready[i]] > key[ready[best]] : key[ready[i]] < key[ready[best]];
        if (better) best = i;
      }
      return best;
    };
    switch (method) {
      case 0:
        return ready.size() - 1;  // depth first
      case 1:
        return 0;  // breadth first
      case 2:
        return least(memory_, false);
      case 3:
        return least(memory_, true);
      case 4:
        return least(compute_, false);
      case 5:
        return least(compute_, true);
      default:  // depth first with detours
        return random.chance(0.8) ? ready.size() - 1 : random.below(ready.size());
    }
  };
  while (!ready.empty()) {
    if (order.size() % 256 == 255 && deadline.reached()) return {};
    const std::size_t at = choose();
    const std::uint32_t block = ready[at];
    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(at));
    order.push_back(block);
    for (const std::uint32_t next : after[block]) {
      if (--waiting[next] == 0) ready.push_back(next);
    }
  }
  if (reversed) std::reverse(order.begin(), order.end());
  return order;
}

std::vector<DeviceId> OrderSplit::accelerators() const {
  std::vector<DeviceId> devices;
  for (std::size_t d = 0; d < problem_.machine().num_devices(); ++d) {
    if (!problem_.machine().is_pool(DeviceId(d))) devices.emplace_back(d);
  }
  return devices;
}

// kNever: some operator of the block may not be there.
OrderSplit::Amount OrderSplit::time_on(std::uint32_t block, DeviceId device) const {
  Amount total = 0;
  for (const OperatorId op : members_[block]) {
    if (!problem_.allowed(op, device)) return kNever;
    total += problem_.time(op, problem_.machine().class_of(device))->count();
  }
  return total;
}

std::vector<SlotId> OrderSplit::split(std::span<const std::uint32_t> order,
                                      const cost::LatencyClock& clock, std::uint64_t& effort,
                                      const base::Deadline& deadline) const {
  const model::Graph& graph = problem_.graph();
  const model::Machine& machine = problem_.machine();
  const std::size_t n = order.size();
  const auto accelerators = this->accelerators();
  std::vector<std::size_t> position(num_blocks_);
  for (std::size_t i = 0; i < n; ++i) position[order[i]] = i;
  // The pool on which each block takes least.
  std::vector<Amount> pool_time(n, kNever);
  std::vector<DeviceId> pool(n);
  for (std::size_t d = 0; d < machine.num_devices(); ++d) {
    if (!machine.is_pool(DeviceId(d))) continue;
    for (std::size_t i = 0; i < n; ++i) {
      const Amount time = time_on(order[i], DeviceId(d));
      if (time >= pool_time[i]) continue;
      pool_time[i] = time;
      pool[i] = DeviceId(d);
    }
  }
  // [accelerators used or passed over][blocks placed]
  struct Step {
    Amount cost = kNever;
    std::uint32_t begin = 0;
    enum : std::uint8_t { none, pooled, call, skip } how = none;
  };
  std::vector<std::vector<Step>> best(accelerators.size() + 1, std::vector<Step>(n + 1));
  best[0][0].cost = 0;
  std::vector<std::uint64_t> touched(graph.num_tensors(), 0);
  std::vector<std::uint32_t> inside(graph.num_tensors(), 0);
  std::uint64_t touch = 0;
  for (std::size_t used = 0; used <= accelerators.size(); ++used) {
    for (std::size_t i = 0; i < n; ++i) {
      const Amount cost = best[used][i].cost;
      if (cost >= kNever || pool_time[i] >= kNever) continue;
      if (cost + pool_time[i] < best[used][i + 1].cost) {
        best[used][i + 1] = Step{cost + pool_time[i], static_cast<std::uint32_t>(i), Step::pooled};
      }
    }
    if (used == accelerators.size() || deadline.reached()) break;
    const DeviceId device = accelerators[used];
    const ClassId c = machine.class_of(device);
    const auto limit = problem_.memory(c);
    const Amount memory_limit = limit ? limit->count() : std::numeric_limits<Amount>::max();
    for (std::size_t i = 0; i <= n; ++i) {
      const Amount cost = best[used][i].cost;
      if (cost >= kNever) continue;
      if (deadline.reached()) return {};
      if (cost < best[used + 1][i].cost) {
        best[used + 1][i] = Step{cost, static_cast<std::uint32_t>(i), Step::skip};
      }
      ++touch;
      Amount in = 0, compute = 0, out = 0, memory = 0;
      for (std::size_t j = i; j < n; ++j) {
        const Amount time = time_on(order[j], device);
        memory += memory_[order[j]];
        if (time >= kNever || memory > memory_limit) break;
        ++effort;
        compute += time;
        for (const OperatorId op : members_[order[j]]) {
          for (const TensorId x : graph.inputs(op)) {
            const std::size_t from = position[block_of_[graph.producer(x).index()]];
            if (from < i) {  // comes from outside: moved once
              if (touched[x.index()] != touch) in += problem_.transfer(x, c).count();
              touched[x.index()] = touch;
            } else if (--inside[x.index()] == 0) {
              out -= problem_.transfer(x, c).count();
            }
          }
          for (const TensorId x : graph.outputs(op)) {
            inside[x.index()] = static_cast<std::uint32_t>(graph.consumers(x).size());
            if (inside[x.index()] > 0) out += problem_.transfer(x, c).count();
          }
        }
        const Amount load =
            cost::combine(problem_.transfers(), Duration(in), Duration(compute), Duration(out))
                .count();
        Step& step = best[used + 1][j + 1];
        if (cost + load < step.cost) {
          step = Step{cost + load, static_cast<std::uint32_t>(i), Step::call};
        }
      }
    }
  }
  std::size_t used = 0;
  for (std::size_t u = 1; u <= accelerators.size(); ++u) {
    if (best[u][n].cost < best[used][n].cost) used = u;
  }
  if (best[used][n].cost >= kNever) return {};
  std::vector<SlotId> slot_of(graph.num_operators());
  for (std::size_t end = n; end > 0 || used > 0;) {
    const Step& step = best[used][end];
    if (step.how == Step::none) break;
    for (std::size_t i = step.begin; i < end; ++i) {
      const DeviceId device = step.how == Step::pooled ? pool[i] : accelerators[used - 1];
      for (const OperatorId op : members_[order[i]]) slot_of[op.index()] = clock.first_slot(device);
    }
    end = step.begin;
    used -= step.how == Step::pooled ? 0 : 1;
  }
  return slot_of;
}

}  // namespace cleave::latency
