#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cleave/base/units.h"

namespace cleave::model {

/// One step of a proof that no placement keeps all loads within a threshold. Groups are what has to
/// share a device from the start: colocation groups, and operators without one, numbered by their
/// first operators in the order of the graph. Kinds are those of Problem.
///
/// The claim: a device of kind q holds at most weight most[q] within the threshold. If the weight
/// of all groups is more than all devices hold together, there is no such placement. Otherwise the
/// step says which groups share a device in every such placement, for the steps after it.
struct ProofStep {
  std::vector<std::int64_t> weights;  ///< [groups], of any sign
  std::vector<std::int64_t> most;     ///< [kinds], ≥ 0
  /// Groups in an order along which few tensors are under way at a time: a hint, which makes the
  /// claim quick to check. Of groups that share a device, the first one counts.
  std::vector<std::uint32_t> order;
  std::vector<std::vector<std::uint32_t>> together;  ///< sets of groups; empty in the last step

  friend bool operator==(const ProofStep&, const ProofStep&) = default;
};

/// What is needed to check again that no placement has an objective below `bound`: steps that end
/// in a contradiction for the threshold `bound` less a picosecond. None: by trying every placement.
/// docs/algorithms/any.md says why such steps suffice; check::check_proof() believes none of them.
struct Proof {
  base::Duration bound{0};
  std::string method;  ///< what found it
  std::vector<ProofStep> steps;

  friend bool operator==(const Proof&, const Proof&) = default;
};

}  // namespace cleave::model
