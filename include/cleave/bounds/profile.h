#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/bounds/boundary_cuts.h"

namespace cleave::bounds {

/// A lower bound for contiguous throughput from the cheapest cuts along the model.
///
/// Positions (work done on the reference kind) are divided into ranges, and the least cut of a
/// boundary in each is bounded once, for several spreads s0 > s1 > … (BoundaryCuts). For a
/// threshold T, a stage on a reference device from a boundary in range i to one in range j with
/// more than s_t of work does at most T − after_t(i) − before_t(j), so in all at most
///   max over t of min(s_{t−1}, T − after_t(i) − before_t(j)), and the last s,
/// whatever its work is. A stage on another device does at most what that device can do within T.
/// Walking back from the end gives, for every number of devices left, the least work that a
/// boundary in a range must have behind it for the rest to be possible (Completion). If even the
/// start is too far from the end, no chain has all loads within T.
///
/// Serial transfers and one phase. Memory, and contiguity beyond the ranges, are relaxed.
class Profile {
 public:
  struct Range {
    Amount low = 0, high = 0;  ///< of work, both inclusive
    bool possible = true;      ///< false: no boundary stands here
  };
  /// The least counted cuts for one spread.
  struct Tier {
    Amount spread = 0;
    std::vector<Amount> after;   ///< [ranges]: of a stage that starts in the range
    std::vector<Amount> before;  ///< [ranges]: of a stage that ends in the range
  };

  /// What the devices can do within a threshold.
  struct Machine {
    std::uint32_t references = 0;  ///< devices of the reference kind
    std::vector<Amount> others;    ///< [c]: most work that c of the other devices do; others[0] = 0
  };

  /// `spreads` descend. REQUIRES: `cuts` lives as long as compute() is called.
  Profile(BoundaryCuts& cuts, std::size_t num_ranges, const std::vector<Amount>& spreads);

  /// Bounds the cuts of every range, unless `deadline` passes: ranges not reached keep the trivial
  /// bound. Boundaries found are appended to `found`.
  void compute(const base::Deadline& deadline, std::vector<Word>* found);

  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }
  [[nodiscard]] Amount total_work() const { return total_; }

  /// The most work of a reference stage from range `i` within the threshold, if it ends in range
  /// `j`, or at the end of the graph (`j` = number of ranges). `i` may be kStart: nothing placed.
  [[nodiscard]] Amount most_work(std::size_t i, std::size_t j, Amount threshold) const {
    Amount most = tiers_.back().spread;
    Amount limit = threshold;
    for (const Tier& tier : tiers_) {
      const Amount cut =
          (i == kStart ? 0 : tier.after[i]) + (j == ranges_.size() ? 0 : tier.before[j]);
      most = std::max(most, std::min(limit, threshold - cut));
      limit = tier.spread;
    }
    return most;
  }
  static constexpr std::size_t kStart = static_cast<std::size_t>(-1);

 private:
  BoundaryCuts& cuts_;
  Amount total_;
  std::vector<Range> ranges_;
  std::vector<Tier> tiers_;
};

/// What a profile says about a threshold.
class Completion {
 public:
  /// O(references · others² · ranges · ranges a device can cross).
  Completion(const Profile& profile, Amount threshold, const Profile::Machine& machine);

  /// No chain has all loads within the threshold.
  [[nodiscard]] bool refuted() const { return refuted_; }
  /// Whether a boundary, not the end, with so much work behind it may be completed by the devices
  /// left. False is certain, true is not.
  [[nodiscard]] bool possible(std::uint32_t references, std::size_t others, Amount work) const;

 private:
  [[nodiscard]] Amount* row(std::uint32_t references, std::size_t others) {
    return &least_[(references * num_others_ + others) * num_ranges_];
  }
  [[nodiscard]] const Amount* row(std::uint32_t references, std::size_t others) const {
    return &least_[(references * num_others_ + others) * num_ranges_];
  }

  std::size_t num_ranges_;
  std::size_t num_others_;
  std::vector<Amount> highs_;  // [ranges]
  std::vector<Amount> least_;  // [references + 1][others + 1][ranges]
  bool refuted_ = false;
};

}  // namespace cleave::bounds
