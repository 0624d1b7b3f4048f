#include "cleave/reduce/contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <numeric>
#include <queue>
#include <unordered_map>

namespace cleave::reduce {
namespace {

using model::Graph;
using model::GroupId;
using model::OperatorId;
using model::Phase;
using model::Problem;
using model::TensorId;

using Arc = std::pair<std::uint32_t, std::uint32_t>;

// Above this the transitive reduction's n²/8 bytes are not worth it.
constexpr std::size_t kMaxReducedNodes = 16384;

struct Lists {
  std::vector<std::uint32_t> offsets;
  std::vector<std::uint32_t> items;
};

// For each of n sources the targets of its arcs, in the order of `arcs`.
Lists group_by_source(std::size_t n, const std::vector<Arc>& arcs) {
  Lists lists{std::vector<std::uint32_t>(n + 1, 0), std::vector<std::uint32_t>(arcs.size())};
  for (const Arc& arc : arcs) ++lists.offsets[arc.first + 1];
  std::partial_sum(lists.offsets.begin(), lists.offsets.end(), lists.offsets.begin());
  std::vector<std::uint32_t> next(lists.offsets.begin(), lists.offsets.end() - 1);
  for (const Arc& arc : arcs) lists.items[next[arc.first]++] = arc.second;
  return lists;
}

Lists group_by_target(std::size_t n, const std::vector<Arc>& arcs) {
  std::vector<Arc> turned;
  turned.reserve(arcs.size());
  for (const Arc& arc : arcs) turned.emplace_back(arc.second, arc.first);
  return group_by_source(n, turned);
}

void sort_unique(std::vector<Arc>& arcs) {
  std::sort(arcs.begin(), arcs.end());
  arcs.erase(std::unique(arcs.begin(), arcs.end()), arcs.end());
}

// Operators that share a device because they share a colocation group.
struct Units {
  std::vector<std::uint32_t> of_operator;
  std::vector<bool> has_forward;
};

Units find_units(const Graph& graph) {
  Units units;
  std::vector<std::int64_t> unit_of_group(graph.num_groups(), -1);
  std::uint32_t count = 0;
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    std::uint32_t unit = count;
    if (const auto group = graph.group(OperatorId(v))) {
      std::int64_t& known = unit_of_group[group->index()];
      if (known < 0) known = count++;
      unit = static_cast<std::uint32_t>(known);
    } else {
      ++count;
    }
    units.of_operator.push_back(unit);
    units.has_forward.resize(count, false);
    if (graph.phase(OperatorId(v)) == Phase::forward) units.has_forward[unit] = true;
  }
  return units;
}

// The arcs that contiguity is about: forward tensors, and backward tensors that touch a unit
// without forward operators, mirrored (such a unit's stand-in in the forward pass).
std::vector<Arc> contiguity_arcs(const Graph& graph, const Units& units) {
  std::vector<Arc> arcs;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    const std::uint32_t from = units.of_operator[producer.index()];
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      const std::uint32_t to = units.of_operator[consumer.index()];
      if (from == to || graph.phase(producer) != graph.phase(consumer)) continue;
      if (graph.phase(producer) == Phase::forward) {
        arcs.emplace_back(from, to);
      } else if (!units.has_forward[from] || !units.has_forward[to]) {
        arcs.emplace_back(to, from);
      }
    }
  }
  sort_unique(arcs);
  return arcs;
}

// Strongly connected components (Tarjan, iterative because graphs can be one long chain).
std::vector<std::uint32_t> find_components(std::size_t n, const Lists& out, std::size_t& count) {
  constexpr std::uint32_t kUnseen = 0xffffffff;
  std::vector<std::uint32_t> index(n, kUnseen), low(n, 0), component(n, kUnseen), stack;
  std::vector<std::uint32_t> next(out.offsets.begin(), out.offsets.end() - 1);
  std::vector<std::uint32_t> path;
  std::uint32_t time = 0;
  count = 0;
  for (std::uint32_t root = 0; root < n; ++root) {
    if (index[root] != kUnseen) continue;
    path.push_back(root);
    while (!path.empty()) {
      const std::uint32_t v = path.back();
      if (index[v] == kUnseen) {
        index[v] = low[v] = time++;
        stack.push_back(v);
      }
      bool descended = false;
      while (next[v] < out.offsets[v + 1]) {
        const std::uint32_t w = out.items[next[v]];
        if (index[w] == kUnseen) {
          path.push_back(w);
          descended = true;
          break;
        }
        if (component[w] == kUnseen) low[v] = std::min(low[v], low[w]);
        ++next[v];
      }
      if (descended) continue;
      if (low[v] == index[v]) {
        std::uint32_t w;
        do {
          w = stack.back();
          stack.pop_back();
          component[w] = static_cast<std::uint32_t>(count);
        } while (w != v);
        ++count;
      }
      path.pop_back();
    }
  }
  return component;
}

// A topological numbering of n nodes; among the ready ones the smallest `rank` first.
std::vector<Node> number_topologically(std::size_t n, const std::vector<Arc>& arcs,
                                       const std::vector<std::uint32_t>& rank) {
  const Lists out = group_by_source(n, arcs);
  std::vector<std::uint32_t> waiting(n, 0);
  for (const Arc& arc : arcs) ++waiting[arc.second];
  using Entry = std::pair<std::uint32_t, std::uint32_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (std::uint32_t v = 0; v < n; ++v) {
    if (waiting[v] == 0) ready.emplace(rank[v], v);
  }
  std::vector<Node> number(n, 0);
  Node next = 0;
  while (!ready.empty()) {
    const std::uint32_t v = ready.top().second;
    ready.pop();
    number[v] = next++;
    for (std::uint32_t i = out.offsets[v]; i < out.offsets[v + 1]; ++i) {
      if (--waiting[out.items[i]] == 0) ready.emplace(rank[out.items[i]], out.items[i]);
    }
  }
  assert(next == n);
  return number;
}

// Keeps the arcs that no longer path implies. REQUIRES: arcs go from lower to higher numbers.
std::vector<Arc> transitive_reduction(std::size_t n, const std::vector<Arc>& arcs) {
  const std::size_t words = (n + 63) / 64;
  std::vector<std::uint64_t> reach(n * words, 0);  // descendants, itself included
  const Lists out = group_by_source(n, arcs);      // targets ascending: nearest first
  std::vector<Arc> kept;
  for (std::size_t v = n; v-- > 0;) {
    std::uint64_t* const mine = &reach[v * words];
    mine[v / 64] |= std::uint64_t{1} << (v % 64);
    for (std::uint32_t i = out.offsets[v]; i < out.offsets[v + 1]; ++i) {
      const std::uint32_t w = out.items[i];
      if ((mine[w / 64] >> (w % 64)) & 1) continue;
      kept.emplace_back(static_cast<std::uint32_t>(v), w);
      const std::uint64_t* const theirs = &reach[w * words];
      for (std::size_t word = w / 64; word < words; ++word) mine[word] |= theirs[word];
    }
  }
  sort_unique(kept);
  return kept;
}

void set_arcs(Contracted& graph, std::vector<Arc> arcs) {
  sort_unique(arcs);
  Lists out = group_by_source(graph.num_nodes, arcs);
  Lists in = group_by_target(graph.num_nodes, arcs);
  graph.successor_offsets = std::move(out.offsets);
  graph.successor_nodes = std::move(out.items);
  graph.predecessor_offsets = std::move(in.offsets);
  graph.predecessor_nodes = std::move(in.items);
}

void set_incidence(Contracted& graph) {
  std::vector<Arc> incident;
  incident.reserve(graph.pins.size());
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    for (const Node v : graph.pins_of(e)) incident.emplace_back(v, e);
  }
  Lists lists = group_by_source(graph.num_nodes, incident);
  graph.incidence_offsets = std::move(lists.offsets);
  graph.incident_edges = std::move(lists.items);
}

// Rows of tensor weights, one for all kinds that price every tensor alike.
void set_weight_rows(const Problem& problem, Contracted& graph,
                     std::vector<std::vector<Amount>>& rows) {
  const std::size_t tensors = problem.graph().num_tensors();
  for (std::size_t q = 0; q < problem.num_kinds(); ++q) {
    const model::ClassId c = problem.kind(model::KindId(q)).device_class;
    if (!problem.machine().device_class(c).pays_transfers) {
      graph.kind_weights.push_back(-1);
      continue;
    }
    std::vector<Amount> row(tensors);
    for (std::size_t x = 0; x < tensors; ++x) row[x] = problem.transfer(TensorId(x), c).count();
    const auto known = std::find(rows.begin(), rows.end(), row);
    graph.kind_weights.push_back(static_cast<int>(known - rows.begin()));
    if (known == rows.end()) rows.push_back(std::move(row));
  }
}

void set_edges(const Problem& problem, const std::vector<Node>& node_of, Contracted& graph) {
  std::vector<std::vector<Amount>> rows;
  set_weight_rows(problem, graph, rows);
  const Graph& g = problem.graph();
  graph.weights.resize(rows.size());
  // Tensors merge into one edge if no load can tell them apart: same pins, same phase and, where
  // directions count, same producer.
  const bool directed = graph.transfers == model::Transfers::full_duplex;
  std::map<std::vector<Node>, std::uint32_t> known;
  std::vector<Node> key;
  for (std::size_t x = 0; x < g.num_tensors(); ++x) {
    const OperatorId producer = g.producer(TensorId(x));
    key.assign(1, node_of[producer.index()]);
    for (const OperatorId consumer : g.consumers(TensorId(x))) {
      key.push_back(node_of[consumer.index()]);
    }
    std::sort(key.begin(), key.end());
    key.erase(std::unique(key.begin(), key.end()), key.end());
    const bool free = std::all_of(rows.begin(), rows.end(),
                                  [&](const std::vector<Amount>& row) { return row[x] == 0; });
    if (key.size() < 2 || free) continue;
    const std::size_t num_pins = key.size();
    const std::uint8_t phase = graph.phases == 2 && g.phase(producer) == Phase::backward ? 1 : 0;
    key.push_back(phase);
    if (directed) key.push_back(node_of[producer.index()]);
    const auto [it, inserted] =
        known.try_emplace(key, static_cast<std::uint32_t>(graph.edges.size()));
    if (inserted) {
      graph.edges.push_back(Edge{static_cast<std::uint32_t>(graph.pins.size()),
                                 static_cast<std::uint32_t>(num_pins), node_of[producer.index()],
                                 phase});
      graph.pins.insert(graph.pins.end(), key.begin(),
                        key.begin() + static_cast<std::ptrdiff_t>(num_pins));
      for (auto& row : graph.weights) row.push_back(0);
    }
    for (std::size_t r = 0; r < rows.size(); ++r) graph.weights[r][it->second] += rows[r][x];
  }
  set_incidence(graph);
}

std::string name_members(const Graph& graph, const std::vector<OperatorId>& members) {
  if (members.size() == 1) return fmt::format("operator '{}'", graph.id(members[0]));
  return fmt::format("the {} operators that must share a device with '{}' ('{}' among them)",
                     members.size(), graph.id(members[0]), graph.id(members[1]));
}

base::Error infeasible(std::string message) {
  return base::Error{base::ErrorCode::infeasible, std::move(message), {}};
}

// A reason why no placement exists that can be seen without search.
base::Status find_obstacle(const Problem& problem, const Contracted& graph) {
  const auto device_class_name = [&](std::size_t q) {
    return problem.machine().device_class(problem.kind(model::KindId(q)).device_class).name;
  };
  for (Node v = 0; v < graph.num_nodes; ++v) {
    Amount best_short = Contracted::kUnlimited;
    std::size_t best_kind = graph.num_kinds;
    bool fits = false;
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      if (!graph.is_allowed(v, q)) continue;
      const Amount missing = graph.memory[v] - graph.kind_memory[q];
      fits = fits || missing <= 0;
      if (missing < best_short) {
        best_short = missing;
        best_kind = q;
      }
    }
    if (fits) continue;
    const std::string who = name_members(problem.graph(), graph.members[v]);
    if (best_kind == graph.num_kinds) {
      return infeasible(fmt::format("no device may hold all of them: {}", who));
    }
    return infeasible(
        fmt::format("{} need{} {} bytes; a device of class '{}' has {}: {} bytes short", who,
                    graph.members[v].size() == 1 ? "s" : "", graph.memory[v],
                    device_class_name(best_kind), graph.kind_memory[best_kind], best_short));
  }
  Amount need = 0;
  for (const Amount m : graph.memory) need += m;
  Amount have = 0;
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (graph.kind_memory[q] == Contracted::kUnlimited) return std::monostate{};
    // Saturating: only whether `have` reaches `need` matters.
    for (std::uint32_t i = 0; i < graph.kind_count[q] && have < need; ++i) {
      have += graph.kind_memory[q];
    }
  }
  if (have < need) {
    return infeasible(
        fmt::format("all operators together need {} bytes; all devices together have "
                    "{}: {} bytes short",
                    need, have, need - have));
  }
  return std::monostate{};
}

// Fuses operators into the given parts; `arcs` are over parts, acyclic.
base::Result<Contracted> assemble(const Problem& problem, const std::vector<std::uint32_t>& part_of,
                                  std::size_t num_parts, std::vector<Arc> arcs, bool phases_apart) {
  const Graph& g = problem.graph();
  Contracted graph;
  graph.num_nodes = num_parts;
  sort_unique(arcs);
  std::vector<std::uint32_t> rank(graph.num_nodes, 0xffffffff);
  for (std::uint32_t i = 0; i < g.num_operators(); ++i) {
    const OperatorId op = g.topological_order()[i];
    std::uint32_t& r = rank[part_of[op.index()]];
    r = std::min(r, i);
  }
  const std::vector<Node> number = number_topologically(graph.num_nodes, arcs, rank);
  for (Arc& arc : arcs) arc = {number[arc.first], number[arc.second]};
  sort_unique(arcs);
  graph.reduced = graph.num_nodes <= kMaxReducedNodes;
  if (graph.reduced) arcs = transitive_reduction(graph.num_nodes, arcs);
  set_arcs(graph, std::move(arcs));

  std::vector<Node> node_of(g.num_operators());
  graph.members.resize(graph.num_nodes);
  for (const OperatorId op : g.topological_order()) {
    node_of[op.index()] = number[part_of[op.index()]];
    graph.members[node_of[op.index()]].push_back(op);
  }

  graph.num_kinds = problem.num_kinds();
  graph.phases = phases_apart && problem.schedule() == model::Schedule::gpipe ? 2 : 1;
  graph.transfers = problem.transfers();
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    const model::Kind& kind = problem.kind(model::KindId(q));
    graph.kind_count.push_back(static_cast<std::uint32_t>(kind.devices.size()));
    const auto memory = problem.memory(kind.device_class);
    graph.kind_memory.push_back(memory ? std::min(memory->count(), Contracted::kUnlimited)
                                       : Contracted::kUnlimited);
  }
  graph.memory.assign(graph.num_nodes, 0);
  graph.times.assign(graph.num_nodes * graph.num_kinds * graph.phases, 0);
  graph.allowed.assign(graph.num_nodes * graph.num_kinds, 1);
  for (std::size_t i = 0; i < g.num_operators(); ++i) {
    const OperatorId op(i);
    const Node v = node_of[i];
    graph.memory[v] += g.memory(op).count();
    const std::size_t phase = graph.phases == 2 && g.phase(op) == Phase::backward ? 1 : 0;
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      const model::KindId kind(q);
      if (!problem.allowed(op, kind)) {
        graph.allowed[v * graph.num_kinds + q] = 0;
      } else {
        graph.times[(v * graph.num_kinds + q) * graph.phases + phase] +=
            problem.time(op, problem.kind(kind).device_class)->count();
      }
    }
  }
  for (std::size_t i = 0; i < graph.allowed.size(); ++i) {
    if (graph.allowed[i] != 0) continue;
    for (std::size_t p = 0; p < graph.phases; ++p) graph.times[i * graph.phases + p] = 0;
  }
  set_edges(problem, node_of, graph);
  if (auto status = find_obstacle(problem, graph); !status) return std::move(status).error();
  return graph;
}

}  // namespace

base::Result<Contracted> contract(const Problem& problem) {
  Units units = find_units(problem.graph());
  const std::size_t num_units = units.has_forward.size();
  std::vector<Arc> arcs = contiguity_arcs(problem.graph(), units);
  std::size_t num_components = 0;
  const std::vector<std::uint32_t> component =
      find_components(num_units, group_by_source(num_units, arcs), num_components);
  for (Arc& arc : arcs) arc = {component[arc.first], component[arc.second]};
  std::erase_if(arcs, [](const Arc& arc) { return arc.first == arc.second; });
  for (std::uint32_t& part : units.of_operator) part = component[part];
  return assemble(problem, units.of_operator, num_components, std::move(arcs), true);
}

base::Result<Contracted> contract_groups(const Problem& problem, bool phases_apart) {
  const Units units = find_units(problem.graph());
  return assemble(problem, units.of_operator, units.has_forward.size(), {}, phases_apart);
}

Contracted reversed(const Contracted& graph) {
  Contracted turned = graph;
  const std::size_t n = graph.num_nodes;
  const auto flip = [n](Node v) { return static_cast<Node>(n - 1 - v); };
  std::vector<Arc> arcs;
  for (Node v = 0; v < n; ++v) {
    for (const Node w : graph.successors(v)) arcs.emplace_back(flip(w), flip(v));
    turned.members[flip(v)] = graph.members[v];
    turned.memory[flip(v)] = graph.memory[v];
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      turned.allowed[flip(v) * graph.num_kinds + q] = graph.allowed[v * graph.num_kinds + q];
      for (std::size_t p = 0; p < graph.phases; ++p) {
        turned.times[(flip(v) * graph.num_kinds + q) * graph.phases + p] = graph.time(v, q, p);
      }
    }
  }
  set_arcs(turned, std::move(arcs));
  for (Edge& edge : turned.edges) {
    edge.producer = flip(edge.producer);
    const auto first = turned.pins.begin() + edge.first_pin;
    std::transform(first, first + edge.num_pins, first, flip);
    std::reverse(first, first + edge.num_pins);
  }
  set_incidence(turned);
  return turned;
}

Contracted fuse_nodes(const Contracted& graph, std::span<const Node> part_of,
                      std::size_t num_parts) {
  Contracted fused = graph;
  fused.num_nodes = num_parts;
  fused.members.assign(num_parts, {});
  fused.memory.assign(num_parts, 0);
  fused.times.assign(num_parts * graph.num_kinds * graph.phases, 0);
  fused.allowed.assign(num_parts * graph.num_kinds, 1);
  for (Node v = 0; v < graph.num_nodes; ++v) {
    const Node part = part_of[v];
    auto& members = fused.members[part];
    members.insert(members.end(), graph.members[v].begin(), graph.members[v].end());
    fused.memory[part] += graph.memory[v];
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      fused.allowed[part * graph.num_kinds + q] &= graph.allowed[v * graph.num_kinds + q];
      for (std::size_t p = 0; p < graph.phases; ++p) {
        fused.times[(part * graph.num_kinds + q) * graph.phases + p] += graph.time(v, q, p);
      }
    }
  }
  set_arcs(fused, {});
  fused.edges.clear();
  fused.pins.clear();
  for (auto& row : fused.weights) row.clear();
  std::map<std::pair<std::uint8_t, std::vector<Node>>, std::size_t> edge_of;
  std::vector<Node> pins;
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    pins.clear();
    for (const Node pin : graph.pins_of(e)) pins.push_back(part_of[pin]);
    std::sort(pins.begin(), pins.end());
    pins.erase(std::unique(pins.begin(), pins.end()), pins.end());
    if (pins.size() < 2) continue;
    const auto [it, is_new] =
        edge_of.try_emplace(std::pair(graph.edges[e].phase, pins), fused.edges.size());
    if (is_new) {
      fused.edges.push_back(Edge{static_cast<std::uint32_t>(fused.pins.size()),
                                 static_cast<std::uint32_t>(pins.size()),
                                 part_of[graph.edges[e].producer], graph.edges[e].phase});
      fused.pins.insert(fused.pins.end(), pins.begin(), pins.end());
      for (auto& row : fused.weights) row.push_back(0);
    }
    for (std::size_t row = 0; row < graph.weights.size(); ++row) {
      fused.weights[row][it->second] += graph.weights[row][e];
    }
  }
  set_incidence(fused);
  return fused;
}

model::Placement expand(const Problem& problem, const Contracted& graph,
                        std::span<const ChainStage> chain) {
  model::Placement placement(problem.graph().num_operators());
  std::vector<std::size_t> used(graph.num_kinds, 0);
  for (const ChainStage& stage : chain) {
    const model::Kind& kind = problem.kind(model::KindId(stage.kind));
    assert(used[stage.kind] < kind.devices.size());
    const model::DeviceId device = kind.devices[used[stage.kind]++];
    for (const Node v : stage.nodes) {
      for (const OperatorId op : graph.members[v]) placement[op.index()] = device;
    }
  }
  return placement;
}

}  // namespace cleave::reduce
