#pragma once

#include <optional>
#include <vector>

#include "oracle/sets.h"
#include "throughput/levels.h"

namespace cleave::oracle {

/// All chains ∅ = I₀ ⊂ I₁ ⊂ … ⊂ V of given ideals with a device for each stage, by dynamic
/// programming over every pair of ideals, without a prune.
class Chains {
 public:
  static constexpr Amount kNone = -1;

  /// `ideals` ascend, the first is empty and the last has every node. REQUIRES: arguments outlive
  /// the object.
  Chains(const Contracted& graph, const throughput::Levels& levels, std::vector<Set> ideals);

  /// The least largest loads in one phase, of stages that keep the caps in both.
  struct Table {
    std::vector<Amount> before;  ///< [ideals × levels]: of chains to there with just these devices
    std::vector<Amount> after;   ///< [ideals × levels]: of chains from there with devices left
    std::optional<Amount> best;  ///< of chains from ∅ to all nodes
  };
  [[nodiscard]] Table solve(const throughput::Caps& caps, std::size_t phase) const;

  [[nodiscard]] const std::vector<Set>& ideals() const { return ideals_; }

 private:
  struct Stage {
    std::size_t from, to;  // ideals
    std::size_t kind;
    Amount load[2];
  };

  const throughput::Levels& levels_;
  std::size_t num_kinds_;
  std::vector<Set> ideals_;
  std::vector<Stage> stages_;  // by `from`
};

/// What is wrong with a chain that should go from ∅ to all nodes within the caps and have `value`
/// as its largest load in the phase; nullptr: nothing.
[[nodiscard]] const char* fault_of(const Contracted& graph, const throughput::Chain& chain,
                                   const throughput::Caps& caps, std::size_t phase, Amount value);

}  // namespace cleave::oracle
