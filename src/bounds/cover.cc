#include "cleave/bounds/cover.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include "bounds/cover_master.h"

namespace cleave::bounds {
namespace {

using reduce::Amount;
using reduce::Contracted;
using reduce::Node;
__extension__ using Wide = __int128;

constexpr double kWeightScale = 0x1p45;
constexpr std::size_t kMaxMasterRows = 1500;  // whose inverse takes 18 MB
constexpr int kMaxPivots = 2000;
constexpr int kMaxRounds = 1000;

// Whole weights in the proportions given, the sum near kWeightScale. All alike where all are 0.
std::vector<std::int64_t> to_whole(const std::vector<double>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::int64_t> whole;
  for (const double w : weights) {
    const double share = sum > 0 ? w / sum : 1.0 / static_cast<double>(weights.size());
    whole.push_back(static_cast<std::int64_t>(share * kWeightScale));
  }
  return whole;
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

Cover::Cover(const Contracted& graph)
    : graph_(graph), pricing_(graph.num_kinds), times_(to_whole(reference_times(graph))) {
  assert(graph.phases == 1);
}

Cover::~Cover() = default;

Cover::Knapsack Cover::fill(std::span<const std::int64_t> weights, std::size_t kind, bool by_memory,
                            Amount capacity) const {
  struct Item {
    Node node;
    std::int64_t weight;
    Amount size;
  };
  std::vector<Item> items;
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    if (!graph_.is_allowed(v, kind) || weights[v] == 0) continue;
    items.push_back(Item{v, weights[v], by_memory ? graph_.memory[v] : graph_.time(v, kind, 0)});
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
      result.members.emplace_back(item.node, 1.0);
      continue;
    }
    const auto part = static_cast<std::int64_t>(Wide{item.weight} * capacity / item.size);
    result.most += part;
    if (part > 0) {
      result.members.emplace_back(item.node,
                                  static_cast<double>(capacity) / static_cast<double>(item.size));
    }
    break;
  }
  return result;
}

// By time or by memory, whichever says less.
Cover::Knapsack Cover::fill(std::span<const std::int64_t> weights, std::size_t kind,
                            Amount threshold) const {
  Knapsack by_time = fill(weights, kind, false, threshold);
  if (graph_.kind_memory[kind] == Contracted::kUnlimited) return by_time;
  Knapsack by_memory = fill(weights, kind, true, graph_.kind_memory[kind]);
  return by_memory.most < by_time.most ? by_memory : by_time;
}

bool Cover::prices_cuts(std::size_t kind) const {
  return graph_.transfers == model::Transfers::serial && graph_.kind_weights[kind] >= 0;
}

Amount Cover::work() const {
  const std::int64_t all = std::accumulate(times_.begin(), times_.end(), std::int64_t{0});
  const auto refuted = [&](Amount threshold) {
    Wide capacity = 0;
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      capacity += Wide{fill(times_, q, threshold).most} * graph_.kind_count[q];
    }
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

Amount Cover::load_of(std::span<const Node> set, std::size_t kind) const {
  Amount load = 0;
  std::vector<std::uint32_t> inside(graph_.edges.size(), 0);
  for (const Node v : set) {
    load += graph_.time(v, kind, 0);
    for (const std::uint32_t e : graph_.edges_of(v)) ++inside[e];
  }
  for (std::uint32_t e = 0; e < graph_.edges.size(); ++e) {
    if (inside[e] > 0 && inside[e] < graph_.edges[e].num_pins) load += graph_.weight(kind, e);
  }
  return load;
}

// The heaviest set, and further ones without what was in the sets before: columns that together
// cover more than one set and its like would.
void Cover::collect(Evaluation& evaluation, Weights weights, std::size_t kind, Amount threshold,
                    std::vector<Node> set, std::uint64_t& effort, const base::Deadline& deadline) {
  for (std::uint32_t i = 0; i < graph_.kind_count[kind] && !set.empty(); ++i) {
    Column column{kind, load_of(set, kind), {}};
    std::int64_t weight = 0;
    for (const Node v : set) {
      weight += std::exchange(weights[v], 0);
      column.members.emplace_back(v, 1.0);
    }
    evaluation.columns.push_back(std::move(column));
    constexpr std::uint32_t kFurther = 8;
    if (i == kFurther || deadline.reached()) break;
    // Much lighter sets are not worth their search.
    set = pricing_[kind]->price(weights, threshold, weight / 2, effort, deadline).set;
  }
}

Cover::Evaluation Cover::evaluate(const Weights& weights, Amount threshold, std::uint64_t& effort,
                                  const base::Deadline& deadline) {
  Evaluation evaluation;
  const Wide all = std::accumulate(weights.begin(), weights.end(), Wide{0});
  Wide capacity = 0;
  Wide priced_devices = 0;
  for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
    if (prices_cuts(q)) {
      priced_devices += graph_.kind_count[q];
      continue;
    }
    Knapsack knapsack = fill(weights, q, threshold);
    capacity += Wide{knapsack.most} * graph_.kind_count[q];
    evaluation.columns.push_back(Column{q, -1, std::move(knapsack.members)});
  }
  // What each of the others may hold at most, for the threshold to be refuted.
  const Wide share = priced_devices > 0 ? (all - capacity - 1) / priced_devices : 0;
  const auto enough = static_cast<std::int64_t>(std::max<Wide>(0, share));
  for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
    if (!prices_cuts(q)) continue;
    if (!pricing_[q]) pricing_[q] = std::make_unique<PathPricing>(graph_, q);
    auto price = pricing_[q]->price(weights, threshold, enough, effort, deadline);
    capacity += Wide{std::min(price.most, fill(weights, q, threshold).most)} * graph_.kind_count[q];
    if (deadline.reached()) break;
    collect(evaluation, weights, q, threshold, std::move(price.set), effort, deadline);
  }
  evaluation.stopped = deadline.reached();
  evaluation.refuted = !evaluation.stopped && capacity < all;
  evaluation.ratio = static_cast<double>(all) / static_cast<double>(std::max<Wide>(1, capacity));
  return evaluation;
}

Cover::Outcome Cover::refute_by_share(Amount threshold, std::uint64_t& effort,
                                      const base::Deadline& deadline) {
  const Evaluation evaluation = evaluate(times_, threshold, effort, deadline);
  if (evaluation.refuted) return Outcome::refuted;
  return evaluation.stopped ? Outcome::stopped : Outcome::open;
}

Cover::Outcome Cover::refute(Amount threshold, std::uint64_t& effort, std::uint64_t max_effort,
                             const base::Deadline& deadline) {
  if (graph_.num_nodes > kMaxMasterRows) return Outcome::stopped;
  const double smallest = 0.1 * kWeightScale / static_cast<double>(graph_.num_nodes);
  std::vector<double> costs;
  for (const std::int64_t time : times_) {
    costs.push_back((static_cast<double>(time) + smallest) / kWeightScale);
  }
  CoverMaster master(costs, {graph_.kind_count.begin(), graph_.kind_count.end()});
  std::erase_if(columns_, [](const Column& column) { return column.load < 0; });
  for (const Column& column : columns_) {
    if (column.load <= threshold) master.add(column.kind, column.members);
  }
  Weights weights = best_.empty() ? times_ : best_;
  std::vector<double> center;
  double best_ratio = 0;
  double smoothing = 0.5;
  for (int round = 0; round < kMaxRounds; ++round) {
    Evaluation evaluation = evaluate(weights, threshold, effort, deadline);
    if (evaluation.refuted) {
      best_ = std::move(weights);
      return Outcome::refuted;
    }
    if (evaluation.stopped || effort > max_effort) return Outcome::stopped;
    if (center.empty() || evaluation.ratio > best_ratio) {
      best_ratio = evaluation.ratio;
      center.assign(weights.begin(), weights.end());
    }
    bool improves = false;
    for (Column& column : evaluation.columns) {
      improves = improves || master.excess(column.kind, column.members) > 1e-9;
      master.add(column.kind, column.members);
      if (column.load >= 0) columns_.push_back(std::move(column));
    }
    // Where the smoothed weights tell nothing new, the duals themselves have to be asked.
    if (!improves && smoothing == 0) return Outcome::open;
    smoothing = improves ? 0.5 : 0;
    master.solve(kMaxPivots);
    if (master.objective() < 1e-5) return Outcome::open;
    std::vector<double> duals = master.duals();
    const double dual_sum = std::accumulate(duals.begin(), duals.end(), 0.0);
    if (dual_sum <= 0) return Outcome::open;
    const double center_sum = std::accumulate(center.begin(), center.end(), 0.0);
    for (std::size_t v = 0; v < duals.size(); ++v) {
      duals[v] = (1 - smoothing) * duals[v] / dual_sum + smoothing * center[v] / center_sum;
    }
    weights = to_whole(duals);
  }
  return Outcome::stopped;
}

}  // namespace cleave::bounds
