#include "throughput/stage_lattice.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <queue>

namespace cleave::throughput {

using ideals::IdealStore;
using reduce::Contracted;
using reduce::Node;
using Index = StageLattice::Index;

namespace {

// Of the lattice's own tables.
constexpr std::size_t kBytesAnIdeal =
    sizeof(std::vector<StageLattice::Step>) + sizeof(StageLattice::Step) + sizeof(Index);

std::vector<StageLattice::Step> find_origins(const StageLattice& lattice) {
  std::vector<StageLattice::Step> origins(lattice.steps.size());
  for (Index i = 0; i < lattice.steps.size(); ++i) {
    for (const auto& step : lattice.steps[i]) origins[step.to] = {step.node, i};
  }
  return origins;
}

std::optional<StageLattice> enumerate(const Contracted& graph, std::size_t most,
                                      base::Bytes memory) {
  IdealStore store(graph);
  StageLattice lattice;
  lattice.complete = true;
  std::size_t num_steps = 0;
  // Ideals are numbered as they are found, breadth first: by size.
  for (Index i = 0; i < store.size(); ++i) {
    const std::size_t ready = store.ready(i).size();
    auto& steps = lattice.steps.emplace_back();
    for (std::size_t slot = 0; slot < ready; ++slot) {
      const Node node = store.ready(i)[slot];
      steps.push_back({node, store.grow(i, slot)});
      if (store.size() > most) return std::nullopt;
    }
    num_steps += ready;
    const std::size_t used =
        store.memory_used() + num_steps * sizeof(StageLattice::Step) + store.size() * kBytesAnIdeal;
    if (used > static_cast<std::size_t>(memory.count())) return std::nullopt;
    lattice.by_size.push_back(i);
  }
  lattice.origins = find_origins(lattice);
  lattice.full = lattice.by_size.back();
  return lattice;
}

// A topological order in which, of the ready nodes, that with the smallest key comes first.
std::vector<Node> order_by(const Contracted& graph,
                           const std::function<std::int64_t(Node, std::size_t)>& key) {
  std::vector<std::uint32_t> waiting(graph.num_nodes);
  using Entry = std::pair<std::int64_t, Node>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    waiting[v] = static_cast<std::uint32_t>(graph.predecessors(v).size());
    if (waiting[v] == 0) ready.emplace(key(v, 0), v);
  }
  std::vector<Node> order;
  while (!ready.empty()) {
    const Node v = ready.top().second;
    ready.pop();
    order.push_back(v);
    for (const Node next : graph.successors(v)) {
      if (--waiting[next] == 0) ready.emplace(key(next, order.size()), next);
    }
  }
  return order;
}

// [nodes]: arcs on the longest path from a source, or to a sink.
std::vector<std::int64_t> levels(const Contracted& graph, bool from_sources) {
  std::vector<std::int64_t> level(graph.num_nodes, 0);
  for (std::size_t i = 0; i < graph.num_nodes; ++i) {
    const auto v = static_cast<Node>(from_sources ? i : graph.num_nodes - 1 - i);
    for (const Node u : from_sources ? graph.predecessors(v) : graph.successors(v)) {
      level[v] = std::max(level[v], level[u] + 1);
    }
  }
  return level;
}

StageLattice follow_orders(const Contracted& graph) {
  const auto down = levels(graph, true);
  const auto up = levels(graph, false);
  const std::vector<std::vector<Node>> orders{
      order_by(graph, [](Node v, std::size_t) { return std::int64_t{v}; }),
      order_by(graph, [&](Node v, std::size_t) { return down[v]; }),
      order_by(graph, [&](Node v, std::size_t) { return -up[v]; }),
      order_by(graph, [](Node, std::size_t at) { return -static_cast<std::int64_t>(at); })};
  IdealStore store(graph);
  StageLattice lattice;
  lattice.steps.resize(1);
  std::vector<std::size_t> sizes{0};
  for (const std::vector<Node>& order : orders) {
    Index at = store.empty_ideal();
    std::size_t size = 0;
    for (const Node v : order) {
      const auto ready = store.ready(at);
      const auto slot =
          static_cast<std::size_t>(std::find(ready.begin(), ready.end(), v) - ready.begin());
      const Index to = store.grow(at, slot);
      ++size;
      if (to == lattice.steps.size()) {
        lattice.steps.emplace_back();
        sizes.push_back(size);
      }
      auto& steps = lattice.steps[at];
      const bool known =
          std::any_of(steps.begin(), steps.end(), [&](const auto& step) { return step.to == to; });
      if (!known) steps.push_back({v, to});
      at = to;
    }
    lattice.full = at;
  }
  lattice.origins = find_origins(lattice);
  for (Index i = 0; i < lattice.steps.size(); ++i) lattice.by_size.push_back(i);
  std::stable_sort(lattice.by_size.begin(), lattice.by_size.end(),
                   [&](Index a, Index b) { return sizes[a] < sizes[b]; });
  return lattice;
}

}  // namespace

std::vector<Node> StageLattice::nodes_between(Index from, Index to) const {
  const auto nodes_of = [&](Index ideal) {
    std::vector<Node> nodes;
    for (; ideal != 0; ideal = origins[ideal].to) nodes.push_back(origins[ideal].node);
    std::sort(nodes.begin(), nodes.end());
    return nodes;
  };
  const std::vector<Node> before = nodes_of(from);
  const std::vector<Node> all = nodes_of(to);
  std::vector<Node> between;
  std::set_difference(all.begin(), all.end(), before.begin(), before.end(),
                      std::back_inserter(between));
  return between;
}

base::Bytes StageLattice::memory_used() const {
  std::size_t bytes = steps.size() * kBytesAnIdeal;
  for (const auto& of_ideal : steps) bytes += of_ideal.size() * sizeof(Step);
  return base::Bytes(static_cast<std::int64_t>(bytes));
}

StageLattice build_lattice(const Contracted& graph, std::size_t most, base::Bytes memory) {
  if (auto all = enumerate(graph, most, memory)) return *std::move(all);
  return follow_orders(graph);
}

}  // namespace cleave::throughput
