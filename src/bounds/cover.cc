#include "cleave/bounds/cover.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "bounds/cover_master.h"

namespace cleave::bounds {
namespace {

using reduce::Amount;
using reduce::Contracted;
using reduce::Node;
__extension__ using Wide = __int128;

constexpr std::int64_t kWeightScale = std::int64_t{1} << 45;
constexpr std::size_t kMaxMasterRows = 1500;  // whose inverse takes 18 MB
// Weights may be negative, to let a node be in one set only: bounds for that, as shares of what the
// node's edges cost.
constexpr double kLeastNegative = 0.003;
constexpr double kMostNegative = 0.04;
constexpr std::size_t kFewLabels = 1 << 12;
constexpr std::size_t kMostLabels = 1 << 16;
constexpr int kMaxRounds = 1000;
constexpr Node kNoPart = 0xffffffff;

template <class T>
double size_of(const std::vector<T>& weights) {
  double sum = 0;
  for (const T w : weights) sum += std::abs(static_cast<double>(w));
  return sum;
}

// Whole weights in the proportions given, the sum near kWeightScale. All alike where all are 0.
std::vector<std::int64_t> to_whole(const std::vector<double>& weights) {
  const double sum = size_of(weights);
  std::vector<std::int64_t> whole;
  for (const double w : weights) {
    const double share = sum > 0 ? w / sum : 1.0 / static_cast<double>(weights.size());
    whole.push_back(static_cast<std::int64_t>(share * static_cast<double>(kWeightScale)));
  }
  return whole;
}

Amount dearest_weight(const Contracted& graph, std::uint32_t edge) {
  Amount dearest = 0;
  for (const auto& row : graph.weights) dearest = std::max(dearest, row[edge]);
  return dearest;
}

// Times on the most numerous kind; elsewhere for nodes that it may not hold.
std::vector<double> reference_times(const Contracted& graph) {
  const auto most = std::max_element(graph.kind_count.begin(), graph.kind_count.end());
  const auto reference = static_cast<std::size_t>(most - graph.kind_count.begin());
  std::vector<double> times;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    std::size_t kind = reference;
    for (std::size_t q = 0; q < graph.num_kinds && !graph.is_allowed(v, kind); ++q) {
      if (graph.is_allowed(v, q)) kind = q;
    }
    times.push_back(static_cast<double>(graph.time(v, kind, 0)));
  }
  return times;
}

}  // namespace

Cover::Cover(const Contracted& graph) : graph_(graph), times_(to_whole(reference_times(graph))) {
  assert(graph.phases == 1);
  auto unfused = std::make_shared<Fused>();
  unfused->graph = graph;
  unfused->part_of.resize(graph.num_nodes);
  std::iota(unfused->part_of.begin(), unfused->part_of.end(), Node{0});
  unfused->part_sizes.assign(graph.num_nodes, 1);
  fused_[std::numeric_limits<Amount>::max()] = std::move(unfused);
}

Cover::~Cover() = default;

Cover::Knapsack Cover::fill(const Contracted& graph, std::span<const std::int64_t> weights,
                            std::size_t kind, bool by_memory, Amount capacity) {
  struct Item {
    Node node;
    std::int64_t weight;
    Amount size;
  };
  std::vector<Item> items;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (!graph.is_allowed(v, kind) || weights[v] <= 0) continue;
    items.push_back(Item{v, weights[v], by_memory ? graph.memory[v] : graph.time(v, kind, 0)});
  }
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    const Wide left = Wide{a.weight} * b.size, right = Wide{b.weight} * a.size;
    return left != right ? left > right : a.node < b.node;
  });
  Knapsack result;
  for (const Item& item : items) {
    if (item.size <= capacity) {
      capacity -= item.size;
      result.most += item.weight;
      result.members.push_back({item.node, 1.0});
      continue;
    }
    const auto part = static_cast<std::int64_t>(Wide{item.weight} * capacity / item.size);
    result.most += part;
    if (part > 0) {
      result.members.push_back(
          {item.node, static_cast<double>(capacity) / static_cast<double>(item.size)});
    }
    break;
  }
  return result;
}

// By time or by memory, whichever says less.
Cover::Knapsack Cover::fill(const Contracted& graph, std::span<const std::int64_t> weights,
                            std::size_t kind, Amount threshold) {
  Knapsack by_time = fill(graph, weights, kind, false, threshold);
  if (graph.kind_memory[kind] == Contracted::kUnlimited) return by_time;
  Knapsack by_memory = fill(graph, weights, kind, true, graph.kind_memory[kind]);
  return by_memory.most < by_time.most ? by_memory : by_time;
}

bool Cover::prices_cuts(std::size_t kind) const {
  return graph_.transfers == model::Transfers::serial && graph_.kind_weights[kind] >= 0;
}

Amount Cover::work() {
  const std::int64_t all = std::accumulate(times_.begin(), times_.end(), std::int64_t{0});
  const auto refuted = [&](Amount threshold) {
    Wide capacity = 0;
    model::ProofStep step{times_, {}, {}, {}};
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      step.most.push_back(fill(graph_, times_, q, threshold).most);
      capacity += Wide{step.most.back()} * graph_.kind_count[q];
    }
    if (capacity < all) proof_ = {std::move(step)};
    return capacity < all;
  };
  // Above the work of all nodes no threshold is refuted: bisect.
  Amount low = 0, high = 0;
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    Amount slowest = 0;
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      slowest = std::max(slowest, graph_.time(v, q, 0));
    }
    high += slowest;
  }
  while (low < high) {
    const Amount middle = low + (high - low) / 2;
    if (refuted(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The one with the most nodes fused of those that hold for the threshold.
void Cover::choose_level(Amount threshold) {
  const auto& fused = fused_.lower_bound(threshold)->second;
  if (level_.fused == fused) return;
  level_.fused = fused;
  level_.pricing.clear();
  level_.pricing.resize(graph_.num_kinds);
}

Cover::Weights Cover::weights_on_level(const Weights& weights) const {
  Weights sums(level_.fused->graph.num_nodes, 0);
  for (Node v = 0; v < graph_.num_nodes; ++v) sums[level_.fused->part_of[v]] += weights[v];
  return sums;
}

// All of a part's weight to its first node.
Cover::Weights Cover::weights_from_level(const Weights& weights) const {
  Weights rest = weights, all(graph_.num_nodes);
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    all[v] = std::exchange(rest[level_.fused->part_of[v]], 0);
  }
  return all;
}

Cover::Column Cover::from_level(std::size_t kind, const std::vector<Node>& parts) const {
  const Fused& fused = *level_.fused;
  std::vector<std::uint8_t> inside(fused.graph.num_nodes, 0);
  for (const Node part : parts) inside[part] = 1;
  Column column{kind, {}, 0};
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    if (inside[fused.part_of[v]] != 0) column.nodes.push_back(v);
  }
  std::vector<std::uint32_t> pins_inside(fused.graph.edges.size(), 0);
  for (const Node part : parts) {
    column.load += fused.graph.time(part, kind, 0);
    for (const std::uint32_t e : fused.graph.edges_of(part)) ++pins_inside[e];
  }
  for (std::uint32_t e = 0; e < fused.graph.edges.size(); ++e) {
    if (pins_inside[e] > 0 && pins_inside[e] < fused.graph.edges[e].num_pins) {
      column.load += fused.graph.weight(kind, e);
    }
  }
  return column;
}

// Nothing where the column takes a part to pieces.
std::optional<Cover::Members> Cover::on_level(const Column& column) const {
  std::vector<std::uint32_t> held(level_.fused->graph.num_nodes, 0);
  for (const Node v : column.nodes) ++held[level_.fused->part_of[v]];
  Members members;
  for (Node part = 0; part < held.size(); ++part) {
    if (held[part] == 0) continue;
    if (held[part] < level_.fused->part_sizes[part]) return std::nullopt;
    members.push_back({part, 1.0});
  }
  return members;
}

// What the weights of the level's parts prove, told of the original's nodes.
model::ProofStep Cover::to_step(const Weights& weights, const Evaluation& evaluation) {
  model::ProofStep step{weights_from_level(weights), evaluation.most, {}, {}};
  const Fused& fused = *level_.fused;
  std::vector<Node> first(fused.graph.num_nodes);
  for (auto v = static_cast<Node>(graph_.num_nodes); v-- > 0;) first[fused.part_of[v]] = v;
  for (std::size_t q = 0; q < graph_.num_kinds && step.order.empty(); ++q) {
    if (!prices_cuts(q)) continue;
    for (const Node part : pricing(q).order()) step.order.push_back(first[part]);
  }
  return step;
}

// The threshold is refuted: by the steps that led to the level, and the last one.
void Cover::conclude(model::ProofStep last) {
  proof_ = {std::move(last)};
  for (const Fused* fused = level_.fused.get(); fused->before; fused = fused->before.get()) {
    proof_.push_back(fused->step);
  }
  std::reverse(proof_.begin(), proof_.end());
}

PathPricing& Cover::pricing(std::size_t kind) {
  auto& pricing = level_.pricing[kind];
  if (!pricing) pricing = std::make_unique<PathPricing>(level_.fused->graph, kind);
  pricing->set_max_labels(max_labels_);
  return *pricing;
}

// The heaviest set, and further ones without what was in the sets before: columns that together
// cover everything more evenly than one set and its like would.
void Cover::collect(Evaluation& evaluation, Weights weights, std::size_t kind, Amount threshold,
                    std::vector<Node> set, std::uint64_t& effort, const base::Deadline& deadline) {
  // Never worth it, and sums stay within their type.
  const std::int64_t taken =
      -std::min(kWeightScale, (std::int64_t{1} << 60) / static_cast<std::int64_t>(weights.size()));
  for (std::uint32_t i = 0; i < graph_.kind_count[kind] && !set.empty(); ++i) {
    Members members;
    std::int64_t weight = 0;
    for (const Node v : set) {
      weight += std::exchange(weights[v], taken);
      members.push_back({v, 1.0});
    }
    Column column = from_level(kind, set);
    const bool real = column.load <= threshold;
    if (real) columns_.push_back(std::move(column));
    if (real || rough_) evaluation.columns.emplace_back(kind, std::move(members));
    evaluation.blurred = evaluation.blurred || (!real && i == 0);
    constexpr std::uint32_t kFurther = 8;
    if (i == kFurther || deadline.reached()) break;
    // Much lighter sets are not worth their search.
    set = pricing(kind).price(weights, threshold, weight / 2, effort, deadline).set;
  }
}

Cover::Evaluation Cover::evaluate(const Weights& weights, Amount threshold, std::uint64_t& effort,
                                  const base::Deadline& deadline) {
  const Contracted& graph = level_.fused->graph;
  Evaluation evaluation;
  evaluation.most.assign(graph.num_kinds, 0);
  const std::int64_t all = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  Wide capacity = 0;
  Wide priced_devices = 0;
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (prices_cuts(q)) {
      priced_devices += graph.kind_count[q];
      continue;
    }
    Knapsack knapsack = fill(graph, weights, q, threshold);
    evaluation.most[q] = knapsack.most;
    capacity += Wide{knapsack.most} * graph.kind_count[q];
    evaluation.columns.emplace_back(q, std::move(knapsack.members));
  }
  // What each of the others may hold at most, for the threshold to be refuted.
  const Wide share = priced_devices > 0 ? (all - capacity - 1) / priced_devices : 0;
  const auto enough = static_cast<std::int64_t>(std::max<Wide>(0, share));
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (!prices_cuts(q)) continue;
    auto price = pricing(q).price(weights, threshold, enough, effort, deadline);
    evaluation.most[q] = std::min(price.most, fill(graph, weights, q, threshold).most);
    capacity += Wide{evaluation.most[q]} * graph.kind_count[q];
    if (deadline.reached()) break;
    collect(evaluation, weights, q, threshold, std::move(price.set), effort, deadline);
  }
  evaluation.stopped = deadline.reached();
  evaluation.refuted = !evaluation.stopped && capacity < all;
  evaluation.spare = capacity - all;
  evaluation.ratio = static_cast<double>(all) / static_cast<double>(std::max<Wide>(1, capacity));
  return evaluation;
}

// Of each part that was several, the first node of each of these.
std::vector<std::vector<Node>> Cover::newly_fused(const Fused& before, const Fused& after) {
  std::vector<std::vector<Node>> firsts(after.graph.num_nodes);
  std::vector<std::uint8_t> seen(before.graph.num_nodes, 0);
  for (Node v = 0; v < after.part_of.size(); ++v) {
    if (std::exchange(seen[before.part_of[v]], 1) == 0) firsts[after.part_of[v]].push_back(v);
  }
  std::erase_if(firsts, [](const auto& nodes) { return nodes.size() < 2; });
  return firsts;
}

// If some placement within the threshold cut an edge, the devices that do would hold less than the
// most they can: what they lose must not exceed what all devices can hold more than there is. Where
// it does for every placement, the edge's pins share a device.
bool Cover::fuse(const Weights& weights, const Evaluation& evaluation, Amount threshold,
                 std::uint64_t& effort, const base::Deadline& deadline) {
  if (evaluation.spare > kWeightScale) return false;
  const auto spare = static_cast<std::int64_t>(evaluation.spare);
  const Contracted& graph = level_.fused->graph;
  // At least two devices hold pins of an edge that is cut. How many of them may be devices that
  // lose nothing by it:
  std::vector<std::uint32_t> free_holders(graph.edges.size(), 0);
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    if (prices_cuts(q)) continue;
    for (std::uint32_t e = 0; e < free_holders.size(); ++e) {
      const auto pins = graph.pins_of(e);
      if (std::any_of(pins.begin(), pins.end(), [&](Node pin) {
            return graph.is_allowed(pin, q) && graph.time(pin, q, 0) <= threshold;
          })) {
        free_holders[e] += graph.kind_count[q];
      }
    }
  }
  // [losers]: edges that so many devices may cut without losing more than there is to spare.
  std::array<std::vector<std::uint8_t>, 3> may_cut;
  for (std::int64_t losers = 1; losers <= 2; ++losers) {
    std::vector<std::uint8_t>& may = may_cut[static_cast<std::size_t>(losers)];
    may.assign(graph.edges.size(), 0);
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      if (!prices_cuts(q)) continue;
      const auto by_kind = pricing(q).edges_cut_above(
          weights, threshold, evaluation.most[q] - spare / losers - 1, effort, deadline);
      for (std::size_t e = 0; e < may.size(); ++e) may[e] |= by_kind[e];
    }
  }
  std::vector<Node> leader(graph.num_nodes);
  std::iota(leader.begin(), leader.end(), Node{0});
  const auto find = [&](Node v) {
    while (leader[v] != v) v = leader[v] = leader[leader[v]];
    return v;
  };
  bool any = false;
  for (std::uint32_t e = 0; e < free_holders.size(); ++e) {
    if (free_holders[e] >= 2 || may_cut[2 - free_holders[e]][e] != 0) continue;
    for (const Node pin : graph.pins_of(e)) {
      any = any || find(pin) != find(graph.pins_of(e)[0]);
      leader[find(pin)] = find(graph.pins_of(e)[0]);
    }
  }
  if (!any) return false;
  std::vector<Node> part_of(graph.num_nodes), part_of_leader(graph.num_nodes, kNoPart);
  auto next = std::make_shared<Fused>();
  for (Node v = 0; v < graph.num_nodes; ++v) {
    Node& part = part_of_leader[find(v)];
    if (part == kNoPart) {
      part = static_cast<Node>(next->part_sizes.size());
      next->part_sizes.push_back(0);
    }
    part_of[v] = part;
    next->part_sizes[part] += level_.fused->part_sizes[v];
  }
  next->graph = reduce::fuse_nodes(graph, part_of, next->part_sizes.size());
  for (const Node part : level_.fused->part_of) next->part_of.push_back(part_of[part]);
  next->before = level_.fused;
  next->step = to_step(weights, evaluation);
  next->step.together = newly_fused(*level_.fused, *next);
  fused_[threshold] = std::move(next);
  return true;
}

Cover::Outcome Cover::refute_by_share(Amount threshold, std::uint64_t& effort,
                                      const base::Deadline& deadline) {
  choose_level(threshold);
  const auto kept = static_cast<std::ptrdiff_t>(columns_.size());
  const Weights weights = weights_on_level(times_);
  const Evaluation evaluation = evaluate(weights, threshold, effort, deadline);
  // Sets that are heavy by their times alone would only lead column generation astray.
  columns_.erase(columns_.begin() + kept, columns_.end());
  if (!evaluation.refuted) return evaluation.stopped ? Outcome::stopped : Outcome::open;
  conclude(to_step(weights, evaluation));
  return Outcome::refuted;
}

Cover::Outcome Cover::refute(Amount threshold, std::uint64_t& effort, std::uint64_t max_effort,
                             const base::Deadline& deadline) {
  if (graph_.num_nodes > kMaxMasterRows) return Outcome::stopped;
  Weights weights = best_.empty() ? times_ : best_;
  double negative = 0;
  rough_ = true;
  max_labels_ = kFewLabels;
  for (;;) {
    choose_level(threshold);
    switch (generate(weights, negative, threshold, effort, max_effort, deadline)) {
      case Step::fused:
        break;
      case Step::refuted:
        best_ = std::move(weights);
        return Outcome::refuted;
      case Step::open:
        if (negative >= kMostNegative) return Outcome::open;
        negative = rough_ ? kLeastNegative : negative * 4;
        rough_ = false;
        break;
      case Step::stopped:
        return Outcome::stopped;
    }
  }
}

// Column generation on one level: until the weights refute the threshold, fuse nodes, or cannot get
// better.
Cover::Step Cover::generate(Weights& weights, double negative, Amount threshold,
                            std::uint64_t& effort, std::uint64_t max_effort,
                            const base::Deadline& deadline) {
  auto solver = program::make_linear_solver();
  if (!solver) return Step::stopped;
  Weights now = weights_on_level(weights);
  const Contracted& graph = level_.fused->graph;
  const Weights times = weights_on_level(times_);
  const double smallest = 0.1 / static_cast<double>(now.size());
  std::vector<double> costs, surplus_costs;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    double dear = 0;
    for (const std::uint32_t e : graph.edges_of(v)) {
      dear += static_cast<double>(std::min(dearest_weight(graph, e), threshold));
    }
    surplus_costs.push_back(negative * dear / static_cast<double>(std::max<Amount>(1, threshold)));
    costs.push_back(static_cast<double>(times[v]) / static_cast<double>(kWeightScale) + smallest +
                    surplus_costs.back());
  }
  CoverMaster master(std::move(solver), costs, surplus_costs,
                     {graph_.kind_count.begin(), graph_.kind_count.end()});
  for (const Column& column : columns_) {
    if (column.load > threshold) continue;
    if (auto members = on_level(column)) master.add(column.kind, std::move(*members));
  }
  std::vector<double> center;
  double best_ratio = 0, tested_ratio = 0;
  const double usual_smoothing = negative > 0 ? 0.8 : 0.5;
  double smoothing = usual_smoothing;
  for (int round = 0; round < kMaxRounds; ++round) {
    Evaluation evaluation = evaluate(now, threshold, effort, deadline);
    if (evaluation.refuted) {
      conclude(to_step(now, evaluation));
      weights = weights_from_level(now);
      return Step::refuted;
    }
    if (evaluation.stopped || effort > max_effort) return Step::stopped;
    if (center.empty() || evaluation.ratio > best_ratio) {
      best_ratio = evaluation.ratio;
      center.assign(now.begin(), now.end());
      // Worth another look only where there is much less to spare.
      if (1 - best_ratio < 0.7 * (1 - tested_ratio)) {
        tested_ratio = best_ratio;
        if (fuse(now, evaluation, threshold, effort, deadline)) {
          weights = weights_from_level(now);
          return Step::fused;
        }
      }
    }
    bool improves = false;
    for (auto& [kind, members] : evaluation.columns) {
      improves = improves || master.excess(kind, members) > 1e-9;
      master.add(kind, std::move(members));
    }
    if (!rough_ && !improves && evaluation.blurred && max_labels_ < kMostLabels) {
      max_labels_ *= 4;
      continue;
    }
    // Where the smoothed weights tell nothing new, the duals themselves have to be asked.
    if (!improves && smoothing == 0) return Step::open;
    smoothing = improves ? usual_smoothing : 0;
    if (!master.solve(effort, deadline)) return Step::stopped;
    if (master.objective() < 1e-5) return Step::open;
    std::vector<double> duals = master.duals();
    const double dual_sum = size_of(duals);
    if (dual_sum <= 0) return Step::open;
    const double center_sum = size_of(center);
    for (std::size_t v = 0; v < duals.size(); ++v) {
      duals[v] = (1 - smoothing) * duals[v] / dual_sum + smoothing * center[v] / center_sum;
    }
    now = to_whole(duals);
  }
  return Step::stopped;
}

}  // namespace cleave::bounds
