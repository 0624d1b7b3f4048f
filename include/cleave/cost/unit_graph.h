#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/units.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::cost {

using UnitId = base::Id<struct UnitTag>;
using HyperedgeId = base::Id<struct HyperedgeTag>;

/// A partition of 0 … n−1 into parts 0 … count−1, none of them empty.
struct Partition {
  std::vector<UnitId> part_of;  ///< [n]
  std::size_t count = 0;
};

/// A problem seen as units: sets of operators that move together, so that a placement is one device
/// for each unit. Immutable; safe to read from any thread; keeps the problem alive.
///
/// A tensor whose producer and consumers lie in two or more units is a hyperedge; those units are
/// its pins. With units kept whole, a device pays its transfer (in or out, and once) exactly if it
/// holds some but not all of the pins.
///
/// An arc a → b says that b may not come before a in a pipeline: some forward operator of b
/// consumes a tensor of a forward operator of a. A colocation group without forward operators acts
/// through a zero-cost stand-in with mirrored arcs: a backward tensor from a to b gives the arc
/// b → a if one of its ends is in such a group. A placement is contiguous exactly if its devices
/// can be ordered so that no arc leads back.
class UnitGraph {
 public:
  /// Every colocation group is a unit, and so is every operator without one; numbered by their
  /// first operators. O(operators · (classes + kinds) + edges · log edges), as is the next one.
  explicit UnitGraph(const model::Problem& problem);

  /// `parts` is over operators. REQUIRES: no colocation group is in two parts.
  UnitGraph(const model::Problem& problem, Partition parts);

  [[nodiscard]] const model::Problem& problem() const { return problem_; }
  [[nodiscard]] std::size_t size() const { return memory_.size(); }
  [[nodiscard]] UnitId unit_of(base::OperatorId op) const { return unit_of_[op.index()]; }
  /// Ascending, not empty.
  [[nodiscard]] std::span<const base::OperatorId> operators(UnitId unit) const {
    return operators_.row(unit.index());
  }
  /// Whether all operators of the unit may be there. May hold for no kind at all.
  [[nodiscard]] bool allowed(UnitId unit, base::KindId kind) const {
    return allowed_[unit.index() * problem_.num_kinds() + kind.index()];
  }
  [[nodiscard]] base::Bytes memory(UnitId unit) const { return memory_[unit.index()]; }
  /// [forward, backward] time of the unit's operators that the class supports.
  [[nodiscard]] const std::array<base::Duration, 2>& compute(UnitId unit, base::ClassId c) const {
    return compute_[unit.index() * problem_.machine().num_classes() + c.index()];
  }

  [[nodiscard]] std::size_t num_hyperedges() const { return tensors_.size(); }
  [[nodiscard]] base::TensorId tensor(HyperedgeId edge) const { return tensors_[edge.index()]; }
  /// Of the producer: where the transfer is booked.
  [[nodiscard]] model::Phase phase(HyperedgeId edge) const { return phases_[edge.index()]; }
  /// Distinct, at least two; the producer's unit comes first.
  [[nodiscard]] std::span<const UnitId> pins(HyperedgeId edge) const {
    return pins_.row(edge.index());
  }
  [[nodiscard]] base::Duration transfer(HyperedgeId edge, base::ClassId c) const {
    return transfers_[edge.index() * problem_.machine().num_classes() + c.index()];
  }
  /// Those that have the unit as a pin, ascending.
  [[nodiscard]] std::span<const HyperedgeId> hyperedges(UnitId unit) const {
    return hyperedges_.row(unit.index());
  }
  /// Targets of the unit's arcs: distinct, ascending, without the unit itself.
  [[nodiscard]] std::span<const UnitId> successors(UnitId unit) const {
    return successors_.row(unit.index());
  }

  /// A device for each unit as a device for each operator.
  [[nodiscard]] model::Placement expand(std::span<const base::DeviceId> device_of) const;

 private:
  // Rows of different lengths, one after the other.
  template <class T>
  struct Rows {
    std::vector<T> values;
    std::vector<std::size_t> ends;
    [[nodiscard]] std::span<const T> row(std::size_t i) const {
      const std::size_t begin = i == 0 ? 0 : ends[i - 1];
      return std::span<const T>(values).subspan(begin, ends[i] - begin);
    }
    // Sorted by row, then by value; repeated pairs are kept once.
    static Rows from_pairs(std::vector<std::pair<std::size_t, T>> pairs, std::size_t rows);
  };

  void sum_up_operators();
  void collect_hyperedges();
  void collect_arcs();

  model::Problem problem_;
  std::vector<UnitId> unit_of_;                         // [operators]
  Rows<base::OperatorId> operators_;                    // [units]
  std::vector<bool> allowed_;                           // [units × kinds]
  std::vector<base::Bytes> memory_;                     // [units]
  std::vector<std::array<base::Duration, 2>> compute_;  // [units × classes]
  std::vector<base::TensorId> tensors_;                 // [hyperedges]
  std::vector<model::Phase> phases_;                    // [hyperedges]
  Rows<UnitId> pins_;                                   // [hyperedges]
  std::vector<base::Duration> transfers_;               // [hyperedges × classes]
  Rows<HyperedgeId> hyperedges_;                        // [units]
  Rows<UnitId> successors_;                             // [units]
};

/// The same problem with the units of each part fused; `parts` is over units.
[[nodiscard]] UnitGraph coarsen(const UnitGraph& units, const Partition& parts);

/// The same problem with the units of every cycle of arcs fused, since contiguity puts them on one
/// device. The result's arcs are acyclic. O(operators + edges · log edges).
[[nodiscard]] UnitGraph fuse_cycles(const UnitGraph& units);

}  // namespace cleave::cost
