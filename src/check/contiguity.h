#pragma once

#include <vector>

#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::check {

/// Contiguous placements never let `from` be in a later stage than `to`.
struct Arc {
  base::OperatorId from;
  base::OperatorId to;
  bool mirrored = false;  ///< of a tensor that runs the other way, in the backward pass
};

/// What contiguity is about (docs/model.md, "Contiguity"):
///   every tensor from a forward to a forward operator, as it runs;
///   every tensor from a backward to a backward operator, mirrored, if at least one of the two
///   follows no forward operator: no member of its colocation group is one.
/// Other tensors of a training graph do not constrain the order of stages. O(operators + edges).
[[nodiscard]] std::vector<Arc> contiguity_arcs(const model::Graph& graph);

/// Arcs from device to device, in order, that lead round in a cycle; empty where there is none,
/// that is, where the devices can be put in a row that no arc runs back along.
/// REQUIRES: a device for every operator. O(devices + arcs).
[[nodiscard]] std::vector<Arc> find_device_cycle(const std::vector<Arc>& arcs,
                                                 const model::Placement& placement,
                                                 std::size_t num_devices);

}  // namespace cleave::check
