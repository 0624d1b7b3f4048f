#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cleave/base/limits.h"
#include "latency/call_cost.h"
#include "latency/relaxed.h"

namespace cleave::latency {

/// A lower bound for the makespan from one path: its operators run one after the other, on the pool
/// or in calls that meet it in intervals, and every call takes at least what CallCost says. The
/// cheapest division of the path, by dynamic program over (position, calls used), bounds every
/// plan. Neighbours on the path that are colocated are not divided between two devices; where an
/// accelerator has several slots they may be divided between two calls of it. Prices are found only
/// for the intervals that some cheapest division uses, until all of its intervals are priced;
/// stopping before that leaves a valid bound.
///
/// O(rounds · length · window · calls) and a few minimum cuts for each interval priced.
class PathBound {
 public:
  PathBound(const Relaxed& graph, std::vector<Vertex> path);

  /// One interval of the cheapest division: a call, or a single operator on the pool.
  struct Piece {
    std::int32_t begin = 0, end = 0;
    std::size_t calls = 0;          ///< 0: on the pool; 2: two or more of one accelerator
    std::vector<Vertex> operators;  ///< of calls: the cheapest set found
  };

  /// Raises the bound until the division is priced, the bound reaches `enough`, or the deadline.
  /// Adds cuts to `effort`. The value is the bound; kNever: the problem has no plan.
  Amount raise(Amount enough, std::uint64_t& effort, const base::Deadline& deadline);

  /// Of the last raise(): the pieces of the cheapest division, in order.
  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  struct Interval {
    Amount cost = 0;
    bool priced = false;
    std::vector<Vertex> operators;
  };
  // What may begin at one position of the path: intervals by their ends.
  using Row = std::vector<Interval>;
  struct Step {
    Amount cost = Relaxed::kNever;
    std::uint32_t begin = 0;
    std::uint8_t calls = 0;
  };

  [[nodiscard]] bool tied(std::size_t position) const;
  [[nodiscard]] Amount border(std::size_t position) const;
  void estimate();
  [[nodiscard]] Row estimate_calls(std::size_t begin,
                                   const std::vector<std::vector<Vertex>>& ends) const;
  [[nodiscard]] Row estimate_pairs(std::size_t begin) const;
  Amount divide();

  const Relaxed& graph_;
  Path path_;
  CallCost calls_;
  std::size_t max_calls_;
  std::vector<bool> tied_;                     // [length + 1]: no border between two devices
  std::array<std::vector<Row>, 2> intervals_;  // [calls − 1][begin][end − begin − 1]
  std::vector<Piece> pieces_;
};

/// Paths worth trying, each from a source to a sink: the longest by time in calls, by time on the
/// pool, by memory, by transfers, and by sums of these.
[[nodiscard]] std::vector<std::vector<Vertex>> choose_paths(const Relaxed& graph);

/// The longest path by the fastest time of each operator: a lower bound for every plan.
[[nodiscard]] Amount critical_path(const Relaxed& graph);

}  // namespace cleave::latency
