#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cleave/bounds/min_cut.h"
#include "cleave/ideals/ideal_store.h"
#include "cleave/ideals/reachability.h"
#include "cleave/reduce/contract.h"

namespace cleave::bounds {

using ideals::Word;
using reduce::Amount;
using reduce::Contracted;
using reduce::Node;

/// How little a boundary can cut, given how much work lies before it.
///
/// For an ideal I let f(I) be its work: the times of its nodes on one kind of device. Work is a
/// position along the model, and an edge can be cut only by boundaries between two positions:
///   first(h) = min over pins of f(the pin and all before it),
///   last(h)  = total − min over pins of f(the pin and all after it).
/// Two boundaries I ⊂ J more than `spread` of work apart cannot both cut an edge whose last() is
/// less than `spread` after I, or whose first() is less than `spread` before J. So the stage J ∖ I
/// pays, besides its work, for the edges of the first sort that I cuts (`after`) and those of the
/// second sort that J cuts (`before`), none of them twice.
class BoundaryCuts {
 public:
  /// REQUIRES: both outlive the object; `kind` pays transfers; the graph has one phase.
  BoundaryCuts(const Contracted& graph, const ideals::Reachability& reach, std::size_t kind);

  [[nodiscard]] Amount total_work() const { return total_; }

  enum class Side { after, before };

  struct Least {
    bool possible = true;  ///< false: no ideal has work in the range
    Amount cut = 0;        ///< no ideal with work in the range cuts less of the counted edges
  };
  /// The least weight of counted edges cut by any ideal with work in [low, high]. A Lagrangian
  /// bound: each multiplier is one minimum cut, every one of them valid. The ideals found on the
  /// way, good boundaries all, are appended to `found` if given (words() words each).
  [[nodiscard]] Least least_cut(Amount low, Amount high, Side side, Amount spread,
                                std::vector<Word>* found);

  [[nodiscard]] std::size_t words() const { return reach_.words(); }

 private:
  struct Point {  // an ideal as the Lagrangian sees it
    Amount work = 0;
    Amount cut = 0;
  };
  [[nodiscard]] bool counted(std::uint32_t edge, Amount low, Amount high, Side side,
                             Amount spread) const;
  [[nodiscard]] bool set_window(Amount low, Amount high);
  void build(Amount low, Amount high, Side side, Amount spread);
  // Minimises scale · (cut − forced cut) − slope · work over the window; returns the minimum.
  Amount minimise(Amount scale, Amount slope, Point& at, std::vector<Word>* found);
  [[nodiscard]] Point measure_window_end(bool all) const;

  const Contracted& graph_;
  const ideals::Reachability& reach_;
  std::size_t kind_;
  Amount total_ = 0;
  std::vector<Amount> work_, before_, after_;  // [nodes]: own, with all before, with all after
  std::vector<Amount> first_, last_;           // [edges]

  // The window of the current range: forced nodes are in every ideal of the range, free ones may
  // be; the network has one node for each free node.
  std::vector<std::uint8_t> forced_, free_;  // [nodes]
  std::vector<Node> free_nodes_;
  std::vector<std::uint32_t> network_node_;  // [nodes], for free ones
  Amount forced_work_ = 0;
  Amount free_work_ = 0;
  Amount forced_cut_ = 0;  // weight of counted edges that every ideal of the window cuts
  struct CutArc {
    std::size_t arc;
    Amount weight;
  };
  std::vector<CutArc> cut_arcs_;
  std::vector<std::size_t> source_arcs_, sink_arcs_;  // [free nodes]
  std::vector<std::uint32_t> counted_edges_;
  MinCut network_;
};

}  // namespace cleave::bounds
