#include "cleave/bounds/boundary_cuts.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cleave::bounds {
namespace {

__extension__ using Wide = __int128;

// Multipliers are fractions with this denominator, or a smaller one where numbers are huge.
constexpr Amount kFinestScale = 4096;
constexpr int kMostMultipliers = 12;

Amount floor_divide(Wide a, Amount b) {
  const Wide q = a / b;
  return static_cast<Amount>(q * b > a ? q - 1 : q);
}

}  // namespace

BoundaryCuts::BoundaryCuts(const Contracted& graph, const ideals::Reachability& reach,
                           std::size_t kind)
    : graph_(graph), reach_(reach), kind_(kind) {
  const std::size_t n = graph.num_nodes;
  work_.resize(n);
  before_.assign(n, 0);
  after_.assign(n, 0);
  for (Node v = 0; v < n; ++v) {
    work_[v] = graph.time(v, kind, 0);
    total_ += work_[v];
  }
  for (Node v = 0; v < n; ++v) {
    for (std::size_t word = 0; word < reach.words(); ++word) {
      for (Word rest = reach.ancestors(v)[word]; rest != 0; rest &= rest - 1) {
        const auto u = word * 64 + static_cast<std::size_t>(std::countr_zero(rest));
        before_[v] += work_[u];
        after_[u] += work_[v];
      }
    }
  }
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    Amount first = total_;
    Amount least_after = total_;
    for (const Node pin : graph.pins_of(e)) {
      first = std::min(first, before_[pin]);
      least_after = std::min(least_after, after_[pin]);
    }
    first_.push_back(first);
    last_.push_back(total_ - least_after);
  }
  forced_.resize(n);
  free_.resize(n);
  network_node_.resize(n);
}

bool BoundaryCuts::counted(std::uint32_t edge, Amount low, Amount high, Side side,
                           Amount spread) const {
  return side == Side::after ? last_[edge] <= low + spread : first_[edge] >= high - spread;
}

// A node outside an ideal keeps all after it outside; one inside keeps all before it inside.
bool BoundaryCuts::set_window(Amount low, Amount high) {
  forced_work_ = free_work_ = 0;
  free_nodes_.clear();
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    const bool may = before_[v] <= high;
    forced_[v] = total_ - after_[v] < low;
    free_[v] = may && !forced_[v];
    if (forced_[v]) {
      if (!may) return false;
      forced_work_ += work_[v];
    } else if (may) {
      network_node_[v] = static_cast<std::uint32_t>(free_nodes_.size() + 2);
      free_nodes_.push_back(v);
      free_work_ += work_[v];
    }
  }
  return forced_work_ <= high && forced_work_ + free_work_ >= low;
}

void BoundaryCuts::build(Amount low, Amount high, Side side, Amount spread) {
  cut_arcs_.clear();
  counted_edges_.clear();
  forced_cut_ = 0;
  std::size_t num_nodes = free_nodes_.size() + 2;
  struct Cuttable {
    std::uint32_t edge;
    bool held;    // a pin is forced: cut unless all free pins are inside
    bool barred;  // a pin is outside the window: cut unless all free pins are outside
    std::uint32_t num_free;
  };
  std::vector<Cuttable> cuttable;
  for (std::uint32_t e = 0; e < graph_.edges.size(); ++e) {
    if (graph_.weight(kind_, e) == 0 || first_[e] > high || last_[e] < low) continue;
    if (!counted(e, low, high, side, spread)) continue;
    Cuttable c{e, false, false, 0};
    for (const Node pin : graph_.pins_of(e)) {
      c.held = c.held || forced_[pin];
      c.barred = c.barred || (!forced_[pin] && !free_[pin]);
      c.num_free += free_[pin];
    }
    if (c.held && c.barred) {
      forced_cut_ += graph_.weight(kind_, e);
      counted_edges_.push_back(e);
    } else if (c.num_free > 0 && (c.held || c.barred || c.num_free > 1)) {
      counted_edges_.push_back(e);
      cuttable.push_back(c);
      num_nodes += 2;
    }
  }
  network_.clear(num_nodes);
  source_arcs_.clear();
  sink_arcs_.clear();
  for (const Node v : free_nodes_) {
    source_arcs_.push_back(network_.add_arc(MinCut::kSource, network_node_[v], 0));
    sink_arcs_.push_back(network_.add_arc(network_node_[v], MinCut::kSink, 0));
    for (const Node u : graph_.predecessors(v)) {
      if (free_[u]) network_.add_arc(network_node_[v], network_node_[u], MinCut::kInfinite);
    }
  }
  // An edge is paid between a node that is inside if any pin is, and one that is outside if any
  // pin is.
  auto next = static_cast<std::uint32_t>(free_nodes_.size() + 2);
  for (const Cuttable& c : cuttable) {
    const std::uint32_t any_in = c.held ? MinCut::kSource : next++;
    const std::uint32_t any_out = c.barred ? MinCut::kSink : next++;
    cut_arcs_.push_back(CutArc{network_.add_arc(any_in, any_out, 0), graph_.weight(kind_, c.edge)});
    for (const Node pin : graph_.pins_of(c.edge)) {
      if (!free_[pin]) continue;
      if (!c.held) network_.add_arc(network_node_[pin], any_in, MinCut::kInfinite);
      if (!c.barred) network_.add_arc(any_out, network_node_[pin], MinCut::kInfinite);
    }
  }
}

Amount BoundaryCuts::minimise(Amount scale, Amount slope, Point& at, std::vector<Word>* found) {
  for (const CutArc& c : cut_arcs_) network_.set_capacity(c.arc, scale * c.weight);
  for (std::size_t i = 0; i < free_nodes_.size(); ++i) {
    const Amount value = slope * work_[free_nodes_[i]];
    network_.set_capacity(source_arcs_[i], std::max<Amount>(value, 0));
    network_.set_capacity(sink_arcs_[i], std::max<Amount>(-value, 0));
  }
  const Amount paid = network_.solve();
  at.work = forced_work_;
  for (std::size_t i = 0; i < free_nodes_.size(); ++i) {
    if (network_.source_side(network_node_[free_nodes_[i]])) at.work += work_[free_nodes_[i]];
  }
  // paid = scale · (cut − forced cut) + what the source or sink arcs lose.
  const Amount lost = slope >= 0 ? slope * (forced_work_ + free_work_ - at.work)
                                 : -slope * (at.work - forced_work_);
  const Amount cut = (paid - lost) / scale;
  at.cut = cut + forced_cut_;
  if (found != nullptr) {
    const std::size_t begin = found->size();
    found->resize(begin + words(), 0);
    for (Node v = 0; v < graph_.num_nodes; ++v) {
      if (forced_[v] || (free_[v] && network_.source_side(network_node_[v]))) {
        ideals::insert(found->data() + begin, v);
      }
    }
  }
  return scale * cut - slope * at.work;
}

// The ideal of all nodes of the window, or of the forced ones only.
BoundaryCuts::Point BoundaryCuts::measure_window_end(bool all) const {
  Point point{all ? forced_work_ + free_work_ : forced_work_, 0};
  for (const std::uint32_t e : counted_edges_) {
    bool some_in = false;
    bool some_out = false;
    for (const Node pin : graph_.pins_of(e)) {
      const bool in = forced_[pin] || (all && free_[pin]);
      some_in = some_in || in;
      some_out = some_out || !in;
    }
    if (some_in && some_out) point.cut += graph_.weight(kind_, e);
  }
  return point;
}

BoundaryCuts::Least BoundaryCuts::least_cut(Amount low, Amount high, Side side, Amount spread,
                                            std::vector<Word>* found) {
  Least least;
  if (!set_window(low, high)) {
    least.possible = false;
    return least;
  }
  build(low, high, side, spread);
  Amount total_weight = 1;
  for (const CutArc& c : cut_arcs_) total_weight += c.weight;
  // All sums of capacities stay far below MinCut::kInfinite; slopes are at most `steepest`.
  const Wide room = MinCut::kInfinite / 4;
  Amount scale = kFinestScale;
  while (scale > 1 && Wide(total_weight) * scale > room) scale /= 2;
  if (Wide(total_weight) * scale > room) return least;  // the trivial bound, 0
  const auto steepest = static_cast<Amount>(room / std::max<Amount>(1, total_));

  Point best;
  minimise(scale, 0, best, found);
  least.cut = best.cut;
  if (best.work >= low && best.work <= high) return least;
  // The lower hull of (work, cut) between the unconstrained minimum and the end of the window, at
  // the nearer limit of the range.
  const bool rising = best.work < low;
  const Amount target = rising ? low : high;
  Point near = best;
  Point far = measure_window_end(rising);
  for (int i = 0; i < kMostMultipliers; ++i) {
    if (near.work == far.work) break;
    const double exact = static_cast<double>(far.cut - near.cut) /
                         static_cast<double>(far.work - near.work) * static_cast<double>(scale);
    if (!(std::abs(exact) < static_cast<double>(steepest))) break;
    const auto slope = static_cast<Amount>(std::floor(exact));
    if ((rising && slope <= 0) || (!rising && slope >= 0)) break;
    Point at;
    const Amount minimum = minimise(scale, slope, at, found);
    const Amount bound = floor_divide(Wide(minimum) + Wide(slope) * target, scale);
    least.cut = std::max(least.cut, forced_cut_ + bound);
    if (at.work == target) break;
    const bool before_target = rising ? at.work < target : at.work > target;
    Point& replaced = before_target ? near : far;
    if (at.work == replaced.work) break;
    replaced = at;
  }
  return least;
}

}  // namespace cleave::bounds
