#pragma once

#include <span>
#include <vector>

#include "cleave/ideals/ideal_store.h"
#include "cleave/ideals/reachability.h"
#include "throughput/levels.h"
#include "throughput/running_set.h"

namespace cleave::throughput {

using ideals::contains;
using ideals::IdealStore;
using ideals::insert;
using ideals::Reachability;
using ideals::Word;

/// What a cap on every device's load implies about chains, before any search: how much the devices
/// used so far can have done and those left can still do, and so which nodes must (`forced`) or
/// may (`permitted`) lie inside a boundary at each level. Everything here is a relaxation: it
/// never excludes a chain that keeps the caps.
///
/// Work is measured once per kind and phase: by the times on that kind. What c devices of kind q
/// can take of it within a cap is at most a fractional knapsack with capacity c · cap, filled by
/// the most work per time on q. (ALGORITHMS: Band; Forced and forbidden.)
class Frame {
 public:
  /// Without `reach` (null), for graphs too large for it, a node counts only itself as what comes
  /// before and after it: weaker, still a relaxation.
  Frame(const Contracted& graph, const Levels& levels, const Reachability* reach);

  /// Sets the caps and recomputes everything. REQUIRES: caps are not negative.
  /// O(levels · nodes · kinds).
  void set_caps(const Caps& caps);
  [[nodiscard]] const Caps& caps() const { return caps_; }

  /// Boundaries at the level contain forced() and lie in permitted(); both are down-sets.
  [[nodiscard]] const Word* forced(std::size_t level) const { return &forced_[level * words_]; }
  [[nodiscard]] const Word* permitted(std::size_t level) const {
    return &permitted_[level * words_];
  }
  /// False if no boundary at all can stand at the level.
  [[nodiscard]] bool open(std::size_t level) const { return open_[level] != 0; }
  /// True if the caps admit no chain.
  [[nodiscard]] bool refuted() const { return !open(0); }

  /// Whether the devices that the level leaves could take all that is outside the ideal.
  [[nodiscard]] bool rest_fits(std::size_t level, const IdealStore& store,
                               IdealStore::Index ideal) const;

  /// Whether all pins of an edge, and what lies between them, could be on one device of the kind
  /// as far as times and allowed kinds say. False: every device of that kind that touches the edge
  /// pays for it.
  [[nodiscard]] bool can_hold(std::uint32_t edge, std::size_t kind) const {
    return can_hold_[edge * graph_.num_kinds + kind] != 0;
  }

  /// The most work, in times of `measure` and phase, that the devices of a level can do.
  [[nodiscard]] Amount capacity(std::size_t level, std::size_t measure, std::size_t phase) const {
    return capacity_[level * num_measures_ + measure * graph_.phases + phase];
  }

 private:
  void set_capacities();
  void set_windows();
  void set_holdable();

  const Contracted& graph_;
  const Levels& levels_;
  std::size_t words_;
  std::size_t num_measures_;   // kinds × phases
  std::vector<Amount> total_;  // [measures]
  Amount total_memory_ = 0;
  std::vector<Amount> ancestor_work_;                        // [nodes × measures]
  std::vector<Amount> descendant_work_;                      // [nodes × measures]
  std::vector<Amount> ancestor_memory_, descendant_memory_;  // [nodes]
  std::vector<Amount> hull_work_;            // [edges × measures]: pins and what lies between
  std::vector<std::uint8_t> hull_allowed_;   // [edges × kinds]
  std::vector<std::vector<Node>> by_ratio_;  // [measures × kinds]: most work per time first

  Caps caps_;
  std::vector<Amount> capacity_;          // [levels × measures]
  std::vector<Amount> memory_capacity_;   // [levels]
  std::vector<Word> forced_, permitted_;  // [levels × words]
  std::vector<std::uint8_t> open_;        // [levels]
  std::vector<std::uint8_t> can_hold_;    // [edges × kinds]
};

}  // namespace cleave::throughput
