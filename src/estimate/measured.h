#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/profile.h"

namespace cleave::estimate {

/// Multiplies the times of operators, which each took by itself, such that they add up to what the
/// whole model took, up to a picosecond each:
///   time(v) · whole · (time of v's segment / times of all segments) / sum over v's segment
/// Without segments the model is one. Operators whose sum is 0 keep their times.
///
/// `ids` are the model's operators in its order, `times` likewise. Says in a sentence what was
/// done, and for which segment one factor for all would have been off most. Error: bad_input, where
/// the segments are not these operators in order, each once. O(operators).
[[nodiscard]] base::Result<std::string> fit_to_whole(const model::MeasuredColumn& measured,
                                                     std::span<const std::string_view> ids,
                                                     std::span<base::Duration> times);

}  // namespace cleave::estimate
