#include "cleave/bounds/sweep.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <unordered_map>

namespace cleave::bounds {
namespace {

__extension__ using Wide = __int128;

constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max() / 2;
constexpr std::size_t kMostStates = 4000;                 // at any place
constexpr std::size_t kMostCells = std::size_t{1} << 27;  // of all tables at a place
constexpr std::uint32_t kMostPositions = 700;
constexpr std::int32_t kGrains = 1 << 22;  // of the largest load

// Two versions of a function, of which one is chosen before the program starts: too early for
// ThreadSanitizer, which would crash.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_THREAD__)
#define CLEAVE_WIDE_TOO __attribute__((target_clones("avx2", "default")))
#else
#define CLEAVE_WIDE_TOO
#endif

// into[i] = min(into[i], from[i] + cost)
CLEAVE_WIDE_TOO void lower(std::int32_t* into, const std::int32_t* from, std::size_t count,
                           std::int32_t cost) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t value = from[i] + cost;
    into[i] = value < into[i] ? value : into[i];
  }
}

}  // namespace

Sweep::Sweep(const Contracted& graph, const ideals::Reachability& reach, std::size_t kind,
             const std::vector<Node>& order, std::size_t width)
    : graph_(graph), reach_(reach), kind_(kind) {
  // Every node as late as possible, right before what first needs it: sources do not stay open.
  const std::size_t n = order.size();
  std::vector<std::uint32_t> rank(n);
  for (std::uint32_t i = 0; i < n; ++i) rank[order[i]] = i;
  std::vector<std::uint8_t> taken(n, 0);
  std::vector<Node> stack;
  for (const Node v : order) {
    if (taken[v] || (graph.predecessors(v).empty() && !graph.successors(v).empty())) continue;
    stack.push_back(v);
    while (!stack.empty()) {
      const Node u = stack.back();
      const auto before = graph.predecessors(u);
      const auto missing =
          std::find_if(before.begin(), before.end(), [&](Node w) { return taken[w] == 0; });
      if (missing != before.end()) {
        stack.push_back(*missing);
        continue;
      }
      if (!taken[u]) order_.push_back(u);
      taken[u] = 1;
      stack.pop_back();
    }
  }
  place_.resize(n);
  for (std::uint32_t i = 0; i < order_.size(); ++i) place_[order_[i]] = i;
  choose_unit();
  choose_prices();
  narrow(width);
}

// The median time, so that equal nodes count one each; more where that gives too many positions.
void Sweep::choose_unit() {
  std::vector<Amount> times;
  Amount total = 0;
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    const Amount time = graph_.time(v, kind_, 0);
    total += time;
    if (time > 0) times.push_back(time);
  }
  std::sort(times.begin(), times.end());
  unit_ = std::max<Amount>(1, times.empty() ? 1 : times[times.size() / 2]);
  unit_ = std::max(unit_, total / kMostPositions);
  for (const Node v : order_) {
    const Amount time = graph_.time(v, kind_, 0);
    steps_.push_back(static_cast<std::uint32_t>((time + unit_ / 2) / unit_));
    positions_ += steps_.back();
    if (steps_.back() > 0) cheapest_.emplace_back(time, steps_.back());
  }
  std::sort(cheapest_.begin(), cheapest_.end(), [](const auto& a, const auto& b) {
    return Wide(a.first) * b.second < Wide(b.first) * a.second;
  });
}

// Even prices where the others are off by more than a hundredth in all. Rounded down: together they
// are at most all work.
void Sweep::choose_prices() {
  Amount total = 0;
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    prices_.push_back(graph_.time(v, kind_, 0));
    total += prices_.back();
  }
  if (positions_ == 0) return;
  std::vector<Amount> even(graph_.num_nodes);
  Amount off = 0;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    even[order_[i]] = static_cast<Amount>(Wide(total) * steps_[i] / positions_);
    off += std::max(even[order_[i]], prices_[order_[i]]) -
           std::min(even[order_[i]], prices_[order_[i]]);
  }
  averaged_ = off > total / 100;
  if (averaged_) prices_.swap(even);
}

// The largest amount, in units, of nodes with so much work: a fractional knapsack.
std::uint32_t Sweep::most_steps(Amount work) const {
  std::uint32_t steps = 0;
  for (const auto& [time, amount] : cheapest_) {
    if (time > work) {
      return steps + static_cast<std::uint32_t>((Wide(work) * amount + time - 1) / time);
    }
    work -= time;
    steps += amount;
  }
  return steps;
}

void Sweep::narrow(std::size_t width) {
  for (const Node v : order_) {
    std::vector<std::uint32_t> next;
    for (const Node w : graph_.successors(v)) next.push_back(place_[w]);
    std::sort(next.begin(), next.end());
    arcs_.push_back(std::move(next));
  }
  std::vector<std::uint32_t> edge_of;  // of the graph
  for (std::uint32_t e = 0; e < graph_.edges.size(); ++e) {
    if (graph_.weight(kind_, e) == 0) continue;
    KeptEdge kept;
    kept.weight = graph_.weight(kind_, e);
    for (const Node pin : graph_.pins_of(e)) kept.pins.push_back(place_[pin]);
    std::sort(kept.pins.begin(), kept.pins.end());
    edges_.push_back(std::move(kept));
    edge_of.push_back(e);
  }
  // While too many are open at some place, the one that stays open longest from there loses what
  // is furthest away.
  std::vector<std::vector<Node>> lost(edges_.size());
  const std::size_t n = order_.size();
  for (std::uint32_t at = 0; at < n;) {
    std::size_t open = 0;
    std::uint32_t furthest = 0;
    std::vector<std::uint32_t>* list = nullptr;
    std::size_t list_edge = edges_.size();
    for (std::uint32_t i = 0; i <= at; ++i) {
      if (arcs_[i].empty() || arcs_[i].back() <= at) continue;
      ++open;
      if (arcs_[i].back() > furthest) {
        furthest = arcs_[i].back();
        list = &arcs_[i];
        list_edge = edges_.size();
      }
    }
    for (std::size_t e = 0; e < edges_.size(); ++e) {
      if (edges_[e].pins.size() < 2 || edges_[e].pins[0] > at || edges_[e].pins.back() <= at) {
        continue;
      }
      ++open;
      if (edges_[e].pins.back() >= furthest) {
        furthest = edges_[e].pins.back();
        list = &edges_[e].pins;
        list_edge = e;
      }
    }
    if (open <= width) {
      ++at;
      continue;
    }
    if (list_edge < edges_.size()) lost[list_edge].push_back(order_[list->back()]);
    list->pop_back();
  }
  choose_hub(lost);
  for (std::size_t e = 0; e < edges_.size(); ++e) {
    if (!lost[e].empty() && !edges_[e].has_hub) lost_weight_ += edges_[e].weight;
  }
  std::vector<KeptEdge> kept;
  for (KeptEdge& edge : edges_) {
    if (edge.pins.size() > 1 || edge.has_hub) kept.push_back(std::move(edge));
  }
  edges_.swap(kept);
}

// The node to which edges lost most weight, and all others that every one of these edges lost.
void Sweep::choose_hub(const std::vector<std::vector<Node>>& lost) {
  std::map<Node, Amount> weight;
  for (std::size_t e = 0; e < lost.size(); ++e) {
    for (const Node v : lost[e]) weight[v] += edges_[e].weight;
  }
  in_hub_.assign(graph_.num_nodes, 0);
  const auto heaviest =
      std::max_element(weight.begin(), weight.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (heaviest == weight.end()) return;
  has_hub_ = true;
  std::vector<std::size_t> members;  // edges
  for (std::size_t e = 0; e < lost.size(); ++e) {
    const auto loses = [&](Node v) {
      return std::find(lost[e].begin(), lost[e].end(), v) != lost[e].end();
    };
    if (!loses(heaviest->first)) continue;
    edges_[e].has_hub = true;
    for (const auto& [node, amount] : weight) {
      if (members.empty()) {
        in_hub_[node] = loses(node);
      } else if (!loses(node)) {
        in_hub_[node] = 0;
      }
    }
    members.push_back(e);
  }
  before_hub_.assign(reach_.words(), ~ideals::Word{0});
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    if (!in_hub_[v]) continue;
    for (std::size_t w = 0; w < reach_.words(); ++w) before_hub_[w] &= reach_.ancestors(v)[w];
  }
}

// The labels that a node may have in a case of the hub.
Sweep::LabelRange Sweep::labels(Node v, Hub hub) const {
  LabelRange range;
  if (hub == Hub::none) return range;
  if (in_hub_[v]) {
    switch (hub) {
      case Hub::all_after:
        range.lowest = kAfter;
        break;
      case Hub::out_begun:
        range.in = false;
        break;
      case Hub::all_in:
        range.lowest = range.highest = kIn;
        break;
      case Hub::split_unbegun:
        range.lowest = kIn;
        break;
      default:
        break;
    }
  } else if (ideals::contains(before_hub_.data(), v)) {
    switch (hub) {
      case Hub::out_begun:
      case Hub::split_begun:
        range.highest = kBefore;
        break;
      case Hub::all_in:
      case Hub::split_unbegun:
        range.highest = kIn;
        break;
      default:
        break;
    }
  }
  return range;
}

bool Sweep::compute(Amount most, base::Bytes memory, const base::Deadline& deadline) {
  const Amount within = most;
  // The tables at one place and at the next stand side by side.
  most_cells_ =
      std::min(kMostCells, static_cast<std::size_t>(std::max<std::int64_t>(
                               0, memory.count() / std::int64_t{2 * sizeof(std::int32_t)})));
  if (averaged_) {
    // A stage with its load within `most` may be priced higher, by what light nodes gain.
    Amount work = most;
    Amount gain = 0;
    const Amount total = std::accumulate(prices_.begin(), prices_.end(), Amount{0});
    const Amount even = (total + static_cast<Amount>(prices_.size())) / positions_ + 1;
    for (const auto& [time, amount] : cheapest_) {
      const Amount more = even * amount - time;
      if (work <= 0 || more <= 0) break;
      gain += more;
      work -= time;
    }
    most += gain;
  }
  grain_ = std::max<Amount>(1, most / kGrains);
  most_grains_ = static_cast<std::int32_t>(most / grain_);
  sizes_ = most_steps(within);
  least_.assign((positions_ + 1) * (sizes_ + 1), kNever);
  if (!has_hub_) return run(Hub::none, deadline);
  return run(Hub::all_after, deadline) && run(Hub::out_begun, deadline) &&
         run(Hub::split_begun, deadline) && run(Hub::all_in, deadline) &&
         run(Hub::split_unbegun, deadline);
}

bool Sweep::run(Hub hub, const base::Deadline& deadline) {
  const std::size_t n = order_.size();
  const std::size_t row_size = sizes_ + 1;
  const std::size_t table_size = (positions_ + 1) * row_size;
  // Positions outside [low, high] and sizes above `widest` hold no value.
  struct Table {
    std::vector<std::int32_t> least;
    std::uint32_t low = 0, high = 0, widest = 0;
  };
  // What an edge's pins so far say; kPaid also stands for edges that can no longer matter.
  enum Status : char { kAllIn, kNoneIn, kPaid };
  // A state is a string: the labels of the open nodes, then the statuses of the open edges.
  using States = std::unordered_map<std::string, Table>;
  States states;
  Table& start = states[std::string()];
  start.least.assign(table_size, kNever);
  // A hub that is partly in the stage makes all its edges pay, whatever the other pins do.
  const bool hub_split = hub == Hub::split_begun || hub == Hub::split_unbegun;
  Amount split_cost = 0;
  for (const KeptEdge& edge : edges_) {
    if (hub_split && edge.has_hub) split_cost += edge.weight;
  }
  if (split_cost / grain_ > most_grains_) return true;  // no stage of this case counts
  start.least[0] = static_cast<std::int32_t>(split_cost / grain_);

  std::vector<std::uint32_t> open_nodes, next_nodes;
  std::vector<std::size_t> open_edges, next_edges;
  std::vector<std::vector<std::uint32_t>> arcs_in(n);
  for (std::uint32_t i = 0; i < n; ++i) {
    for (const std::uint32_t j : arcs_[i]) arcs_in[j].push_back(i);
  }
  std::vector<std::vector<std::size_t>> edges_at(n);
  for (std::size_t e = 0; e < edges_.size(); ++e) {
    for (const std::uint32_t i : edges_[e].pins) edges_at[i].push_back(e);
  }
  std::string key;
  for (std::uint32_t at = 0; at < n; ++at) {
    const Node v = order_[at];
    const LabelRange range = labels(v, hub);
    next_nodes.clear();
    for (const std::uint32_t i : open_nodes) {
      if (arcs_[i].back() > at) next_nodes.push_back(i);
    }
    if (!arcs_[at].empty()) next_nodes.push_back(at);
    next_edges.clear();
    for (const std::size_t e : open_edges) {
      if (edges_[e].pins.back() > at) next_edges.push_back(e);
    }
    for (const std::size_t e : edges_at[at]) {
      if (edges_[e].pins.front() == at && edges_[e].pins.back() > at) next_edges.push_back(e);
    }
    const auto find_node = [&](std::uint32_t i) {
      return static_cast<std::size_t>(std::find(open_nodes.begin(), open_nodes.end(), i) -
                                      open_nodes.begin());
    };
    const auto find_edge = [&](std::size_t e) {
      return static_cast<std::size_t>(std::find(open_edges.begin(), open_edges.end(), e) -
                                      open_edges.begin());
    };
    std::vector<std::size_t> predecessor_slots;
    for (const std::uint32_t i : arcs_in[at]) predecessor_slots.push_back(find_node(i));
    // Slots in the old key: of what stays open, and of the edges that this node is a pin of.
    std::vector<std::size_t> node_slots, edge_slots, pin_slots;
    for (const std::uint32_t i : next_nodes) node_slots.push_back(find_node(i));
    for (const std::size_t e : next_edges) edge_slots.push_back(find_edge(e));
    for (const std::size_t e : edges_at[at]) pin_slots.push_back(find_edge(e));

    States next;
    const auto compute =
        static_cast<std::int32_t>(std::min<Amount>(prices_[v] / grain_, kNever / 2));
    const std::uint32_t step = steps_[at];
    for (auto& [old_key, table] : states) {
      if (deadline.reached()) return false;
      Label least_label = range.lowest;
      for (const std::size_t slot : predecessor_slots) {
        least_label = std::max(least_label, static_cast<Label>(old_key[slot]));
      }
      for (int label = least_label; label <= range.highest; ++label) {
        const bool in = label == kIn;
        if (in && !(range.in && graph_.is_allowed(v, kind_))) continue;
        Amount paid = 0;
        std::vector<Status> pin_status(pin_slots.size());
        for (std::size_t p = 0; p < pin_slots.size(); ++p) {
          const KeptEdge& edge = edges_[edges_at[at][p]];
          Status status = in ? kAllIn : kNoneIn;
          if (pin_slots[p] < open_edges.size()) {
            status = static_cast<Status>(old_key[open_nodes.size() + pin_slots[p]]);
          } else if (edge.has_hub) {
            status = hub_split ? kPaid : hub == Hub::all_in ? kAllIn : kNoneIn;
          }
          if (status == (in ? kNoneIn : kAllIn)) {
            paid += edge.weight;
            status = kPaid;
          }
          pin_status[p] = status;
        }
        const std::int32_t cost = (in ? compute : 0) + static_cast<std::int32_t>(std::min<Amount>(
                                                           paid / grain_, kNever / 2));
        if (cost > most_grains_) continue;
        key.clear();
        for (std::size_t s = 0; s < next_nodes.size(); ++s) {
          key.push_back(node_slots[s] < open_nodes.size() ? old_key[node_slots[s]]
                                                          : static_cast<char>(label));
        }
        for (std::size_t s = 0; s < next_edges.size(); ++s) {
          const auto pin = std::find(edges_at[at].begin(), edges_at[at].end(), next_edges[s]);
          key.push_back(pin != edges_at[at].end()
                            ? static_cast<char>(
                                  pin_status[static_cast<std::size_t>(pin - edges_at[at].begin())])
                            : old_key[open_nodes.size() + edge_slots[s]]);
        }
        const std::uint32_t before = label == kBefore ? step : 0;
        const std::uint32_t inside = in ? step : 0;
        if (inside > sizes_) continue;
        const std::uint32_t widest = std::min(table.widest + inside, sizes_);
        const auto [it, inserted] = next.try_emplace(key);
        Table& into = it->second;
        if (inserted) {
          into.least.assign(table_size, kNever);
          into.low = table.low + before;
          into.high = table.high + before;
          into.widest = widest;
        } else {
          into.low = std::min(into.low, table.low + before);
          into.high = std::max(into.high, table.high + before);
          into.widest = std::max(into.widest, widest);
        }
        for (std::uint32_t row = table.low; row <= table.high; ++row) {
          lower(&into.least[(row + before) * row_size + inside], &table.least[row * row_size],
                widest + 1 - inside, cost);
        }
        if (next.size() > kMostStates || next.size() * table_size > most_cells_) return false;
      }
      std::vector<std::int32_t>().swap(table.least);
    }
    // States that no size can reach within the largest load are dropped.
    for (auto it = next.begin(); it != next.end();) {
      Table& table = it->second;
      const auto empty = [&](std::uint32_t row) {
        const auto first = table.least.begin() + static_cast<std::ptrdiff_t>(row * row_size);
        return std::all_of(first, first + static_cast<std::ptrdiff_t>(row_size),
                           [&](std::int32_t value) { return value > most_grains_; });
      };
      while (table.low < table.high && empty(table.low)) ++table.low;
      while (table.high > table.low && empty(table.high)) --table.high;
      const auto unused = [&](std::uint32_t size) {
        for (std::uint32_t row = table.low; row <= table.high; ++row) {
          if (table.least[row * row_size + size] <= most_grains_) return false;
        }
        return true;
      };
      while (table.widest > 0 && unused(table.widest)) --table.widest;
      it = empty(table.low) ? next.erase(it) : std::next(it);
    }
    states.swap(next);
    open_nodes.swap(next_nodes);
    open_edges.swap(next_edges);
  }
  for (const auto& [last_key, table] : states) {
    for (std::uint32_t row = table.low; row <= table.high; ++row) {
      lower(&least_[row * row_size], &table.least[row * row_size], row_size, 0);
    }
  }
  return true;
}

// Whether the least total of a chain exceeds what the devices can take together.
bool Sweep::refuted_on_average(Amount threshold, std::uint32_t devices) const {
  const std::size_t row_size = sizes_ + 1;
  constexpr Amount kNone = std::numeric_limits<Amount>::max() / 2;
  std::vector<Amount> total(positions_ + 1, kNone);
  total[0] = 0;
  for (std::uint32_t round = 0; round < devices; ++round) {
    std::vector<Amount> next = total;  // a device may stay empty
    for (std::uint32_t i = 0; i <= positions_; ++i) {
      if (total[i] == kNone) continue;
      for (std::uint32_t s = 0; s <= sizes_ && i + s <= positions_; ++s) {
        const std::int32_t load = least_[i * row_size + s];
        if (load <= most_grains_) next[i + s] = std::min(next[i + s], total[i] + load);
      }
    }
    total.swap(next);
  }
  return total[positions_] == kNone || Wide(total[positions_]) * grain_ > Wide(threshold) * devices;
}

bool Sweep::refuted(Amount threshold, const Profile::Machine& machine) const {
  if (averaged_) {
    return machine.others.size() == 1 && refuted_on_average(threshold, machine.references);
  }
  const std::size_t row_size = sizes_ + 1;
  const auto grains = static_cast<std::int32_t>(std::min<Amount>(threshold / grain_, most_grains_));
  // reached[c][position]: by c other devices and as many reference devices as rounds so far.
  const std::size_t others = machine.others.size();
  std::vector<std::vector<std::uint8_t>> reached(others,
                                                 std::vector<std::uint8_t>(positions_ + 1, 0));
  reached[0][0] = 1;
  const auto spread_others = [&] {
    for (std::size_t c = 0; c + 1 < others; ++c) {
      for (std::size_t used = 1; c + used < others; ++used) {
        const std::uint32_t units = most_steps(machine.others[used]);
        for (std::uint32_t i = 0; i <= positions_; ++i) {
          if (!reached[c][i]) continue;
          const std::uint32_t end = std::min(positions_, i + units);
          for (std::uint32_t j = i; j <= end; ++j) reached[c + used][j] = 1;
        }
      }
    }
  };
  spread_others();
  for (std::uint32_t round = 0; round < machine.references; ++round) {
    auto next = reached;
    for (std::size_t c = 0; c < others; ++c) {
      for (std::uint32_t i = 0; i <= positions_; ++i) {
        if (!reached[c][i]) continue;
        for (std::uint32_t s = 0; s <= sizes_ && i + s <= positions_; ++s) {
          if (least_[i * row_size + s] <= grains) next[c][i + s] = 1;
        }
      }
    }
    reached.swap(next);
    spread_others();
  }
  return std::none_of(reached.begin(), reached.end(),
                      [&](const auto& row) { return row[positions_] != 0; });
}

}  // namespace cleave::bounds
