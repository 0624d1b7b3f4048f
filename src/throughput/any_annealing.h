#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/cost/unit_graph.h"
#include "cleave/model/plan.h"

namespace cleave::throughput {

/// A device for each unit of a UnitGraph, and its objective.
struct Assignment {
  std::vector<base::DeviceId> device_of;  ///< [units]
  base::Duration objective{0};
};

/// One run of simulated annealing: where from, how warm, how long.
struct AnnealingRun {
  std::optional<Assignment> start;  ///< none: every unit on a random device
  double warmth = 0.05;             ///< first temperature, as a share of the objective
  std::uint64_t moves = 0;
  std::uint64_t seed = 1;
};

struct AnnealingResult {
  std::optional<Assignment> best;  ///< keeps every rule; never worse than a start that does
  std::uint64_t moves = 0;
};

/// Simulated annealing over single units, pairs, and clusters grown along hyperedges, up to whole
/// connected pieces of a device's share. Guided by the sixteenth-power mean of the loads, which is
/// smooth where their maximum is not, and a price on memory beyond the limit; what it records is
/// measured by the objective itself. Deterministic in its arguments unless the deadline cuts it.
[[nodiscard]] AnnealingResult anneal(const cost::UnitGraph& units, const AnnealingRun& run,
                                     const base::Deadline& deadline);

}  // namespace cleave::throughput
