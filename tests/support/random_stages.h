#pragma once

#include <cstdint>
#include <optional>

#include "cleave/model/problem.h"

namespace cleave::support {

/// A small problem whose stages have choices: one to `most_operators` forward operators, mostly
/// made a training graph with any optimizer, on up to six devices of one or two classes, at times
/// in servers; every schedule and transfer model, with memory that is loose, tight or too small.
/// All times are multiplied by `scale`. nullopt where what the seed draws is no problem (replicas
/// without weights, an operator that no device supports).
[[nodiscard]] std::optional<model::Problem> random_stages(std::uint64_t seed,
                                                          std::int64_t scale = 1,
                                                          std::int64_t most_operators = 4);

}  // namespace cleave::support
