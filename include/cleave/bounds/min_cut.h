#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace cleave::bounds {

/// Minimum s-t cuts in networks with integer capacities (Dinic 1970, iterative). The network is
/// built once; capacities may be set anew between solves.
///
/// Not thread-safe. O(nodes² · arcs) at worst, near linear on the shallow networks used here.
class MinCut {
 public:
  using Capacity = std::int64_t;
  /// Larger than any sum of finite capacities: at most a quarter of the range, so that a few can
  /// be added.
  static constexpr Capacity kInfinite = std::numeric_limits<Capacity>::max() / 4;

  /// Node 0 is the source, node 1 the sink.
  static constexpr std::uint32_t kSource = 0;
  static constexpr std::uint32_t kSink = 1;

  void clear(std::size_t num_nodes);
  /// Adds an arc and returns its number.
  std::size_t add_arc(std::uint32_t from, std::uint32_t to, Capacity capacity);
  void set_capacity(std::size_t arc, Capacity capacity) { arcs_[2 * arc].original = capacity; }

  /// The value of a minimum cut. REQUIRES: it is below kInfinite.
  Capacity solve();
  /// After solve(): whether the node is on the source's side of the cut found, the one with the
  /// smallest source side.
  [[nodiscard]] bool source_side(std::uint32_t node) const { return level_[node] >= 0; }

 private:
  struct Arc {
    std::uint32_t to;
    Capacity original;
    Capacity residual;
  };

  bool find_levels();
  Capacity augment();

  std::size_t num_nodes_ = 0;
  std::vector<Arc> arcs_;  // arc i and its reverse: 2i, 2i + 1
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ends_;
  std::vector<std::uint32_t> offsets_, incident_;
  bool indexed_ = false;
  std::vector<std::int32_t> level_;
  std::vector<std::uint32_t> next_, queue_, path_;
};

}  // namespace cleave::bounds
