#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cleave/model/plan.h"
#include "cleave/model/problem.h"
#include "cleave/simulate/simulate.h"
#include "support/draft.h"

namespace cleave::simulate {

/// A problem and a plan for it.
struct Planned {
  model::Problem problem;
  model::Plan plan;
};

/// So many devices without limits, with the column of times "acc".
[[nodiscard]] model::DeviceClass devices(std::string name, int count, bool pays_transfers);

/// Stage i on device i: a forward operator, and where `backward` is not empty its backward twin.
/// Each hands a tensor to the next of its phase that takes `transfer` into and out of a device.
struct PipelineSpec {
  std::vector<std::int64_t> forward;   ///< [stages], picoseconds
  std::vector<std::int64_t> backward;  ///< [stages], or empty
  std::int64_t transfer = 0;           ///< picoseconds
  model::Transfers transfers = model::Transfers::serial;
};
[[nodiscard]] Planned make_pipeline(const PipelineSpec& spec);

/// The draft's problem with operator i on device placement[i].
[[nodiscard]] Planned place(const support::Draft& draft, const std::vector<std::size_t>& placement);

/// The seed's random problem with a random feasible plan; the next seed's where it has none.
[[nodiscard]] Planned random_planned(std::uint64_t& seed);

/// The slices of a stage with that activity, by start.
[[nodiscard]] std::vector<Slice> slices_of(const Timeline& timeline, std::int32_t stage,
                                           Activity activity);

}  // namespace cleave::simulate
