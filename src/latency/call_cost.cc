#include "latency/call_cost.h"

#include <algorithm>

#include "latency/multiplier.h"

namespace cleave::latency {
namespace {

using bounds::MinCut;

constexpr int kMaxMultipliers = 8;

}  // namespace

Path::Path(const Relaxed& graph, std::vector<Vertex> on_path) : vertices(std::move(on_path)) {
  first.assign(graph.size, length());
  last.assign(graph.size, -1);
  for (std::int32_t i = 0; i < length(); ++i) {
    first[vertices[static_cast<std::size_t>(i)]] = i;
    last[vertices[static_cast<std::size_t>(i)]] = i;
  }
  for (Vertex v = 0; v < graph.size; ++v) {
    for (const Vertex u : graph.predecessors[v]) last[v] = std::max(last[v], last[u]);
  }
  for (auto v = static_cast<Vertex>(graph.size); v-- > 0;) {
    for (const Vertex w : graph.successors[v]) first[v] = std::min(first[v], first[w]);
  }
}

// Which units are in every call of the interval, and which in none. False: there is no call.
bool CallCost::decide_sides(std::int32_t begin, std::int32_t end) {
  const std::size_t units = merged_ ? graph_.members.size() : graph_.size;
  sides_.assign(units, Side::open);
  in_units_.clear();
  for (Vertex v = 0; v < graph_.size; ++v) {
    const bool excluded =
        path_.first[v] < begin || path_.last[v] >= end || graph_.call_time[v] == Relaxed::kNever;
    if (excluded) sides_[unit(v)] = Side::out;
  }
  for (Vertex v = 0; v < graph_.size; ++v) {
    if (path_.last[v] < begin || path_.first[v] >= end) continue;
    if (together_ && path_.first[v] != path_.last[v]) continue;
    Side& side = sides_[unit(v)];
    if (side == Side::out) return false;
    if (side == Side::open) in_units_.push_back(unit(v));
    side = Side::in;
  }
  return together_ || pull_in(begin, end);
}

// What lies between the interval and a unit inside is inside as well.
bool CallCost::pull_in(std::int32_t begin, std::int32_t end) {
  bool possible = true;
  const auto pull = [&](Vertex v) {
    Side& side = sides_[unit(v)];
    if (side == Side::out) possible = false;
    if (side == Side::open) {
      side = Side::in;
      in_units_.push_back(unit(v));
    }
  };
  for (std::size_t next = 0; next < in_units_.size() && possible; ++next) {
    for_each_member(in_units_[next], [&](Vertex v) {
      for (const Vertex w : graph_.successors[v]) {
        if (path_.first[w] < end) pull(w);
      }
      for (const Vertex u : graph_.predecessors[v]) {
        if (path_.last[u] >= begin) pull(u);
      }
    });
  }
  return possible;
}

// The open units that some row of tensors connects to those inside; others are never worth it.
void CallCost::collect_open() {
  open_units_.clear();
  node_of_.resize(sides_.size());
  seen_tensor_.resize(graph_.tensors.size(), 0);
  ++pass_;
  num_nodes_ = 2;
  std::vector<std::uint8_t> seen(sides_.size(), 0);
  const auto meet = [&](Vertex v) {
    const std::uint32_t u = unit(v);
    if (sides_[u] != Side::open || seen[u] != 0) return;
    seen[u] = 1;
    node_of_[u] = num_nodes_++;
    open_units_.push_back(u);
  };
  const auto spread = [&](std::uint32_t u) {
    for_each_member(u, [&](Vertex v) {
      for (const std::uint32_t x : graph_.outputs[v]) {
        for (const Vertex w : graph_.tensors[x].consumers) meet(w);
      }
      for (const std::uint32_t x : graph_.inputs[v]) {
        meet(graph_.tensors[x].producer);
        for (const Vertex w : graph_.tensors[x].consumers) meet(w);
      }
    });
  };
  for (const std::uint32_t u : in_units_) spread(u);
  for (std::size_t next = 0; next < open_units_.size(); ++next) spread(open_units_[next]);
}

void CallCost::arc(std::uint32_t from, std::uint32_t to, Amount capacity) {
  if (from == to || from == MinCut::kSink || to == MinCut::kSource || capacity == 0) return;
  if (from == MinCut::kSource && to == MinCut::kSink) {
    constant_ += capacity;
  } else {
    arcs_.push_back(Arc{from, to, capacity});
  }
}

// The source's side of a cut is the call. A unit's node: kSource, kSink, or its own.
void CallCost::add_transfer(const Relaxed::Tensor& tensor, Amount price) {
  const auto node = [&](Vertex v) {
    const std::uint32_t u = unit(v);
    if (sides_[u] == Side::in) return MinCut::kSource;
    return sides_[u] == Side::out ? MinCut::kSink : node_of_[u];
  };
  const std::uint32_t producer = node(tensor.producer);
  bool any_in = false;
  bool any_out = false;
  std::vector<std::uint32_t> open;
  for (const Vertex v : tensor.consumers) {
    const std::uint32_t at = node(v);
    any_in = any_in || at == MinCut::kSource;
    any_out = any_out || at == MinCut::kSink;
    if (at != MinCut::kSource && at != MinCut::kSink && at != producer) open.push_back(at);
  }
  // In: the producer is outside and some consumer inside.
  if (any_in) {
    arc(MinCut::kSource, producer, price);
  } else if (open.size() == 1) {
    arc(open[0], producer, price);
  } else if (!open.empty() && producer != MinCut::kSource) {
    const std::uint32_t some = num_nodes_++;
    for (const std::uint32_t at : open) arc(at, some, MinCut::kInfinite);
    arc(some, producer, price);
  }
  // Out: the producer is inside and some consumer outside.
  if (any_out) {
    arc(producer, MinCut::kSink, price);
  } else if (open.size() == 1) {
    arc(producer, open[0], price);
  } else if (!open.empty() && producer != MinCut::kSink) {
    const std::uint32_t all = num_nodes_++;
    arc(producer, all, price);
    for (const std::uint32_t at : open) arc(all, at, MinCut::kInfinite);
  }
}

void CallCost::add_closures(std::uint32_t u, std::int32_t begin, std::int32_t end) {
  const auto require = [&](Vertex needed) {
    const std::uint32_t other = unit(needed);
    if (other == u || sides_[other] == Side::in) return;
    arc(node_of_[u], sides_[other] == Side::out ? MinCut::kSink : node_of_[other],
        MinCut::kInfinite);
  };
  for_each_member(u, [&](Vertex v) {
    for (const Vertex w : graph_.successors[v]) {
      if (path_.first[w] < end) require(w);
    }
    for (const Vertex p : graph_.predecessors[v]) {
      if (path_.last[p] >= begin) require(p);
    }
  });
}

void CallCost::add_memory() {
  if (merged_) {
    for (const std::uint32_t u : in_units_) {
      for_each_member(u, [&](Vertex v) { constant_memory_ += graph_.memory[v]; });
    }
    for (const std::uint32_t u : open_units_) {
      Amount memory = 0;
      for_each_member(u, [&](Vertex v) { memory += graph_.memory[v]; });
      memory_arcs_.push_back(MemoryArc{node_of_[u], 0, memory, 0});
    }
    return;
  }
  // The whole group is on the accelerator, in this call or another.
  constexpr std::uint32_t kNone = 0xffffffff;
  std::vector<std::uint32_t> node_of_group(graph_.members.size(), kNone);
  const auto memory_of = [&](std::uint32_t g) {
    Amount memory = 0;
    for (const Vertex v : graph_.members[g]) memory += graph_.memory[v];
    return memory;
  };
  for (const Vertex v : in_units_) {
    const std::uint32_t g = graph_.group[v];
    if (node_of_group[g] == kNone) constant_memory_ += memory_of(g);
    node_of_group[g] = MinCut::kSource;
  }
  for (const Vertex v : open_units_) {
    const std::uint32_t g = graph_.group[v];
    if (node_of_group[g] == kNone) {
      node_of_group[g] = num_nodes_++;
      memory_arcs_.push_back(MemoryArc{node_of_group[g], 0, memory_of(g), 0});
    }
    if (node_of_group[g] != MinCut::kSource) {
      arc(node_of_[v], node_of_group[g], MinCut::kInfinite);
    }
  }
}

void CallCost::build_network(std::int32_t begin, std::int32_t end, const Weights& weights) {
  arcs_.clear();
  memory_arcs_.clear();
  constant_ = 0;
  constant_memory_ = 0;
  num_nodes_ = static_cast<std::uint32_t>(2 + open_units_.size());
  ++pass_;
  const auto add_unit = [&](std::uint32_t u, std::uint32_t node) {
    Amount time = 0;
    for_each_member(u, [&](Vertex v) {
      time += graph_.call_time[v] * weights.compute;
      const auto add = [&](std::uint32_t x) {
        if (seen_tensor_[x] == pass_) return;
        seen_tensor_[x] = pass_;
        add_transfer(graph_.tensors[x], graph_.tensors[x].price * weights.transfer);
      };
      for (const std::uint32_t x : graph_.outputs[v]) add(x);
      for (const std::uint32_t x : graph_.inputs[v]) add(x);
    });
    arc(node, MinCut::kSink, time);
  };
  for (const std::uint32_t u : in_units_) add_unit(u, MinCut::kSource);
  for (const std::uint32_t u : open_units_) {
    add_unit(u, node_of_[u]);
    if (!together_) add_closures(u, begin, end);
  }
  add_memory();
  network_.clear(num_nodes_);
  for (const Arc& a : arcs_) network_.add_arc(a.from, a.to, a.capacity);
  for (MemoryArc& a : memory_arcs_) a.number = network_.add_arc(a.node, MinCut::kSink, 0);
}

CallCost::Cut CallCost::solve(Amount multiplier) {
  for (const MemoryArc& a : memory_arcs_) {
    network_.set_capacity(a.number, price_down(a.memory, multiplier));
  }
  Cut cut;
  cut.cost = constant_ + network_.solve();
  cut.memory = constant_memory_;
  cut.value = cut.cost + price_down(constant_memory_, multiplier);
  for (const MemoryArc& a : memory_arcs_) {
    if (!network_.source_side(a.node)) continue;
    cut.memory += a.memory;
    cut.cost -= price_down(a.memory, multiplier);
  }
  return cut;
}

Amount CallCost::least_weighted(std::int32_t begin, std::int32_t end, const Weights& weights) {
  build_network(begin, end, weights);
  if (constant_memory_ > graph_.memory_limit) return Relaxed::kNever;
  Cut heavy = solve(0);
  Amount best = heavy.value;
  const auto keep = [&] {
    cheapest_.clear();
    const auto take = [&](std::uint32_t u) {
      for_each_member(u, [&](Vertex v) { cheapest_.push_back(v); });
    };
    for (const std::uint32_t u : in_units_) take(u);
    for (const std::uint32_t u : open_units_) {
      if (network_.source_side(node_of_[u])) take(u);
    }
  };
  keep();
  if (heavy.memory > graph_.memory_limit) {
    // Nothing but what has to be inside: more than every other set at a high multiplier.
    Cut light{0, constant_, constant_memory_};
    for (const Arc& a : arcs_) {
      if (a.from == MinCut::kSource) light.cost += a.capacity;
    }
    for (int i = 0; i < kMaxMultipliers; ++i) {
      const Wide slope = (static_cast<Wide>(light.cost - heavy.cost) << kMultiplierShift) /
                         (heavy.memory - light.memory);
      if (slope <= 0 || slope > Relaxed::kNever ||
          ((slope * heavy.memory) >> kMultiplierShift) >= MinCut::kInfinite / 4) {
        break;
      }
      const auto multiplier = static_cast<Amount>(slope);
      const Cut cut = solve(multiplier);
      best = std::max(best, cut.value - price_up(graph_.memory_limit, multiplier));
      const bool fits = cut.memory <= graph_.memory_limit;
      if (fits) keep();
      if (cut.memory == (fits ? light : heavy).memory) break;
      (fits ? light : heavy) = cut;
    }
  }
  return (best + weights.divisor - 1) / weights.divisor;
}

Amount CallCost::least(std::int32_t begin, std::int32_t end) { return least(begin, end, false); }

Amount CallCost::least_together(std::int32_t begin, std::int32_t end) {
  return least(begin, end, true);
}

Amount CallCost::least(std::int32_t begin, std::int32_t end, bool together) {
  together_ = together;
  // With as many slots as calls here, the accelerator holds nothing else.
  merged_ = graph_.slots == 1 || (together && graph_.slots == 2);
  if (!decide_sides(begin, end)) return Relaxed::kNever;
  collect_open();
  switch (graph_.transfers) {
    case model::Transfers::serial:
      return least_weighted(begin, end, {1, 1, 1});
    case model::Transfers::half_duplex:  // max(a, b) is at least any average
      return std::max({least_weighted(begin, end, {1, 0, 1}), least_weighted(begin, end, {0, 1, 1}),
                       least_weighted(begin, end, {1, 1, 2})});
    case model::Transfers::full_duplex:
      return std::max({least_weighted(begin, end, {1, 0, 1}), least_weighted(begin, end, {0, 1, 2}),
                       least_weighted(begin, end, {1, 1, 3})});
  }
  return 0;
}

}  // namespace cleave::latency
