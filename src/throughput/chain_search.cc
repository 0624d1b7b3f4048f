#include "throughput/chain_search.h"

#include <algorithm>
#include <bit>

namespace cleave::throughput {

ChainSearch::ChainSearch(const Contracted& graph, const Levels& levels, Frame& frame,
                         IdealStore& store, const base::Deadline& deadline)
    : graph_(graph),
      levels_(levels),
      frame_(frame),
      store_(store),
      deadline_(deadline),
      pricer_(store),
      by_level_(levels.size()),
      blocked_(graph.edges.size()) {}

ChainSearch::Outcome ChainSearch::run(const Options& options,
                                      const std::function<void(const Found&)>& on_found) {
  options_ = options;
  on_found_ = &on_found;
  outcome_ = Outcome{};
  ideals_before_ = store_.size();
  priced_ = 0;
  states_.clear();
  std::fill(first_state_.begin(), first_state_.end(), kNone);
  for (auto& level : by_level_) level.clear();
  frame_.set_caps(options.caps);
  if (frame_.refuted()) {
    outcome_.exhausted = true;
    return outcome_;
  }
  reach(store_.empty_ideal(), 0, 0, kNone, 0);
  for (std::size_t level = 0; level < levels_.full(); ++level) {
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      if (levels_.left(level, q) == 0 || by_level_[level].empty()) continue;
      if (!frame_.open(levels_.next(level, q))) continue;
      set_blocked(levels_.next(level, q), q);
      // States of this level are final: every way here uses fewer devices.
      for (const std::uint32_t state : by_level_[level]) {
        expand(state, q);
        if (out_of_effort()) return outcome_;
      }
    }
    by_level_[level] = {};
  }
  outcome_.exhausted = true;
  return outcome_;
}

bool ChainSearch::out_of_effort() {
  outcome_.effort = priced_ + kNewIdealEffort * (store_.size() - ideals_before_);
  if (options_.max_effort > 0 && outcome_.effort >= options_.max_effort) {
    outcome_.stop = base::StopReason::states;
  } else if (deadline_.reached()) {
    outcome_.stop = deadline_.reason();
  } else if (static_cast<std::int64_t>(store_.memory_used() + states_.capacity() * sizeof(State)) >
             options_.max_memory.count()) {
    outcome_.stop = base::StopReason::memory;
  }
  return outcome_.stop != base::StopReason::finished;
}

// An edge is blocked for stages that end at the level if one of its pins cannot be in them.
void ChainSearch::set_blocked(std::size_t level, std::size_t kind) {
  const Word* const permitted = frame_.permitted(level);
  for (std::uint32_t e = 0; e < graph_.edges.size(); ++e) {
    const auto pins = graph_.pins_of(e);
    blocked_[e] = !frame_.can_hold(e, kind) || std::any_of(pins.begin(), pins.end(), [&](Node v) {
      return !contains(permitted, v);
    });
  }
}

void ChainSearch::expand(std::uint32_t state, std::size_t kind) {
  const State from = states_[state];
  if (from.value > options_.caps.by_phase[options_.objective_phase]) return;
  if (dominated(from.ideal, from.level, from.value, state)) return;
  const std::size_t level = levels_.next(from.level, kind);

  // What must be inside the next boundary joins at once, if this kind of device may take it.
  const Word* const forced = frame_.forced(level);
  const Word* const inside = store_.bits(from.ideal);
  for (std::size_t word = 0; word < store_.words(); ++word) {
    if (inside[word] & ~frame_.permitted(level)[word]) return;
    for (Word rest = forced[word] & ~inside[word]; rest != 0; rest &= rest - 1) {
      const auto v =
          static_cast<Node>(word * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
      if (!graph_.is_allowed(v, kind)) return;
    }
  }
  const Index start = store_.join(from.ideal, forced);
  explore(from.ideal, start, level, kind);
  if (outcome_.stop != base::StopReason::finished) return;

  for (const Visit& visit : visits_) {
    if (!visit.fits || visit.ideal == from.ideal) continue;
    if (!can_complete(visit.ideal, level)) continue;
    const Amount value = std::max(from.value, visit.load[options_.objective_phase]);
    if (pushed_forward(visit, level, kind, value)) continue;
    reach(visit.ideal, level, value, state, kind);
  }
}

bool ChainSearch::can_complete(Index ideal, std::size_t level) const {
  if (!frame_.rest_fits(level, store_, ideal)) return false;
  if (options_.completion == nullptr || store_.ready(ideal).empty()) return true;
  std::size_t others = 0;
  for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
    if (q != options_.reference) others += levels_.left(level, q);
  }
  return options_.completion->possible(levels_.left(level, options_.reference), others,
                                       store_.time(ideal, options_.reference, 0));
}

// All ideals from `start` on that one device of the kind might add to `source`.
void ChainSearch::explore(Index source, Index start, std::size_t level, std::size_t kind) {
  visits_.clear();
  if (++epoch_ == 0) {
    std::fill(visit_epoch_.begin(), visit_epoch_.end(), 0);
    epoch_ = 1;
  }
  pricer_.start(source);
  pricer_.choose(kind, blocked_.data());
  const Caps& caps = options_.caps;
  const Word* const permitted = frame_.permitted(level);
  const auto visit = [&](Index ideal) {
    if (ideal >= visit_epoch_.size()) {
      visit_epoch_.resize(store_.size() + store_.size() / 2, 0);
      visit_slot_.resize(visit_epoch_.size());
    }
    if (visit_epoch_[ideal] == epoch_) return;
    visit_epoch_[ideal] = epoch_;
    ++priced_;
    const StagePricer::Price price = pricer_.price(ideal);
    if (!price.can_grow(caps) || price.memory > graph_.kind_memory[kind]) {
      visit_slot_[ideal] = kNone;
      return;
    }
    visit_slot_[ideal] = static_cast<std::uint32_t>(visits_.size());
    visits_.push_back(Visit{ideal, price.within(caps), {price.load[0], price.load[1]}});
  };
  visit(start);
  for (std::size_t i = 0; i < visits_.size(); ++i) {
    const Index ideal = visits_[i].ideal;
    const auto ready = store_.ready(ideal);
    for (std::size_t slot = 0; slot < ready.size(); ++slot) {
      const Node v = ready[slot];
      if (contains(permitted, v) && graph_.is_allowed(v, kind)) visit(store_.grow(ideal, slot));
    }
    // A stage can hold very many ideals; notice limits on the way (the outcome is then partial).
    if ((i & 0xff) == 0xff && out_of_effort()) return;
  }
}

// Whether some ready node could join the stage at no cost to any chain through this boundary: the
// grown stage keeps the caps and exceeds neither the value so far nor the bound, and whichever
// later device would have held the node is no busier without it. (Push-forward dominance.)
bool ChainSearch::pushed_forward(const Visit& visit, std::size_t level, std::size_t kind,
                                 Amount value) {
  const Amount harmless = std::max(value, options_.lower_bound);
  const auto ready = store_.ready(visit.ideal);
  for (std::size_t slot = 0; slot < ready.size(); ++slot) {
    const Node v = ready[slot];
    if (!graph_.is_allowed(v, kind) || !contains(frame_.permitted(level), v)) continue;
    const Index grown = store_.grow(visit.ideal, slot);
    if (grown >= visit_epoch_.size() || visit_epoch_[grown] != epoch_) continue;
    if (visit_slot_[grown] == kNone) continue;
    const Visit& larger = visits_[visit_slot_[grown]];
    if (!larger.fits || larger.load[options_.objective_phase] > harmless) continue;
    bool free = true;
    for (std::size_t q = 0; free && q < graph_.num_kinds; ++q) {
      if (levels_.left(level, q) == 0 || !graph_.is_allowed(v, q)) continue;
      if (graph_.kind_weights[q] < 0) continue;  // losing a node never costs such a device
      const auto row = static_cast<std::size_t>(graph_.kind_weights[q]);
      for (std::size_t p = 0; free && p < graph_.phases; ++p) {
        const auto change = [&](std::size_t direction) {
          return store_.cut(grown, row, p, direction) - store_.cut(visit.ideal, row, p, direction);
        };
        switch (graph_.transfers) {
          case model::Transfers::serial:
            free = change(0) + change(1) <= graph_.time(v, q, p);
            break;
          case model::Transfers::half_duplex:
            free = change(0) + change(1) <= 0;
            break;
          case model::Transfers::full_duplex:
            free = change(0) <= 0 && change(1) <= 0;
            break;
        }
      }
    }
    if (free) return true;
  }
  return false;
}

bool ChainSearch::dominated(Index ideal, std::size_t level, Amount value,
                            std::uint32_t self) const {
  const Amount harmless = std::max(value, options_.lower_bound);
  for (std::uint32_t s = first_state_[ideal]; s != kNone; s = states_[s].next) {
    const State& other = states_[s];
    if (s == self || other.value > harmless || !levels_.within(other.level, level)) continue;
    if (other.level != level || other.value < value || s < self) return true;
  }
  return false;
}

void ChainSearch::reach(Index ideal, std::size_t level, Amount value, std::uint32_t parent,
                        std::size_t kind) {
  if (value > options_.caps.by_phase[options_.objective_phase]) return;
  if (ideal >= first_state_.size()) first_state_.resize(store_.size() + store_.size() / 2, kNone);
  const auto self = static_cast<std::uint32_t>(states_.size());
  if (dominated(ideal, level, value, self)) return;
  // At most one state per ideal and level: a better way there replaces the worse.
  std::uint32_t state = first_state_[ideal];
  while (state != kNone && states_[state].level != level) state = states_[state].next;
  if (state != kNone) {
    states_[state].value = value;
    states_[state].parent = parent;
    states_[state].kind = static_cast<std::uint32_t>(kind);
  } else {
    state = self;
    states_.push_back(State{ideal, static_cast<std::uint32_t>(level), value, parent,
                            static_cast<std::uint32_t>(kind), first_state_[ideal]});
    first_state_[ideal] = state;
    by_level_[level].push_back(state);
  }
  if (store_.ready(ideal).empty()) {  // everything is placed
    outcome_.best = trace(state);
    options_.caps.by_phase[options_.objective_phase] = value - 1;
    (*on_found_)(*outcome_.best);
  }
}

Found ChainSearch::trace(std::uint32_t state) const {
  Found found;
  found.value = states_[state].value;
  for (std::uint32_t s = state; states_[s].parent != kNone; s = states_[s].parent) {
    found.chain.push_back(
        make_stage(store_, states_[states_[s].parent].ideal, states_[s].ideal, states_[s].kind));
  }
  std::reverse(found.chain.begin(), found.chain.end());
  return found;
}

}  // namespace cleave::throughput
