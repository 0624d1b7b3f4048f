#include "latency/path_bound.h"

#include <algorithm>
#include <utility>

namespace cleave::latency {
namespace {

// The heaviest path by the vertices' weights.
template <class Weight>
std::vector<Vertex> heaviest_path(const Relaxed& graph, Weight weight) {
  constexpr Vertex kNone = 0xffffffff;
  std::vector<double> best(graph.size, 0.0);
  std::vector<Vertex> from(graph.size, kNone);
  Vertex end = 0;
  for (Vertex v = 0; v < graph.size; ++v) {
    for (const Vertex u : graph.predecessors[v]) {
      if (from[v] == kNone || best[u] > best[from[v]]) from[v] = u;
    }
    best[v] = weight(v) + (from[v] == kNone ? 0.0 : best[from[v]]);
    if (best[v] > best[end]) end = v;
  }
  // Weightless ends cost nothing and may have to be inside.
  std::vector<Vertex> path;
  for (Vertex v = end; v != kNone; v = from[v]) path.push_back(v);
  std::reverse(path.begin(), path.end());
  while (!graph.successors[path.back()].empty()) {
    path.push_back(graph.successors[path.back()].front());
  }
  return path;
}

}  // namespace

PathBound::PathBound(const Relaxed& graph, std::vector<Vertex> path)
    : graph_(graph),
      path_(graph, std::move(path)),
      calls_(graph_, path_),
      max_calls_(std::min(graph.calls, path_.vertices.size())) {
  estimate();
}

// Whether the path's vertices before and after the position share a device.
bool PathBound::tied(std::size_t position) const {
  return position > 0 && position < path_.vertices.size() &&
         graph_.group[path_.vertices[position - 1]] == graph_.group[path_.vertices[position]];
}

// What it takes to move the path's own tensors across the position.
Amount PathBound::border(std::size_t position) const {
  if (position == 0 || position == path_.vertices.size() ||
      graph_.transfers != model::Transfers::serial) {
    return 0;
  }
  Amount price = 0;
  for (const std::uint32_t x : graph_.outputs[path_.vertices[position - 1]]) {
    const auto& consumers = graph_.tensors[x].consumers;
    if (std::binary_search(consumers.begin(), consumers.end(), path_.vertices[position])) {
      price += graph_.tensors[x].price;
    }
  }
  return price;
}

// What is known before any minimum cut.
void PathBound::estimate() {
  const auto length = static_cast<std::size_t>(path_.length());
  for (std::size_t i = 0; i <= length; ++i) tied_.push_back(tied(i));
  std::vector<std::vector<Vertex>> ends(length);  // vertices between two of the path, by `first`
  for (Vertex v = 0; v < graph_.size; ++v) {
    if (path_.last[v] >= 0 && path_.first[v] < path_.length()) {
      ends[static_cast<std::size_t>(path_.first[v])].push_back(v);
    }
  }
  intervals_[0].resize(length);
  intervals_[1].resize(length);
  for (std::size_t i = 0; i < length; ++i) {
    if (tied_[i]) continue;
    intervals_[0][i] = estimate_calls(i, ends);
    if (graph_.slots > 1) intervals_[1][i] = estimate_pairs(i);
  }
}

// One call has all that lies between its operators.
PathBound::Row PathBound::estimate_calls(std::size_t begin,
                                         const std::vector<std::vector<Vertex>>& ends) const {
  Row row;
  Amount compute = 0;
  Amount memory = 0;
  for (std::size_t end = begin; end < path_.vertices.size(); ++end) {
    for (const Vertex v : ends[end]) {
      if (path_.last[v] < static_cast<std::int32_t>(begin)) continue;
      if (graph_.call_time[v] == Relaxed::kNever) return row;
      compute += graph_.call_time[v];
      memory += graph_.memory[v];
    }
    if (memory > graph_.memory_limit) return row;
    const Amount cost =
        tied_[end + 1] ? Relaxed::kNever : compute + border(begin) + border(end + 1);
    row.push_back(Interval{cost, tied_[end + 1], {}});
  }
  return row;
}

// Several calls have the path's operators and meet at a tied position.
PathBound::Row PathBound::estimate_pairs(std::size_t begin) const {
  Row row;
  Amount compute = 0;
  Amount memory = 0;
  bool meet = false;
  for (std::size_t end = begin; end < path_.vertices.size(); ++end) {
    const Vertex v = path_.vertices[end];
    compute += graph_.call_time[v];
    memory += graph_.memory[v];
    if (graph_.call_time[v] == Relaxed::kNever || memory > graph_.memory_limit) return row;
    meet = meet || (end > begin && tied_[end]);
    const bool possible = meet && !tied_[end + 1];
    const Amount cost = possible ? compute + border(begin) + border(end + 1) : Relaxed::kNever;
    row.push_back(Interval{cost, !possible, {}});
  }
  return row;
}

// The cheapest division at the intervals' present costs.
Amount PathBound::divide() {
  const auto length = static_cast<std::size_t>(path_.length());
  std::vector<std::vector<Step>> best(max_calls_ + 1, std::vector<Step>(length + 1));
  best[0][0].cost = 0;
  for (std::size_t used = 0; used <= max_calls_; ++used) {
    for (std::size_t i = 0; i < length; ++i) {
      const Amount cost = best[used][i].cost;
      if (cost >= Relaxed::kNever || tied_[i]) continue;
      const auto improve = [&](std::size_t end, std::size_t calls, Amount price) {
        Step& step = best[used + calls][end];
        if (price < Relaxed::kNever && cost + price < step.cost) {
          step =
              Step{cost + price, static_cast<std::uint32_t>(i), static_cast<std::uint8_t>(calls)};
        }
      };
      Amount on_pool = 0;
      std::size_t end = i;
      do {
        on_pool = std::min(Relaxed::kNever, on_pool + graph_.pool_time[path_.vertices[end]]);
      } while (tied_[++end]);
      improve(end, 0, on_pool);
      for (std::size_t calls = 1; calls <= 2 && used + calls <= max_calls_; ++calls) {
        const Row& row = intervals_[calls - 1][i];
        for (std::size_t j = 0; j < row.size(); ++j) improve(i + j + 1, calls, row[j].cost);
      }
    }
  }
  std::size_t used = 0;
  for (std::size_t u = 1; u <= max_calls_; ++u) {
    if (best[u][length].cost < best[used][length].cost) used = u;
  }
  const Amount value = best[used][length].cost;
  pieces_.clear();
  for (std::size_t end = length; value < Relaxed::kNever && end > 0;) {
    const Step& step = best[used][end];
    pieces_.push_back(Piece{
        static_cast<std::int32_t>(step.begin), static_cast<std::int32_t>(end), step.calls, {}});
    used -= step.calls;
    end = step.begin;
  }
  std::reverse(pieces_.begin(), pieces_.end());
  return value;
}

Amount PathBound::raise(Amount enough, std::uint64_t& effort, const base::Deadline& deadline) {
  for (;;) {
    const Amount value = divide();
    bool priced = true;
    for (Piece& piece : pieces_) {
      if (piece.calls == 0) continue;
      Interval& interval = intervals_[piece.calls - 1][static_cast<std::size_t>(piece.begin)]
                                     [static_cast<std::size_t>(piece.end - piece.begin - 1)];
      if (!interval.priced && value < enough && !deadline.reached()) {
        priced = false;
        ++effort;
        const Amount cost = piece.calls == 1 ? calls_.least(piece.begin, piece.end)
                                             : calls_.least_together(piece.begin, piece.end);
        interval.cost = std::max(interval.cost, cost);
        interval.operators = calls_.cheapest();
        interval.priced = true;
      }
      piece.operators = interval.operators;
    }
    if (priced) return value;
  }
}

std::vector<std::vector<Vertex>> choose_paths(const Relaxed& graph) {
  double compute = 1.0, memory = 1.0, transfer = 1.0;
  std::vector<double> moved(graph.size, 0.0), time(graph.size, 0.0);
  for (Vertex v = 0; v < graph.size; ++v) {
    for (const std::uint32_t x : graph.outputs[v]) {
      moved[v] += static_cast<double>(graph.tensors[x].price);
    }
    time[v] = static_cast<double>(std::min(graph.call_time[v], graph.pool_time[v]));
    compute += time[v];
    memory += static_cast<double>(graph.memory[v]);
    transfer += moved[v];
  }
  const auto mixture = [&](double by_time, double by_memory, double by_transfer) {
    return heaviest_path(graph, [&, by_time, by_memory, by_transfer](Vertex v) {
      return by_time * time[v] / compute + by_transfer * moved[v] / transfer +
             by_memory * static_cast<double>(graph.memory[v]) / memory;
    });
  };
  std::vector<std::vector<Vertex>> paths;
  for (auto&& path : {mixture(1, 0, 0), mixture(0, 1, 0), mixture(1, 1, 0), mixture(1, 1, 1),
                      mixture(0, 0, 1), mixture(1, 0, 1)}) {
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
  }
  return paths;
}

Amount critical_path(const Relaxed& graph) {
  std::vector<Amount> finish(graph.size, 0);
  Amount longest = 0;
  for (Vertex v = 0; v < graph.size; ++v) {
    for (const Vertex u : graph.predecessors[v]) finish[v] = std::max(finish[v], finish[u]);
    finish[v] += std::min(graph.call_time[v], graph.pool_time[v]);
    longest = std::max(longest, finish[v]);
  }
  return longest;
}

}  // namespace cleave::latency
