#include "throughput/any_resplit.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

namespace cleave::throughput {
namespace {

constexpr std::size_t kMaxSlots = 31;        // two bits each
constexpr std::size_t kMaxStates = 1 << 12;  // in front of one node
constexpr std::size_t kMaxLabels = 1 << 12;  // in front of one node
constexpr std::size_t kMaxAllStates = 1 << 19;
constexpr std::size_t kMaxTrails = 1 << 23;
constexpr Amount kNever = std::numeric_limits<Amount>::max() / 4;
constexpr std::uint32_t kNone = 0xffffffff;

struct Trail {
  std::uint32_t before;
  std::uint8_t place;
};

}  // namespace

Resplit::Resplit(const Contracted& graph, std::vector<Node> order)
    : graph_(graph),
      order_(std::move(order)),
      chosen_(graph.num_nodes),
      first_(graph.edges.size()),
      last_(graph.edges.size()),
      outside_(graph.edges.size()),
      slot_(graph.edges.size()) {}

void Resplit::choose(std::span<const std::uint32_t> device_of,
                     std::array<std::uint32_t, 2> devices) {
  nodes_.clear();
  for (const Node v : order_) {
    chosen_[v] = device_of[v] == devices[0] || device_of[v] == devices[1];
    if (chosen_[v]) nodes_.push_back(v);
  }
  for (const Node v : nodes_) {
    for (const std::uint32_t e : graph_.edges_of(v)) {
      first_[e] = nodes_.size();
      outside_[e] = 0;
    }
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (const std::uint32_t e : graph_.edges_of(nodes_[i])) {
      first_[e] = std::min(first_[e], i);
      last_[e] = i;
    }
  }
  for (const Node v : nodes_) {
    for (const std::uint32_t e : graph_.edges_of(v)) {
      const auto pins = graph_.pins_of(e);
      outside_[e] = std::any_of(pins.begin(), pins.end(), [&](Node pin) { return !chosen_[pin]; });
    }
  }
}

// A state has two bits for each open edge: the devices that have touched it.
bool Resplit::build_steps(std::array<std::size_t, 2> kinds) {
  steps_.assign(nodes_.size(), {});
  std::vector<std::uint64_t> states{0}, next_states;
  std::unordered_map<std::uint64_t, StateId> ids;
  std::uint64_t slots_taken = 0;
  std::size_t all_states = 0;
  const auto is_free = [&](std::uint32_t e) {
    return graph_.weight(kinds[0], e) == 0 && graph_.weight(kinds[1], e) == 0;
  };
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node v = nodes_[i];
    for (const std::uint32_t e : graph_.edges_of(v)) {
      if (first_[e] != i || is_free(e)) continue;
      std::uint8_t slot = 0;
      while (((slots_taken >> slot) & 1) != 0) ++slot;
      if (slot >= kMaxSlots) return false;
      slots_taken |= std::uint64_t{1} << slot;
      slot_[e] = slot;
    }
    ids.clear();
    next_states.clear();
    for (const std::uint64_t state : states) {
      Step step{{kNone, kNone}, {}};
      for (std::size_t taker = 0; taker < 2; ++taker) {
        if (!graph_.is_allowed(v, kinds[taker])) continue;
        const std::uint64_t bit = std::uint64_t{1} << taker;
        std::uint64_t to = state;
        step.load[taker][taker] = graph_.time(v, kinds[taker], 0);
        for (const std::uint32_t e : graph_.edges_of(v)) {
          if (is_free(e)) continue;
          const int shift = 2 * slot_[e];
          const std::uint64_t touched = first_[e] == i ? 0 : (to >> shift) & 3;
          const bool joins = (touched & bit) == 0;
          // An edge with pins elsewhere is paid at the first touch, another when both have touched.
          if (joins && (outside_[e] || touched != 0)) {
            step.load[taker][taker] += graph_.weight(kinds[taker], e);
          }
          if (joins && !outside_[e] && touched != 0) {
            step.load[taker][1 - taker] += graph_.weight(kinds[1 - taker], e);
          }
          to &= ~(std::uint64_t{3} << shift);
          if (last_[e] != i) to |= (touched | bit) << shift;
        }
        const auto [it, inserted] = ids.try_emplace(to, static_cast<StateId>(next_states.size()));
        if (inserted) next_states.push_back(to);
        step.to[taker] = it->second;
      }
      steps_[i].push_back(step);
    }
    for (const std::uint32_t e : graph_.edges_of(v)) {
      if (last_[e] == i && !is_free(e)) slots_taken &= ~(std::uint64_t{1} << slot_[e]);
    }
    all_states += next_states.size();
    if (next_states.size() > kMaxStates || all_states > kMaxAllStates) return false;
    std::swap(states, next_states);
  }
  return true;
}

void Resplit::complete() {
  rest_.resize(nodes_.size() + 1);
  rest_.back().assign(1, 0);
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    rest_[i].clear();
    for (const Step& step : steps_[i]) {
      Amount least = kNever;
      for (std::size_t taker = 0; taker < 2; ++taker) {
        if (step.to[taker] == kNone) continue;
        least = std::min(least,
                         rest_[i + 1][step.to[taker]] + step.load[taker][0] + step.load[taker][1]);
      }
      rest_[i].push_back(least);
    }
  }
}

// Keeps what is better in one load than all others of its state, and of nearly equal ones the best.
void Resplit::thin(Amount limit) {
  std::sort(grown_.begin(), grown_.end(), [](const Label& a, const Label& b) {
    return a.state != b.state ? a.state < b.state : a.load < b.load;
  });
  labels_.clear();
  for (const Label& label : grown_) {
    if (labels_.empty() || labels_.back().state != label.state ||
        label.load[1] < labels_.back().load[1]) {
      labels_.push_back(label);
    }
  }
  for (Amount range = limit / 1024 + 1; labels_.size() > kMaxLabels && range < limit; range *= 2) {
    std::size_t kept = 0;
    for (std::size_t j = 1; j < labels_.size(); ++j) {
      const Label& label = labels_[j];
      Label& last = labels_[kept];
      if (label.state != last.state || label.load[0] / range != last.load[0] / range) {
        labels_[++kept] = label;
      } else if (label.load[0] + label.load[1] < last.load[0] + last.load[1]) {
        last = label;
      }
    }
    labels_.resize(kept + 1);
  }
}

std::optional<Resplit::Split> Resplit::run(std::span<const std::uint32_t> device_of,
                                           std::array<std::uint32_t, 2> devices,
                                           std::array<std::size_t, 2> kinds, Goal goal,
                                           Amount limit, std::uint64_t& effort,
                                           const base::Deadline& deadline) {
  choose(device_of, devices);
  if (limit < 0 || !build_steps(kinds)) return {};
  complete();
  std::vector<Trail> trails;
  labels_.assign(1, Label{0, kNone, {0, 0}, {0, 0}});
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    grown_.clear();
    for (const Label& label : labels_) {
      const Step& step = steps_[i][label.state];
      for (std::size_t taker = 0; taker < 2; ++taker) {
        if (step.to[taker] == kNone) continue;
        Label to = label;
        to.state = step.to[taker];
        to.memory[taker] += graph_.memory[nodes_[i]];
        if (to.memory[taker] > graph_.kind_memory[kinds[taker]]) continue;
        for (std::size_t d = 0; d < 2; ++d) to.load[d] += step.load[taker][d];
        if (std::max(to.load[0], to.load[1]) > limit ||
            to.load[0] + to.load[1] + rest_[i + 1][to.state] > 2 * limit) {
          continue;
        }
        trails.push_back(Trail{label.trail, static_cast<std::uint8_t>(taker)});
        to.trail = static_cast<std::uint32_t>(trails.size() - 1);
        grown_.push_back(to);
      }
    }
    effort += grown_.size();
    thin(limit);
    if (labels_.empty() || trails.size() > kMaxTrails || deadline.reached()) return {};
  }
  const auto value = [&](const Label& l) {
    return goal == Goal::sum ? l.load[0] + l.load[1] : std::max(l.load[0], l.load[1]);
  };
  const auto best =
      std::min_element(labels_.begin(), labels_.end(),
                       [&](const Label& a, const Label& b) { return value(a) < value(b); });
  Split split{best->load, nodes_, std::vector<std::uint8_t>(nodes_.size())};
  std::size_t position = nodes_.size();
  for (std::uint32_t t = best->trail; t != kNone; t = trails[t].before) {
    split.place[--position] = trails[t].place;
  }
  return split;
}

}  // namespace cleave::throughput
