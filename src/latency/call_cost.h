#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cleave/bounds/min_cut.h"
#include "latency/relaxed.h"

namespace cleave::latency {

/// A path of the graph, and where every vertex stands to it.
struct Path {
  Path(const Relaxed& graph, std::vector<Vertex> on_path);

  std::vector<Vertex> vertices;
  std::vector<std::int32_t> first;  ///< [vertices]: of the path's vertices that it is or comes
                                    ///< before, the first; length() where there is none
  std::vector<std::int32_t> last;   ///< that it is or comes after, the last; −1: none

  [[nodiscard]] std::int32_t length() const { return static_cast<std::int32_t>(vertices.size()); }
};

/// Lower bounds for the time of one call that meets a path exactly in an interval of it.
///
/// A call that can be run is contiguous, so it has everything that lies between two of its
/// operators, and nothing that comes before or after a path operator outside of it while ... (see
/// docs/algorithms/latency.md). What it costs to compute and move what may or may not be inside is
/// a minimum cut; the memory limit enters with a multiplier.
///
/// Not thread-safe: one for each thread.
class CallCost {
 public:
  /// REQUIRES: graph and path outlive this.
  CallCost(const Relaxed& graph, const Path& path) : graph_(graph), path_(path) {}

  /// No call with path[begin … end) and no other operator of the path takes less; Relaxed::kNever:
  /// there is no such call. REQUIRES: begin < end.
  [[nodiscard]] Amount least(std::int32_t begin, std::int32_t end);

  /// The same for two or more calls of one accelerator that share out path[begin … end) among them,
  /// one after the other. What they take together is no less. REQUIRES: slots > 1.
  [[nodiscard]] Amount least_together(std::int32_t begin, std::int32_t end);

  /// The operators of the last call priced: of the cheapest set found that fits, or would cost
  /// least if memory did not matter.
  [[nodiscard]] const std::vector<Vertex>& cheapest() const { return cheapest_; }

 private:
  enum class Side : std::uint8_t { open, in, out };
  // What computing and moving count for; the sum is divided by `divisor`.
  struct Weights {
    Amount compute, transfer, divisor;
  };
  struct Cut {
    Amount value = 0;  // with memory at the multiplier
    Amount cost = 0;   // without
    Amount memory = 0;
  };

  [[nodiscard]] std::uint32_t unit(Vertex v) const { return merged_ ? graph_.group[v] : v; }
  template <class Visit>
  void for_each_member(std::uint32_t u, Visit visit) const {
    if (!merged_) return visit(static_cast<Vertex>(u));
    for (const Vertex v : graph_.members[u]) visit(v);
  }
  bool decide_sides(std::int32_t begin, std::int32_t end);
  bool pull_in(std::int32_t begin, std::int32_t end);
  void collect_open();
  void build_network(std::int32_t begin, std::int32_t end, const Weights& weights);
  void add_transfer(const Relaxed::Tensor& tensor, Amount price);
  void add_closures(std::uint32_t u, std::int32_t begin, std::int32_t end);
  void add_memory();
  void arc(std::uint32_t from, std::uint32_t to, Amount capacity);
  [[nodiscard]] Amount least(std::int32_t begin, std::int32_t end, bool together);
  [[nodiscard]] Amount least_weighted(std::int32_t begin, std::int32_t end, const Weights& weights);
  Cut solve(Amount multiplier);

  const Relaxed& graph_;
  const Path& path_;
  bool together_ = false;  // several calls: what lies between two of their operators may be outside
  bool merged_ = false;    // units are groups, not vertices
  std::vector<Side> sides_;  // [units]
  std::vector<std::uint32_t> in_units_, open_units_;
  std::vector<std::uint32_t> node_of_;  // [units]: in the network, where open
  std::vector<std::uint64_t> seen_tensor_;
  std::uint64_t pass_ = 0;

  struct Arc {
    std::uint32_t from, to;
    Amount capacity;
  };
  struct MemoryArc {
    std::uint32_t node;
    Amount capacity, memory;
    std::size_t number;
  };
  std::vector<Arc> arcs_;
  std::vector<MemoryArc> memory_arcs_;
  std::uint32_t num_nodes_ = 0;
  Amount constant_ = 0;  // cost of what is in for certain
  Amount constant_memory_ = 0;
  bounds::MinCut network_;
  std::vector<Vertex> cheapest_;
};

}  // namespace cleave::latency
