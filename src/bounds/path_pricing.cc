#include "cleave/bounds/path_pricing.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace cleave::bounds {
namespace {

using reduce::Amount;
using reduce::Node;

constexpr std::size_t kMaxWidth = 16;        // open edges remembered
constexpr std::size_t kMaxStates = 1 << 14;  // in front of one node
constexpr std::size_t kMaxAllStates = 1 << 21;
constexpr std::int64_t kResolution = std::int64_t{1} << 30;  // of the threshold
constexpr std::int64_t kMaxLoadPrice = std::int64_t{1} << 24;
constexpr int kFinestBlur = 16;  // loads are told apart to 2^-16 of the threshold, if need be less
constexpr std::uint32_t kNoTrail = 0xffffffff;
constexpr Node kNoNode = 0xffffffff;

// Positions between which an edge is open: after its first pin, before its last.
struct Span {
  std::uint32_t edge;
  std::size_t first, last;
};

std::vector<Span> spans_of(const reduce::Contracted& graph, std::size_t kind,
                           const std::vector<Node>& order) {
  std::vector<std::size_t> position(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) position[order[i]] = i;
  std::vector<Span> spans;
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    if (graph.weight(kind, e) == 0) continue;
    Span span{e, order.size(), 0};
    for (const Node pin : graph.pins_of(e)) {
      span.first = std::min(span.first, position[pin]);
      span.last = std::max(span.last, position[pin]);
    }
    spans.push_back(span);
  }
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
    return a.first != b.first ? a.first < b.first : a.edge < b.edge;
  });
  return spans;
}

// Greedy: next comes the neighbour of what is open that leaves the fewest edges open.
std::vector<Node> greedy_order(const reduce::Contracted& graph, std::size_t kind) {
  std::vector<Node> order;
  std::vector<std::uint32_t> seen(graph.edges.size(), 0);
  std::vector<std::uint32_t> open;
  std::vector<std::uint8_t> done(graph.num_nodes, 0);
  Node first_left = 0;
  const auto growth = [&](Node v) {
    int change = 0;
    for (const std::uint32_t e : graph.edges_of(v)) {
      if (graph.weight(kind, e) == 0) continue;
      change += seen[e] == 0 ? 1 : 0;
      change -= seen[e] + 1 == graph.edges[e].num_pins ? 1 : 0;
    }
    return change;
  };
  while (order.size() < graph.num_nodes) {
    std::pair<int, Node> best{0, kNoNode};
    for (const std::uint32_t e : open) {
      for (const Node pin : graph.pins_of(e)) {
        if (done[pin]) continue;
        const std::pair<int, Node> candidate{growth(pin), pin};
        if (best.second == kNoNode || candidate < best) best = candidate;
      }
    }
    while (best.second == kNoNode) {
      if (!done[first_left]) best.second = first_left;
      ++first_left;
    }
    const Node v = best.second;
    done[v] = 1;
    order.push_back(v);
    for (const std::uint32_t e : graph.edges_of(v)) {
      if (graph.weight(kind, e) > 0 && seen[e]++ == 0) open.push_back(e);
    }
    std::erase_if(open, [&](std::uint32_t e) { return seen[e] == graph.edges[e].num_pins; });
  }
  return order;
}

std::size_t width_of(const reduce::Contracted& graph, std::size_t kind,
                     const std::vector<Node>& order) {
  std::vector<int> change(order.size() + 1, 0);
  for (const Span& span : spans_of(graph, kind, order)) {
    ++change[span.first];
    --change[span.last];
  }
  int open = 0, most = 0;
  for (const int c : change) most = std::max(most, open += c);
  return static_cast<std::size_t>(most);
}

}  // namespace

std::vector<Node> PathPricing::narrow_order(const reduce::Contracted& graph, std::size_t kind) {
  std::vector<Node> order(graph.num_nodes);
  std::iota(order.begin(), order.end(), Node{0});
  std::vector<Node> greedy = greedy_order(graph, kind);
  if (width_of(graph, kind, greedy) < width_of(graph, kind, order)) return greedy;
  return order;
}

PathPricing::PathPricing(const reduce::Contracted& graph, std::size_t kind)
    : graph_(graph), kind_(kind), order_(narrow_order(graph, kind)) {
  assert(graph.phases == 1 && graph.kind_weights[kind] >= 0);
  for (std::size_t width = kMaxWidth; !build_states(width); width -= 2) {
  }
}

// Returns false where remembering so many edges makes too many states.
bool PathPricing::build_states(std::size_t width) {
  const std::vector<Span> spans = spans_of(graph_, kind_, order_);
  // An edge that does not fit is never charged: the lightest of those open at the time.
  struct Slot {
    std::uint32_t edge;
    std::size_t last;
  };
  std::vector<Slot> open;
  std::vector<std::uint8_t> dropped(graph_.edges.size(), 0);
  for (const Span& span : spans) {
    std::erase_if(open, [&](const Slot& slot) { return slot.last <= span.first; });
    open.push_back(Slot{span.edge, span.last});
    if (open.size() <= width) continue;
    const auto lightest = std::min_element(open.begin(), open.end(), [&](auto& a, auto& b) {
      return graph_.weight(kind_, a.edge) < graph_.weight(kind_, b.edge);
    });
    dropped[lightest->edge] = 1;
    open.erase(lightest);
  }

  watched_.assign(graph_.edges.size(), 1);
  for (std::uint32_t e = 0; e < graph_.edges.size(); ++e) {
    if (graph_.weight(kind_, e) == 0 || dropped[e]) watched_[e] = 0;
  }
  for (Node v = 0; v < graph_.num_nodes; ++v) {
    const auto edges = graph_.edges_of(v);
    for (std::size_t index = 32; index < edges.size(); ++index) watched_[edges[index]] = 0;
  }

  // A state has two bits for each slot: pins so far all out, all in, mixed. A free slot is 0.
  constexpr std::uint64_t kMixed = 2;
  std::vector<std::uint8_t> slot_taken(width, 0);
  std::vector<std::uint8_t> slot_of(graph_.edges.size(), 0);
  std::vector<std::size_t> last(graph_.edges.size(), 0);
  std::vector<std::uint64_t> states{0};
  std::size_t all_states = 0;
  layers_.assign(order_.size(), {});
  auto next_span = spans.begin();
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const Node v = order_[i];
    std::vector<std::uint32_t> opening;
    for (; next_span != spans.end() && next_span->first == i; ++next_span) {
      if (dropped[next_span->edge]) continue;
      opening.push_back(next_span->edge);
      last[next_span->edge] = next_span->last;
    }
    // An edge opens into a slot that was free before this node, and none closes at its first pin.
    for (const std::uint32_t e : opening) {
      const auto free = std::find(slot_taken.begin(), slot_taken.end(), std::uint8_t{0});
      // Edges that close here still hold their slots: a slot more is enough for each.
      slot_of[e] = static_cast<std::uint8_t>(free - slot_taken.begin());
      if (free == slot_taken.end()) {
        slot_taken.push_back(1);
      } else {
        *free = 1;
      }
    }
    std::unordered_map<std::uint64_t, StateId> next;
    std::vector<std::uint64_t> next_states;
    for (const std::uint64_t state : states) {
      Step step;
      for (std::uint64_t in = 0; in < 2; ++in) {
        if (in == 1 && !graph_.is_allowed(v, kind_)) continue;
        std::uint64_t to = state;
        step.load[in] = in == 1 ? graph_.time(v, kind_, 0) : 0;
        const auto edges = graph_.edges_of(v);
        for (std::size_t index = 0; index < edges.size(); ++index) {
          const std::uint32_t e = edges[index];
          if (graph_.weight(kind_, e) == 0 || dropped[e]) continue;
          const int shift = 2 * slot_of[e];
          const bool opens = std::find(opening.begin(), opening.end(), e) != opening.end();
          std::uint64_t code = opens ? in : (state >> shift) & 3;
          if (code != kMixed && code != in) {
            step.load[in] += graph_.weight(kind_, e);
            if (watched_[e] != 0) step.cut[in] |= std::uint32_t{1} << index;
            code = kMixed;
          }
          if (last[e] == i) code = 0;
          to = (to & ~(std::uint64_t{3} << shift)) | code << shift;
        }
        const auto [it, inserted] = next.try_emplace(to, static_cast<StateId>(next_states.size()));
        if (inserted) next_states.push_back(to);
        step.to[in] = it->second;
      }
      layers_[i].push_back(step);
    }
    for (const std::uint32_t e : graph_.edges_of(v)) {
      if (graph_.weight(kind_, e) > 0 && !dropped[e] && last[e] == i) slot_taken[slot_of[e]] = 0;
    }
    states = std::move(next_states);
    all_states += states.size();
    if (width > 0 && (states.size() > kMaxStates || all_states > kMaxAllStates)) return false;
  }
  return true;
}

namespace {

// What a step takes of the threshold, in coarse units: rounded down.
struct Units {
  int shift = 0;
  std::int64_t threshold = 0;

  explicit Units(Amount amount) {
    while ((amount >> shift) > kResolution) ++shift;
    threshold = amount >> shift;
  }
  [[nodiscard]] std::int64_t of(Amount load) const {
    return std::min(load >> shift, threshold + 1);
  }
};

}  // namespace

PathPricing::Completion PathPricing::complete(std::span<const std::int64_t> weights,
                                              Amount threshold, std::int64_t load_price) const {
  const Units units(threshold);
  Completion table{load_price, 0, {}};
  table.value.resize(order_.size() + 1);
  table.value.back().assign(1, 0);
  for (std::size_t i = order_.size(); i-- > 0;) {
    const auto& after = table.value[i + 1];
    auto& value = table.value[i];
    value.reserve(layers_[i].size());
    for (const Step& step : layers_[i]) {
      std::int64_t best = after[step.to[0]] - load_price * units.of(step.load[0]);
      if (step.to[1] != kNone) {
        best = std::max(
            best, weights[order_[i]] + after[step.to[1]] - load_price * units.of(step.load[1]));
      }
      value.push_back(best);
    }
  }
  table.bound = table.value[0][0] + load_price * units.threshold;
  return table;
}

// A few prices near the one with the least bound, that one first. The bound is convex in the price:
// walk down, with shrinking steps, until it is `enough`.
std::vector<PathPricing::Completion> PathPricing::completions(std::span<const std::int64_t> weights,
                                                              Amount threshold, std::int64_t enough,
                                                              std::uint64_t& effort) const {
  const Units units(threshold);
  std::vector<Completion> tables;
  const std::int64_t first_price = std::clamp<std::int64_t>(
      enough / std::max<std::int64_t>(1, units.threshold), 1, kMaxLoadPrice);
  tables.push_back(complete(weights, threshold, first_price));
  std::size_t best = 0;
  const auto try_price = [&](double price) {
    const auto load_price =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(price), 0, kMaxLoadPrice);
    for (const Completion& table : tables) {
      if (table.load_price == load_price) return false;
    }
    tables.push_back(complete(weights, threshold, load_price));
    if (tables.back().bound >= tables[best].bound) return false;
    best = tables.size() - 1;
    return true;
  };
  for (const double factor : {2.0, 1.3, 1.08}) {
    for (const double step : {factor, 1 / factor}) {
      bool moved = false;
      while (tables[best].bound > enough &&
             try_price(static_cast<double>(tables[best].load_price) * step)) {
        moved = true;
      }
      if (moved) break;
    }
  }
  effort += tables.size() * order_.size();
  // The best few prune nearly as well as all.
  std::sort(tables.begin(), tables.end(),
            [](const Completion& a, const Completion& b) { return a.bound < b.bound; });
  constexpr std::size_t kTables = 4;
  if (tables.size() > kTables) tables.resize(kTables);
  return tables;
}

std::vector<std::uint8_t> PathPricing::edges_cut_above(std::span<const std::int64_t> weights,
                                                       Amount threshold, std::int64_t weight,
                                                       std::uint64_t& effort,
                                                       const base::Deadline& deadline) {
  std::vector<std::uint8_t> cut(graph_.edges.size());
  for (std::size_t e = 0; e < cut.size(); ++e) cut[e] = watched_[e] == 0;
  const auto price = search(weights, threshold, weight, &cut, effort, deadline);
  if (price.cut_short && deadline.reached()) cut.assign(cut.size(), 1);
  return cut;
}

PathPricing::Price PathPricing::price(std::span<const std::int64_t> weights, Amount threshold,
                                      std::int64_t enough, std::uint64_t& effort,
                                      const base::Deadline& deadline) {
  return search(weights, threshold, enough, nullptr, effort, deadline);
}

namespace {

// A set so far: what it has of the load and weighs, and its nodes.
struct Label {
  std::int64_t load;
  std::int64_t weight;
  std::uint32_t trail;
  bool added;  // the node at hand, which the trail does not have yet
};

// Labels by load; each weighs more than those before it.
using Front = std::vector<Label>;

struct Group {
  std::uint32_t state;
  std::size_t begin, end;  // of its front among all labels
};

struct Trail {
  std::uint32_t before;
  Node node;
};

// The labels of both that weigh more than all with less load.
void merge(std::span<const Label> a, std::span<const Label> b, Front& into) {
  into.clear();
  auto i = a.begin(), j = b.begin();
  while (i != a.end() || j != b.end()) {
    const bool first =
        j == b.end() ||
        (i != a.end() && (i->load != j->load ? i->load < j->load : i->weight >= j->weight));
    const Label& label = first ? *i++ : *j++;
    if (into.empty() || label.weight > into.back().weight) into.push_back(label);
  }
}

// Of a state's labels within the same range of 2^shift of load, one: the least load with the most
// weight of them.
void blur(Front& labels, std::vector<Group>& groups, int shift) {
  std::size_t kept = 0;
  for (Group& group : groups) {
    const std::size_t begin = kept;
    for (std::size_t j = group.begin; j < group.end; ++j) {
      if (kept > begin && labels[j].load >> shift == labels[kept - 1].load >> shift) {
        const std::int64_t load = labels[kept - 1].load;
        labels[kept - 1] = labels[j];
        labels[kept - 1].load = load;
      } else {
        labels[kept++] = labels[j];
      }
    }
    group.begin = begin;
    group.end = kept;
  }
  labels.resize(kept);
}

}  // namespace

// Marks in `cut`, where given, the edges that some set heavier than `enough` may cut: those cut by
// a step of a label that is not hopeless. Where a label is dropped for a better one of its state,
// the better one takes the same steps from there on.
//
// A step adds the same to all labels of a state, so that their order stays: fronts that lead to
// the same state only have to be merged.
PathPricing::Price PathPricing::search(std::span<const std::int64_t> weights, Amount threshold,
                                       std::int64_t enough, std::vector<std::uint8_t>* cut,
                                       std::uint64_t& effort, const base::Deadline& deadline) {
  const Units units(threshold);
  const std::vector<Completion> tables = completions(weights, threshold, enough, effort);
  Price result;
  if (tables.front().bound <= enough) {
    result.most = enough;
    return result;
  }

  struct Way {
    StateId to;
    std::uint32_t from;  // a group
    std::uint8_t in;
  };
  Front labels{Label{0, 0, kNoTrail, false}}, next, run, merged, both;
  std::vector<Group> groups{Group{0, 0, 1}}, next_groups;
  std::vector<Way> ways;
  std::vector<Trail> trails;
  for (std::size_t i = 0; i < order_.size() && !labels.empty(); ++i) {
    ways.clear();
    for (std::uint32_t g = 0; g < groups.size(); ++g) {
      for (std::uint8_t in = 0; in < 2; ++in) {
        const StateId to = layers_[i][groups[g].state].to[in];
        if (to != kNone) ways.push_back(Way{to, g, in});
      }
    }
    std::sort(ways.begin(), ways.end(), [](const Way& a, const Way& b) {
      return a.to != b.to ? a.to < b.to : a.from != b.from ? a.from < b.from : a.in < b.in;
    });
    next.clear();
    next_groups.clear();
    for (std::size_t w = 0; w < ways.size();) {
      const StateId to = ways[w].to;
      merged.clear();
      for (; w < ways.size() && ways[w].to == to; ++w) {
        const Group& group = groups[ways[w].from];
        const Step& step = layers_[i][group.state];
        const std::size_t in = ways[w].in;
        run.clear();
        for (std::size_t l = group.begin; l < group.end; ++l) {
          const std::int64_t load = labels[l].load + units.of(step.load[in]);
          if (load > units.threshold) break;
          const std::int64_t weight = labels[l].weight + (in == 1 ? weights[order_[i]] : 0);
          const bool hopeless =
              std::any_of(tables.begin(), tables.end(), [&](const Completion& table) {
                return weight + table.value[i + 1][to] +
                           table.load_price * (units.threshold - load) <=
                       enough;
              });
          if (!hopeless) run.push_back(Label{load, weight, labels[l].trail, in == 1});
        }
        effort += run.size();
        if (cut != nullptr && !run.empty()) {
          for (std::uint32_t rest = step.cut[in]; rest != 0; rest &= rest - 1) {
            (*cut)[graph_.edges_of(order_[i])[static_cast<std::size_t>(std::countr_zero(rest))]] =
                1;
          }
        }
        merge(merged, run, both);
        std::swap(merged, both);
      }
      if (merged.empty()) continue;
      next_groups.push_back(Group{to, next.size(), next.size() + merged.size()});
      next.insert(next.end(), merged.begin(), merged.end());
    }
    std::swap(labels, next);
    std::swap(groups, next_groups);
    if (deadline.reached()) {
      result.most = tables[0].bound;
      result.cut_short = true;
      return result;
    }
    if (labels.size() > max_labels_) {
      result.cut_short = true;
      const auto last =
          static_cast<int>(std::bit_width(static_cast<std::uint64_t>(units.threshold)));
      for (int shift = std::max(0, last - kFinestBlur);
           labels.size() > max_labels_ && shift <= last; ++shift) {
        blur(labels, groups, shift);
      }
    }
    for (Label& label : labels) {
      if (!label.added) continue;
      trails.push_back(Trail{label.trail, order_[i]});
      label.trail = static_cast<std::uint32_t>(trails.size() - 1);
    }
  }
  result.most = enough;
  // All edges are closed: one state, and the last label weighs most. What was dropped on the way
  // weighs at most `enough`, and may weigh more than what is left.
  if (labels.empty() || labels.back().weight <= enough) return result;
  result.most = labels.back().weight;
  for (std::uint32_t t = labels.back().trail; t != kNoTrail; t = trails[t].before) {
    result.set.push_back(trails[t].node);
  }
  std::sort(result.set.begin(), result.set.end());
  return result;
}

}  // namespace cleave::bounds
