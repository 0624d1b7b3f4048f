#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cleave/base/limits.h"
#include "latency/module.h"
#include "latency/relaxed.h"

namespace cleave::latency {

/// A lower bound for the makespan from the operators of a path that nothing goes around: a chain
/// c₀ < c₁ < …, and between neighbours a Module, whose parallel branches are all charged at once.
/// What comes after one of the chain and before the next cannot be elsewhere in time, so a plan
/// takes one after the other: the calls and pool operators that have the chain, and, between two
/// of these, what neither has of the module. Operators that are not between two of the chain are
/// not charged; their memory is, where a colocated operator is.
///
/// A dynamic program over (position in the chain, calls used, price of memory in the last call).
/// With two slots, two neighbouring calls may be of one accelerator; then its memory holds both.
/// O(length · (calls · (window + prices²) + window²)) and the modules.
class SeriesBound {
 public:
  /// REQUIRES: `chain` is not empty, and some or all of what chain_of() gives; graph outlives this.
  /// `prices` of memory are tried, 2 … kMaxPrices.
  SeriesBound(const Relaxed& graph, std::vector<Vertex> chain, std::size_t prices,
              const base::Deadline& deadline);

  static constexpr std::size_t kMaxPrices = 48;

  /// The bound; 0: the deadline came too early; kNever: the problem has no plan.
  [[nodiscard]] Amount compute();

 private:
  // Who has a chain's vertex: the pool, or a call whose memory has the price of that number.
  static constexpr std::size_t kPool = 0;
  static constexpr std::size_t kFree = 1;  // the first price is nothing
  static constexpr std::size_t kMaxHolders = kFree + kMaxPrices;

  // An interval of the chain that is one call's, or two calls' of one accelerator.
  struct Interval {
    Amount fixed = 0;  ///< computing, and moving what has to be moved
    Amount memory = 0;
    std::size_t price = kFree;      ///< of memory: the one that tells most
    Amount cost = Relaxed::kNever;  ///< at that price, without what the modules at its ends add
  };
  using Row = std::vector<Interval>;  // by end − begin − 1
  using Holders = std::array<Amount, kMaxHolders>;
  static constexpr Holders kNobody = [] {
    Holders never{};
    never.fill(Relaxed::kNever);
    return never;
  }();

  void charge_memory();
  void choose_prices();
  // False: the deadline was reached.
  bool build_modules(const base::Deadline& deadline);
  bool build_intervals(const base::Deadline& deadline);
  bool build_pairs(const base::Deadline& deadline);
  void find_least_ends();
  [[nodiscard]] std::vector<Amount> moved_from(std::int32_t begin) const;
  [[nodiscard]] Amount added_at(std::size_t position, std::size_t before, std::size_t after) const;
  [[nodiscard]] Amount cost_at(const Interval& interval, std::size_t price) const;
  [[nodiscard]] Amount ends_add(std::size_t begin, std::size_t end, std::size_t price) const;
  Amount divide();
  bool choose_again();
  bool price_again(Interval& interval, const Holders& begun, const Holders& rest) const;

  const Relaxed& graph_;
  Path chain_;
  std::vector<Amount> charged_;               // [vertices]: memory it stands for
  std::vector<Multiplier> prices_;            // [holders]
  std::vector<std::vector<Amount>> modules_;  // [position][before × holders + after]
  std::vector<std::vector<Amount>> pairs_;    // [position][price]: between calls of one accelerator
  std::vector<Holders> least_before_, least_after_;  // [position]
  std::array<std::vector<Row>, 2> intervals_;        // [calls − 1][begin]
  bool built_ = false;
  std::vector<Holders> begun_;  // [position]: of the last division
};

/// The vertices of a path that no path between two others of it goes around.
[[nodiscard]] std::vector<Vertex> chain_of(const Relaxed& graph, const std::vector<Vertex>& path);

/// The chain, or, if it is long, every so many of its vertices: larger modules, fewer intervals.
[[nodiscard]] std::vector<Vertex> thinned(std::vector<Vertex> chain);

}  // namespace cleave::latency
