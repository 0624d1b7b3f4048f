#pragma once

#include <algorithm>
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

struct Evaluation {
  std::vector<model::DeviceLoad> devices;  ///< [devices]
  base::Duration objective{0};
  bool fits = true;  ///< no device holds more than its memory
};

/// Loads and objective of a placement under the throughput objective (docs/model.md):
///   in(S)  = Σ w(x) over tensors produced outside S and consumed inside,
///   out(S) = Σ w(x) over tensors produced inside S and consumed outside.
/// 1f1b: combine() of the sums over both phases; gpipe: combine() per phase, the objective being
/// max forward + max backward (a transfer belongs to its producer's phase) and a device's `load`
/// the sum of its own two.
/// REQUIRES: one allowed device for every operator. O(operators + edges). Thread-safe.
[[nodiscard]] Evaluation evaluate(const model::Problem& problem, const model::Placement& placement);

}  // namespace cleave::cost
