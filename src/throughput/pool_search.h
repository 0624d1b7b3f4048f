#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/ideals/ideal_store.h"
#include "throughput/levels.h"
#include "throughput/order_search.h"
#include "throughput/stage_pricer.h"

namespace cleave::throughput {

/// The best chain whose boundaries come from a pool of ideals: exact for the pool, so every ideal
/// added can only help. Feeds on boundaries of good chains and their neighbours, and on the
/// cheapest cuts that the bounds find.
class PoolSearch {
 public:
  using Index = ideals::IdealStore::Index;

  /// REQUIRES: all arguments outlive the search.
  PoolSearch(const Contracted& graph, const Levels& levels, ideals::IdealStore& store,
             const base::Deadline& deadline);

  void clear() { pool_.clear(); }
  [[nodiscard]] std::size_t size() const { return pool_.size(); }
  void add(Index ideal) { pool_.push_back(ideal); }
  /// Adds the boundaries of a chain and the ideals around them: all that differ by one node, and
  /// by an exchange of two, up to `most` for each boundary.
  void add_around(const Chain& chain, std::size_t most);

  /// Adds an ideal and those around it in the same sense.
  void add_neighbours(Index ideal, std::size_t most);

  /// The best chain through the pool with all loads within the caps, if there is one.
  /// O(pool · ideals of the pool within a stage's reach · (cut edges + levels)).
  [[nodiscard]] std::optional<Found> best(const Caps& caps, std::size_t objective_phase);
  /// After best() found a chain: every ideal of the pool on some chain within the caps, with the
  /// value of the best chain through it, best first.
  [[nodiscard]] const std::vector<std::pair<Amount, Index>>& near() const { return near_; }

 private:
  // Whether the kind may hold every node of `to` that is not in `from`.
  [[nodiscard]] bool allowed(Index from, Index to, std::size_t kind) const;

  const Contracted& graph_;
  const Levels& levels_;
  ideals::IdealStore& store_;
  const base::Deadline& deadline_;
  StagePricer pricer_;
  std::vector<Index> pool_;
  struct Arc {
    std::uint32_t from, to;  // in the pool
    std::uint32_t kind;
    Amount load;
  };
  std::vector<Arc> arcs_;  // stages within the caps, by `from`
  std::vector<std::pair<Amount, Index>> near_;
  std::vector<ideals::Word> refused_;  // [kinds × words]: nodes the kind may not hold
};

}  // namespace cleave::throughput
