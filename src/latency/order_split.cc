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

// The loads of an order's slices on one accelerator.
class OrderSplit::Slices {
 public:
  Slices(const OrderSplit& split, std::span<const std::uint32_t> order)
      : split_(split),
        graph_(split.problem_.graph()),
        order_(order),
        position_(order.size()),
        touched_(graph_.num_tensors(), 0),
        inside_(graph_.num_tensors(), 0) {
    for (std::size_t i = 0; i < order.size(); ++i) position_[order[i]] = i;
  }

  // visit(end, load) for each slice from `begin` on that the device can hold, the shortest first.
  template <class Visit>
  void visit_from(std::size_t begin, DeviceId device, Visit visit) {
    const model::Problem& problem = split_.problem_;
    class_ = problem.machine().class_of(device);
    const auto limit = problem.memory(class_);
    const Amount memory_limit = limit ? limit->count() : std::numeric_limits<Amount>::max();
    ++pass_;
    in_ = compute_ = out_ = 0;
    Amount memory = 0;
    for (std::size_t i = begin; i < order_.size(); ++i) {
      const Amount time = split_.time_on(order_[i], device);
      memory += split_.memory_[order_[i]];
      if (time >= kNever || memory > memory_limit) return;
      compute_ += time;
      for (const OperatorId op : split_.members_[order_[i]]) take(op, begin);
      visit(i + 1,
            cost::combine(problem.transfers(), Duration(in_), Duration(compute_), Duration(out_))
                .count());
    }
  }

 private:
  void take(OperatorId op, std::size_t begin) {
    for (const TensorId x : graph_.inputs(op)) {
      if (position_[split_.block_of_[graph_.producer(x).index()]] < begin) {  // moved in once
        if (touched_[x.index()] != pass_) in_ += price(x);
        touched_[x.index()] = pass_;
      } else if (--inside_[x.index()] == 0) {
        out_ -= price(x);
      }
    }
    for (const TensorId x : graph_.outputs(op)) {
      inside_[x.index()] = static_cast<std::uint32_t>(graph_.consumers(x).size());
      if (inside_[x.index()] > 0) out_ += price(x);
    }
  }

  [[nodiscard]] Amount price(TensorId x) const {
    return split_.problem_.transfer(x, class_).count();
  }

  const OrderSplit& split_;
  const model::Graph& graph_;
  std::span<const std::uint32_t> order_;
  std::vector<std::size_t> position_;   // [blocks]
  std::vector<std::uint64_t> touched_;  // [tensors]: the pass in which it was moved in
  std::vector<std::uint32_t> inside_;   // [tensors]: consumers that are not in the slice
  std::uint64_t pass_ = 0;
  ClassId class_;
  Amount in_ = 0, compute_ = 0, out_ = 0;
};

// The pool on which each block of the order takes least, and that time.
std::vector<OrderSplit::Pooled> OrderSplit::fastest_pools(
    std::span<const std::uint32_t> order) const {
  std::vector<Pooled> pools(order.size());
  for (std::size_t d = 0; d < problem_.machine().num_devices(); ++d) {
    if (!problem_.machine().is_pool(DeviceId(d))) continue;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Amount time = time_on(order[i], DeviceId(d));
      if (time < pools[i].time) pools[i] = Pooled{time, DeviceId(d)};
    }
  }
  return pools;
}

std::vector<SlotId> OrderSplit::split(std::span<const std::uint32_t> order,
                                      const cost::LatencyClock& clock, std::uint64_t& effort,
                                      const base::Deadline& deadline) const {
  const std::size_t n = order.size();
  const auto accelerators = this->accelerators();
  const auto pools = fastest_pools(order);
  struct Step {
    Amount cost = kNever;
    std::uint32_t begin = 0;
    enum : std::uint8_t { none, pooled, call, skip } how = none;
  };
  // [accelerators used or passed over][blocks placed]
  std::vector<std::vector<Step>> best(accelerators.size() + 1, std::vector<Step>(n + 1));
  const auto improve = [&](std::size_t used, std::size_t end, Step step) {
    if (step.cost < best[used][end].cost) best[used][end] = step;
  };
  best[0][0].cost = 0;
  Slices slices(*this, order);
  for (std::size_t i = 0; i <= n; ++i) {
    const auto begin = static_cast<std::uint32_t>(i);
    std::vector<std::vector<std::size_t>> waiting(problem_.num_kinds());  // accelerators, by kind
    for (std::size_t used = 0; used <= accelerators.size(); ++used) {
      const Amount cost = best[used][i].cost;
      if (cost >= kNever) continue;
      if (i < n && pools[i].time < kNever) {
        improve(used, i + 1, Step{cost + pools[i].time, begin, Step::pooled});
      }
      if (used == accelerators.size()) continue;
      improve(used + 1, i, Step{cost, begin, Step::skip});
      waiting[problem_.kind_of(accelerators[used]).index()].push_back(used);
    }
    for (const auto& alike : waiting) {
      if (alike.empty()) continue;
      if (deadline.reached()) return {};
      slices.visit_from(i, accelerators[alike.front()], [&](std::size_t end, Amount load) {
        ++effort;
        for (const std::size_t used : alike) {
          improve(used + 1, end, Step{best[used][i].cost + load, begin, Step::call});
        }
      });
    }
  }
  std::size_t used = 0;
  for (std::size_t u = 1; u <= accelerators.size(); ++u) {
    if (best[u][n].cost < best[used][n].cost) used = u;
  }
  if (best[used][n].cost >= kNever) return {};
  std::vector<SlotId> slot_of(problem_.graph().num_operators());
  for (std::size_t end = n; end > 0 || used > 0;) {
    const Step& step = best[used][end];
    if (step.how == Step::none) break;
    for (std::size_t i = step.begin; i < end; ++i) {
      const DeviceId device = step.how == Step::pooled ? pools[i].device : accelerators[used - 1];
      for (const OperatorId op : members_[order[i]]) slot_of[op.index()] = clock.first_slot(device);
    }
    end = step.begin;
    used -= step.how == Step::pooled ? 0 : 1;
  }
  return slot_of;
}

}  // namespace cleave::latency
