#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/bounds/profile.h"
#include "cleave/ideals/reachability.h"
#include "cleave/reduce/contract.h"

namespace cleave::bounds {

/// The least load of a contiguous stage, given what lies before it and in it: exact but for
/// positions, by dynamic programming along a narrow arrangement of the nodes.
///
/// Every node is before the stage, in it or after it (labels 0, 1, 2, never falling along an arc).
/// Nodes are taken in a topological order; all that matters of those taken is the label of each
/// node with arcs still to come, and of each edge with pins still to come whether the pins so far
/// are all in the stage, none of them, or some (then it has been paid). For every such state the
/// least load so far is kept by (position, size): whole-number amounts of work before and in the
/// stage, work divided by a unit and rounded node by node. They only index the table; loads
/// are exact, up to rounding down to a `grain`.
///
/// Where the order is too wide, pins and arcs are dropped, which only lowers loads. Many edges may
/// lose the same pins, the hub (attention operators that read every step's state, say). What the
/// labels of the hub's nodes say together is fixed in turn to each of five cases (Hub), and the
/// least of the five counts: in each the edges know whether the hub is in the stage.
///
/// Where times vary too much for positions to tell work (`averaged`), stages are priced as if each
/// unit of amount took its even share of all work. Over all stages of a chain that comes to the
/// same total, so the least total of a chain, divided by its devices, bounds the largest load.
///
/// Serial transfers and one phase. Memory and other kinds of device are not seen.
class Sweep {
 public:
  /// `order` is topological; at most `width` nodes and edges stay open at any place of it.
  /// Nothing is computed yet.
  Sweep(const Contracted& graph, const ideals::Reachability& reach, std::size_t kind,
        const std::vector<Node>& order, std::size_t width = kWidth);
  static constexpr std::size_t kWidth = 22;

  /// The weight that edges lost with their pins: the less, the better the bound.
  [[nodiscard]] Amount lost_weight() const { return lost_weight_; }

  /// Fills the table for loads up to `most`, within `memory`. False: too many states, or the
  /// deadline passed; the table must not be used. O(nodes · states · positions · sizes).
  [[nodiscard]] bool compute(Amount most, base::Bytes memory, const base::Deadline& deadline);

  /// Whether no chain of stages on the machine's devices has all loads within `threshold`.
  /// Always false where the bound is an average and there are other devices.
  /// REQUIRES: compute() returned true; threshold ≤ most.
  [[nodiscard]] bool refuted(Amount threshold, const Profile::Machine& machine) const;

 private:
  enum Label : std::uint8_t { kBefore, kIn, kAfter };
  enum class Hub {
    none,          // there is no hub
    all_after,     // every node of the hub is after the stage
    out_begun,     // none in the stage, some before it
    split_begun,   // some in the stage, some before it
    all_in,        // all in the stage
    split_unbegun  // none before the stage, some in it, some after it
  };
  struct KeptEdge {
    Amount weight = 0;
    std::vector<std::uint32_t> pins;  // places in the order, ascending; without the hub
    bool has_hub = false;             // all of it
  };
  struct LabelRange {
    Label lowest = kBefore, highest = kAfter;
    bool in = true;  // whether kIn is among them
  };

  void choose_unit();
  void choose_prices();
  [[nodiscard]] bool refuted_on_average(Amount threshold, std::uint32_t devices) const;
  [[nodiscard]] std::uint32_t most_steps(Amount work) const;
  void narrow(std::size_t width);
  void choose_hub(const std::vector<std::vector<Node>>& lost);
  [[nodiscard]] LabelRange labels(Node v, Hub hub) const;
  [[nodiscard]] bool run(Hub hub, const base::Deadline& deadline);

  const Contracted& graph_;
  const ideals::Reachability& reach_;
  std::size_t kind_;
  std::vector<Node> order_;
  std::vector<std::uint32_t> place_;  // [nodes]: in the order
  Amount unit_ = 1;
  std::vector<std::uint32_t> steps_;  // [places]: amount of work in units
  std::vector<std::pair<Amount, std::uint32_t>>
      cheapest_;                // time and steps, least time per step first
  std::vector<Amount> prices_;  // [nodes]: time as the loads of the table count it
  bool averaged_ = false;
  std::uint32_t positions_ = 0;  // all amounts together
  std::uint32_t sizes_ = 0;      // largest amount of one stage within `most`
  Amount grain_ = 1;
  std::int32_t most_grains_ = 0;
  std::size_t most_cells_ = 0;  // of all tables at a place
  std::vector<KeptEdge> edges_;
  std::vector<std::vector<std::uint32_t>> arcs_;  // [places]: places of kept successors
  std::vector<std::uint8_t> in_hub_;              // [nodes]
  std::vector<ideals::Word> before_hub_;          // nodes that come before every node of the hub
  bool has_hub_ = false;
  Amount lost_weight_ = 0;
  std::vector<std::int32_t> least_;  // [position][size]: least load, in grains
};

}  // namespace cleave::bounds
