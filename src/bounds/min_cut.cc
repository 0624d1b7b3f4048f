#include "cleave/bounds/min_cut.h"

#include <algorithm>
#include <numeric>

namespace cleave::bounds {

void MinCut::clear(std::size_t num_nodes) {
  num_nodes_ = num_nodes;
  arcs_.clear();
  ends_.clear();
  indexed_ = false;
}

std::size_t MinCut::add_arc(std::uint32_t from, std::uint32_t to, Capacity capacity) {
  arcs_.push_back(Arc{to, capacity, 0});
  arcs_.push_back(Arc{from, 0, 0});
  ends_.emplace_back(from, to);
  indexed_ = false;
  return ends_.size() - 1;
}

MinCut::Capacity MinCut::solve() {
  if (!indexed_) {
    offsets_.assign(num_nodes_ + 1, 0);
    for (const auto& [from, to] : ends_) {
      ++offsets_[from + 1];
      ++offsets_[to + 1];
    }
    std::partial_sum(offsets_.begin(), offsets_.end(), offsets_.begin());
    incident_.resize(arcs_.size());
    next_.assign(offsets_.begin(), offsets_.end() - 1);
    for (std::uint32_t i = 0; i < ends_.size(); ++i) {
      incident_[next_[ends_[i].first]++] = 2 * i;
      incident_[next_[ends_[i].second]++] = 2 * i + 1;
    }
    indexed_ = true;
  }
  for (Arc& arc : arcs_) arc.residual = arc.original;
  Capacity flow = 0;
  while (find_levels()) flow += augment();
  return flow;
}

bool MinCut::find_levels() {
  level_.assign(num_nodes_, -1);
  level_[kSource] = 0;
  queue_.assign(1, kSource);
  for (std::size_t head = 0; head < queue_.size(); ++head) {
    const std::uint32_t v = queue_[head];
    for (std::uint32_t i = offsets_[v]; i < offsets_[v + 1]; ++i) {
      const Arc& arc = arcs_[incident_[i]];
      if (arc.residual > 0 && level_[arc.to] < 0) {
        level_[arc.to] = level_[v] + 1;
        queue_.push_back(arc.to);
      }
    }
  }
  return level_[kSink] >= 0;
}

// A blocking flow in the level graph, one path after another.
MinCut::Capacity MinCut::augment() {
  next_.assign(offsets_.begin(), offsets_.end() - 1);
  Capacity total = 0;
  path_.clear();
  std::uint32_t v = kSource;
  for (;;) {
    if (v == kSink) {
      Capacity least = kInfinite;
      for (const std::uint32_t a : path_) least = std::min(least, arcs_[a].residual);
      total += least;
      std::size_t keep = path_.size();
      for (std::size_t i = path_.size(); i-- > 0;) {
        arcs_[path_[i]].residual -= least;
        arcs_[path_[i] ^ 1].residual += least;
        if (arcs_[path_[i]].residual == 0) keep = i;
      }
      path_.resize(keep);
      v = keep == 0 ? kSource : arcs_[path_.back()].to;
      continue;
    }
    bool advanced = false;
    for (std::uint32_t& i = next_[v]; i < offsets_[v + 1]; ++i) {
      const Arc& arc = arcs_[incident_[i]];
      if (arc.residual > 0 && level_[arc.to] == level_[v] + 1) {
        path_.push_back(incident_[i]);
        v = arc.to;
        advanced = true;
        break;
      }
    }
    if (advanced) continue;
    if (v == kSource) return total;
    // Dead end: step back past the arc that led here.
    v = arcs_[path_.back() ^ 1].to;
    path_.pop_back();
    ++next_[v];
  }
}

}  // namespace cleave::bounds
