#include "throughput/order_search.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <numeric>

#include "throughput/running_set.h"

namespace cleave::throughput {
namespace {

// Emits nodes in topological order; `pick(ready)` says which ready node (position) is next.
template <class Pick>
std::vector<Node> order_by(const Contracted& graph, Pick pick) {
  std::vector<std::uint32_t> waiting(graph.num_nodes);
  std::vector<Node> ready, order;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    waiting[v] = static_cast<std::uint32_t>(graph.predecessors(v).size());
    if (waiting[v] == 0) ready.push_back(v);
  }
  std::reverse(ready.begin(), ready.end());  // the last one is the most recent: lowest first
  order.reserve(graph.num_nodes);
  while (!ready.empty()) {
    const std::size_t at = pick(ready);
    const Node v = ready[at];
    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(at));
    order.push_back(v);
    const auto next = graph.successors(v);
    for (auto it = next.rbegin(); it != next.rend(); ++it) {
      if (--waiting[*it] == 0) ready.push_back(*it);
    }
  }
  return order;
}

// The ready node that adds least to the cut of the prefix; the most recent among equals, so that
// branches are finished before others begin. `noise` blurs the comparison.
std::vector<Node> order_by_cut(const Contracted& graph, base::Random* random) {
  std::vector<std::uint32_t> inside(graph.edges.size(), 0);
  const auto growth = [&](Node v) {
    Amount change = 0;
    for (const std::uint32_t e : graph.edges_of(v)) {
      if (inside[e] == 0) change += graph.weights[0][e];
      if (inside[e] + 1 == graph.edges[e].num_pins) change -= graph.weights[0][e];
    }
    return change;
  };
  return order_by(graph, [&](const std::vector<Node>& ready) {
    std::size_t best = ready.size() - 1;
    Amount best_growth = std::numeric_limits<Amount>::max();
    // Very wide graphs: looking at the most recent ones keeps this near linear.
    constexpr std::size_t kLooked = 256;
    for (std::size_t i = ready.size(); i-- > 0 && i + kLooked >= ready.size();) {
      Amount g = graph.weights.empty() ? 0 : growth(ready[i]);
      if (random != nullptr && g > 0)
        g = static_cast<Amount>(static_cast<double>(g) * (0.5 + random->unit()));
      if (g < best_growth) {
        best_growth = g;
        best = i;
      }
    }
    for (const std::uint32_t e : graph.edges_of(ready[best])) ++inside[e];
    return best;
  });
}

std::vector<Node> forwards(const Contracted& graph, std::size_t method, base::Random& random) {
  switch (method) {
    case 0: {
      std::vector<Node> order(graph.num_nodes);
      std::iota(order.begin(), order.end(), Node{0});
      return order;
    }
    case 1:
      return order_by(graph, [](const auto& ready) { return ready.size() - 1; });
    case 2:
      return order_by_cut(graph, nullptr);
    case 3:
      return order_by(graph, [](const auto&) { return std::size_t{0}; });
    case 4:
      return order_by_cut(graph, &random);
    default:
      return order_by(graph, [&](const auto& ready) {
        // Mostly the most recent, sometimes any: a depth-first order with detours.
        return random.chance(0.8) ? ready.size() - 1 : random.below(ready.size());
      });
  }
}

constexpr Amount kNoValue = std::numeric_limits<Amount>::max();

// The prefix lengths at which the order may be cut: all, or per slice of equal node count the one
// with the smallest cut.
std::vector<std::size_t> choose_positions(const Contracted& graph, std::span<const Node> order,
                                          std::size_t max_positions) {
  const std::size_t n = order.size();
  std::vector<std::size_t> positions;
  if (n + 1 <= max_positions || graph.weights.empty()) {
    const std::size_t steps = std::max<std::size_t>(2, max_positions) - 1;
    const std::size_t step = (n + steps - 1) / steps;
    for (std::size_t i = 0; i < n; i += step) positions.push_back(i);
    positions.push_back(n);
    return positions;
  }
  std::vector<std::uint32_t> inside(graph.edges.size(), 0);
  Amount cut = 0;
  Amount best = kNoValue;
  std::size_t best_at = 0;
  std::size_t slice = 0;
  positions.push_back(0);
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::uint32_t e : graph.edges_of(order[i])) {
      if (++inside[e] == 1) cut += graph.weights[0][e];
      if (inside[e] == graph.edges[e].num_pins) cut -= graph.weights[0][e];
    }
    const std::size_t now = i * (max_positions - 2) / n;
    if (now != slice) {
      positions.push_back(best_at);
      slice = now;
      best = kNoValue;
    }
    if (cut < best) {
      best = cut;
      best_at = i + 1;
    }
  }
  if (positions.back() != n) positions.push_back(n);
  return positions;
}

}  // namespace

std::vector<std::vector<Node>> propose_orders(const Contracted& graph, std::size_t count,
                                              std::uint64_t seed) {
  constexpr std::size_t kFixed = 4;  // methods that need no randomness
  base::Random random(seed);
  const Contracted turned = reversed(graph);
  std::vector<std::vector<Node>> orders;
  for (std::size_t i = 0; orders.size() < count; ++i) {
    const bool backwards = i % 2 == 1;
    const std::size_t step = i / 2;
    const std::size_t method = step < kFixed ? step : kFixed + step % 2;
    if (backwards && method == 0) continue;
    std::vector<Node> order = forwards(backwards ? turned : graph, method, random);
    if (backwards) {
      std::reverse(order.begin(), order.end());
      for (Node& v : order) v = static_cast<Node>(graph.num_nodes - 1 - v);
    }
    orders.push_back(std::move(order));
  }
  return orders;
}

std::optional<Found> best_intervals(const Contracted& graph, const Levels& levels,
                                    std::span<const Node> order, const Caps& caps,
                                    std::size_t objective_phase, std::size_t max_positions,
                                    const base::Deadline& deadline) {
  const std::vector<std::size_t> positions = choose_positions(graph, order, max_positions);
  const std::size_t num_levels = levels.size();
  struct Cell {
    Amount value = kNoValue;
    std::uint32_t from = 0;
    std::uint32_t kind = 0;
  };
  std::vector<Cell> cells(positions.size() * num_levels);
  cells[0].value = 0;
  RunningSet set(graph);
  std::vector<std::size_t> reached;
  const std::size_t last = positions.size() - 1;
  for (std::size_t i = 0; i < last; ++i) {
    if (i % 64 == 0 && deadline.reached()) return std::nullopt;
    reached.clear();
    for (std::size_t u = 0; u < num_levels; ++u) {
      if (cells[i * num_levels + u].value != kNoValue) reached.push_back(u);
    }
    if (reached.empty()) continue;
    set.clear();
    for (std::size_t j = i + 1; j <= last; ++j) {
      for (std::size_t at = positions[j - 1]; at < positions[j]; ++at) set.add(order[at]);
      bool hopeless = true;
      for (std::size_t q = 0; q < graph.num_kinds; ++q) {
        const auto price = set.price(q);
        if (!price.possible || price.compute_exceeds(caps)) continue;
        hopeless = false;
        if (!price.within(caps)) continue;
        const Amount load = price.load[objective_phase];
        for (const std::size_t u : reached) {
          if (levels.left(u, q) == 0) continue;
          const Amount value = std::max(cells[i * num_levels + u].value, load);
          Cell& cell = cells[j * num_levels + levels.next(u, q)];
          if (value < cell.value) {
            cell = Cell{value, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(q)};
          }
        }
      }
      if (hopeless) break;
    }
  }
  // Among the best, the level that uses the fewest devices has the smallest number.
  std::size_t best = num_levels;
  for (std::size_t u = 0; u < num_levels; ++u) {
    const Amount value = cells[last * num_levels + u].value;
    if (value == kNoValue) continue;
    if (best == num_levels || value < cells[last * num_levels + best].value) best = u;
  }
  if (best == num_levels) return std::nullopt;
  Found found;
  found.value = cells[last * num_levels + best].value;
  for (std::size_t j = last, u = best; j > 0;) {
    const Cell& cell = cells[j * num_levels + u];
    reduce::ChainStage stage;
    stage.kind = cell.kind;
    for (std::size_t at = positions[cell.from]; at < positions[j]; ++at) {
      stage.nodes.push_back(order[at]);
    }
    found.chain.push_back(std::move(stage));
    j = cell.from;
    u -= levels.next(0, cell.kind);
  }
  std::reverse(found.chain.begin(), found.chain.end());
  return found;
}

}  // namespace cleave::throughput
