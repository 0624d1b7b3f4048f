#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::cost {

/// What the transfer model makes of the time to move in, compute and move out:
/// serial in + compute + out; half-duplex max(in + out, compute); full-duplex max(in, compute,
/// out).
[[nodiscard]] constexpr base::Duration combine(model::Transfers transfers, base::Duration in,
                                               base::Duration compute, base::Duration out) {
  switch (transfers) {
    case model::Transfers::serial:
      return in + compute + out;
    case model::Transfers::half_duplex:
      return std::max(in + out, compute);
    case model::Transfers::full_duplex:
      return std::max(in, std::max(compute, out));
  }
  return in + compute + out;
}

/// What one device moves and computes in one phase.
struct PhaseSums {
  base::Duration in{0};
  base::Duration compute{0};
  base::Duration out{0};
};
/// [forward, backward], indexed by model::Phase.
using DeviceSums = std::array<PhaseSums, 2>;

/// A device's load from its sums. 1f1b and inference: combine() of the sums over both phases;
/// gpipe: combine() per phase, `load` being the sum of the two.
[[nodiscard]] model::DeviceLoad summarise(const model::Problem& problem, const DeviceSums& sums,
                                          base::Bytes memory);

/// 1f1b and inference: the largest load; gpipe: the largest forward + the largest backward load.
/// REQUIRES: at least one device.
[[nodiscard]] base::Duration objective(model::Schedule schedule,
                                       std::span<const model::DeviceLoad> devices);

struct Evaluation {
  std::vector<model::DeviceLoad> devices;  ///< [devices]
  base::Duration objective{0};
  bool fits = true;  ///< no device holds more than its memory
};

/// Loads and objective of a placement under the throughput objective (docs/model.md):
///   in(S)  = Σ w(x) over tensors produced outside S and consumed inside,
///   out(S) = Σ w(x) over tensors produced inside S and consumed outside,
/// both booked to the phase of the producer; see summarise() and objective().
/// REQUIRES: one allowed device for every operator. O(operators + edges + devices). Thread-safe.
[[nodiscard]] Evaluation evaluate(const model::Problem& problem, const model::Placement& placement);

}  // namespace cleave::cost
