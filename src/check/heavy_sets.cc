#include "check/heavy_sets.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace cleave::check {
namespace {

constexpr std::size_t kMaxWidth = 16;  // edges remembered at a time; twice as many fit into a state
constexpr std::size_t kMaxStates = std::size_t{1} << 15;     // in front of one position
constexpr std::size_t kMaxAllStates = std::size_t{1} << 22;  // 160 MB
constexpr std::int64_t kMaxUnits = std::int64_t{1} << 30;
constexpr std::int64_t kMaxPricedLoad = std::int64_t{1} << 55;
constexpr std::int64_t kImpossible = -(std::int64_t{1} << 62);  // to complete as meant

// What a state says of an edge's pins so far.
constexpr std::uint64_t kOutside = 0, kInside = 1, kMixed = 2;

}  // namespace

HeavySets::Units::Units(Amount threshold) {
  while ((threshold >> shift) >= kMaxUnits) ++shift;
  limit = threshold >> shift;
}

HeavySets::HeavySets(const Relaxation& relaxation, std::size_t kind, std::span<const Part> order)
    : relaxation_(relaxation), kind_(kind), position_of_(relaxation.num_parts) {
  std::vector<bool> seen(relaxation.num_parts, false);
  const auto append = [&](Part part) {
    if (seen[part]) return;
    seen[part] = true;
    position_of_[part] = positions_.size();
    positions_.push_back(Position{part, {}, {}, {}});
  };
  for (const Part part : order) append(part);
  for (Part part = 0; part < relaxation.num_parts; ++part) append(part);
  std::size_t width = kMaxWidth;
  for (assign_slots(choose_edges(width)); !build_states(width > 0);
       assign_slots(choose_edges(width))) {
    width -= 2;
  }
}

// Which edges to remember, so that no more than `width` are open at a time: where there are more,
// the lightest are left out. An edge is open from its first pin to its last.
std::vector<bool> HeavySets::choose_edges(std::size_t width) const {
  struct Span {
    std::uint32_t edge;
    std::size_t first, last;
  };
  std::vector<Span> spans;
  for (std::uint32_t e = 0; e < relaxation_.edges.size(); ++e) {
    const Relaxation::Edge& edge = relaxation_.edges[e];
    if (edge.weights[kind_] == 0) continue;
    Span span{e, positions_.size(), 0};
    for (const Part pin : edge.pins) {
      span.first = std::min(span.first, position_of_[pin]);
      span.last = std::max(span.last, position_of_[pin]);
    }
    spans.push_back(span);
  }
  std::stable_sort(spans.begin(), spans.end(),
                   [](const Span& a, const Span& b) { return a.first < b.first; });
  std::vector<bool> chosen(relaxation_.edges.size(), false);
  std::vector<Span> open;
  for (const Span& span : spans) {
    std::erase_if(open, [&](const Span& other) { return other.last <= span.first; });
    open.push_back(span);
    chosen[span.edge] = true;
    if (open.size() <= width) continue;
    const auto lightest = std::min_element(open.begin(), open.end(), [&](auto& a, auto& b) {
      return relaxation_.edges[a.edge].weights[kind_] < relaxation_.edges[b.edge].weights[kind_];
    });
    chosen[lightest->edge] = false;
    open.erase(lightest);
  }
  return chosen;
}

void HeavySets::assign_slots(const std::vector<bool>& chosen) {
  charged_ = chosen;
  complete_ = true;
  std::vector<std::vector<std::uint32_t>> edges_at(positions_.size());
  std::vector<std::size_t> pins_left(chosen.size(), 0);
  for (std::uint32_t e = 0; e < chosen.size(); ++e) {
    complete_ = complete_ && (chosen[e] || relaxation_.edges[e].weights[kind_] == 0);
    if (!chosen[e]) continue;
    pins_left[e] = relaxation_.edges[e].pins.size();
    for (const Part pin : relaxation_.edges[e].pins) edges_at[position_of_[pin]].push_back(e);
  }
  std::vector<unsigned> shift_of(chosen.size(), 0);
  std::uint64_t taken = 0;  // a bit for each slot
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    Position& position = positions_[i];
    position.touches.clear();
    std::uint64_t closing = 0;
    for (const std::uint32_t e : edges_at[i]) {
      const bool first = pins_left[e] == relaxation_.edges[e].pins.size();
      if (first) {
        unsigned slot = 0;
        while (((taken >> slot) & 1) != 0) ++slot;
        taken |= std::uint64_t{1} << slot;
        shift_of[e] = 2 * slot;
      }
      const bool last = --pins_left[e] == 0;
      if (last) closing |= std::uint64_t{1} << (shift_of[e] / 2);
      position.touches.push_back(Touch{e, shift_of[e], first, last});
    }
    taken &= ~closing;
  }
}

bool HeavySets::turns_mixed(const Touch& touch, State state, bool inside) const {
  return !touch.first && ((state >> touch.shift) & 3) == (inside ? kOutside : kInside);
}

// All states that can be reached, and the moves between them. False: they are too many.
bool HeavySets::build_states(bool limited) {
  std::vector<State> states{0};
  num_states_ = 0;
  for (Position& position : positions_) {
    position.states = std::move(states);
    position.moves.assign(position.states.size(), Move{});
    num_states_ += position.states.size();
    std::unordered_map<State, StateId> known;
    states.clear();
    for (std::size_t s = 0; s < position.states.size(); ++s) {
      const State from = position.states[s];
      for (const bool inside : {false, true}) {
        if (inside && !relaxation_.allowed(position.part, kind_)) continue;
        Amount load = inside ? relaxation_.time(position.part, kind_) : 0;
        State to = from;
        for (const Touch& touch : position.touches) {
          std::uint64_t code =
              touch.first ? (inside ? kInside : kOutside) : (from >> touch.shift) & 3;
          if (turns_mixed(touch, from, inside)) {
            load += relaxation_.edges[touch.edge].weights[kind_];
            code = kMixed;
          }
          if (touch.last) code = 0;  // forgotten
          to = (to & ~(State{3} << touch.shift)) | (code << touch.shift);
        }
        const auto [it, added] = known.try_emplace(to, static_cast<StateId>(states.size()));
        if (added) states.push_back(to);
        position.moves[s].to[inside ? 1 : 0] = it->second;
        position.moves[s].load[inside ? 1 : 0] = load;
      }
    }
    if (limited && (states.size() > kMaxStates || num_states_ > kMaxAllStates)) return false;
  }
  return true;
}

// None: all sets are meant.
std::optional<HeavySets::Closing> HeavySets::closing(const Search& search) const {
  if (!search.cutting || !charged_[*search.cutting]) return std::nullopt;
  std::size_t position = 0;
  for (const Part pin : relaxation_.edges[*search.cutting].pins) {
    position = std::max(position, position_of_[pin]);
  }
  const auto& touches = positions_[position].touches;
  const auto touch = std::find_if(touches.begin(), touches.end(), [&](const Touch& candidate) {
    return candidate.edge == *search.cutting;
  });
  return Closing{position, *touch};
}

// Whether a move leaves the edge that has to be cut with all pins on one side.
bool HeavySets::barred(const std::optional<Closing>& closing, std::size_t position, StateId state,
                       bool inside) const {
  if (!closing || closing->position != position) return false;
  const State before = positions_[position].states[state];
  return ((before >> closing->touch.shift) & 3) != kMixed &&
         !turns_mixed(closing->touch, before, inside);
}

HeavySets::Outlook HeavySets::look(const Search& search, const Units& units,
                                   std::int64_t price) const {
  Outlook outlook{price, 0, false, {}};
  outlook.rest.resize(positions_.size() + 1);
  outlook.rest.back().assign(1, 0);
  const auto must_cut = closing(search);
  const auto gain = [&](std::size_t i, StateId state, std::size_t side) {
    const Move& move = positions_[i].moves[state];
    if (move.to[side] == kNone || barred(must_cut, i, state, side == 1)) return kImpossible;
    const std::int64_t rest = outlook.rest[i + 1][move.to[side]];
    if (rest == kImpossible) return kImpossible;
    const std::int64_t weight = side == 1 ? search.weights[positions_[i].part] : 0;
    const std::int64_t load = std::min(units.of(move.load[side]), units.limit + 1);
    return weight - price * load + rest;
  };
  for (std::size_t i = positions_.size(); i-- > 0;) {
    const auto num_states = static_cast<StateId>(positions_[i].moves.size());
    outlook.rest[i].reserve(num_states);
    for (StateId state = 0; state < num_states; ++state) {
      outlook.rest[i].push_back(std::max(gain(i, state, 0), gain(i, state, 1)));
    }
  }
  outlook.bound = outlook.rest[0][0] + price * units.limit;
  Amount load = 0;
  StateId state = 0;
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    const Move& move = positions_[i].moves[state];
    const std::size_t side = gain(i, state, 1) > gain(i, state, 0) ? 1 : 0;
    load += std::min(units.of(move.load[side]), units.limit + 1);
    state = move.to[side];
  }
  outlook.too_heavy = load > units.limit;
  return outlook;
}

// For the price with the least bound, found by bisection, and prices around it. None where the
// effort does not suffice.
std::vector<HeavySets::Outlook> HeavySets::outlooks(const Search& search, const Units& units,
                                                    Effort& effort) const {
  constexpr std::int64_t kPrecision = 256;
  std::int64_t low = 0, high = kMaxPricedLoad / (units.limit + 1);
  std::vector<Outlook> found;
  while (high - low > low / kPrecision) {
    const std::int64_t price = low + (high - low) / 2;
    if (!effort.spend(num_states_)) return {};
    found.assign(1, look(search, units, price));
    if (found.front().bound <= search.above) return found;
    (found.front().too_heavy ? low : high) = found.front().too_heavy ? price + 1 : price;
  }
  for (const std::int64_t price : {low - low / 8, low, low + low / 8}) {
    if (!effort.spend(num_states_)) return {};
    found.push_back(look(search, units, price));
  }
  return found;
}

// Sorts, and keeps of each state the labels that weigh more than all with less load.
void HeavySets::keep_best(std::vector<Label>& labels) {
  std::sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) {
    if (a.state != b.state) return a.state < b.state;
    return a.load != b.load ? a.load < b.load : a.weight > b.weight;
  });
  std::size_t kept = 0;
  for (const Label& label : labels) {
    const bool better = kept == 0 || labels[kept - 1].state != label.state ||
                        labels[kept - 1].weight < label.weight;
    if (better) labels[kept++] = label;
  }
  labels.resize(kept);
}

// Neighbours become one, with the least load and the most weight of them.
void HeavySets::blur(std::vector<Label>& labels, Amount threshold, std::size_t max_labels) {
  for (Amount range = threshold / 65536 + 1; labels.size() > max_labels; range *= 2) {
    std::size_t kept = 0;
    for (std::size_t i = 1; i < labels.size(); ++i) {
      Label& last = labels[kept];
      if (labels[i].state == last.state && labels[i].load / range == last.load / range) {
        last.weight = labels[i].weight;
      } else {
        labels[++kept] = labels[i];
      }
    }
    labels.resize(kept + 1);
    if (range > threshold) return;
  }
}

HeavySets::Finding HeavySets::find(const Search& search, Effort& effort) const {
  const Units units(search.threshold);
  const std::vector<Outlook> all = outlooks(search, units, effort);
  Finding finding{search.above, !complete_, all.empty()};
  const auto hopeless = [&](const Label& label, std::size_t next) {
    return std::any_of(all.begin(), all.end(), [&](const Outlook& outlook) {
      return label.weight + outlook.rest[next][label.state] +
                 outlook.price * units.of(search.threshold - label.load) <=
             search.above;
    });
  };
  const auto must_cut = closing(search);
  std::vector<Label> labels{Label{0, 0, 0}}, grown;
  if (!all.empty() && hopeless(labels.front(), 0)) labels.clear();
  for (std::size_t i = 0; i < positions_.size() && !labels.empty() && !finding.stopped; ++i) {
    const Position& position = positions_[i];
    grown.clear();
    for (const Label& label : labels) {
      const Move& move = position.moves[label.state];
      for (const bool inside : {false, true}) {
        const std::size_t side = inside ? 1 : 0;
        if (move.to[side] == kNone || barred(must_cut, i, label.state, inside) ||
            move.load[side] > search.threshold - label.load) {
          continue;
        }
        const Label next{move.to[side], label.load + move.load[side],
                         label.weight + (inside ? search.weights[position.part] : 0)};
        if (!hopeless(next, i + 1)) grown.push_back(next);
      }
    }
    finding.stopped = !effort.spend(2 * labels.size());
    keep_best(grown);
    if (grown.size() > search.max_labels) {
      blur(grown, search.threshold, search.max_labels);
      finding.blurred = true;
    }
    labels.swap(grown);
  }
  // All edges are closed: one state, whose last label weighs most.
  if (!labels.empty()) finding.most = std::max(finding.most, labels.back().weight);
  return finding;
}

}  // namespace cleave::check
