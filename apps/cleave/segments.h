#pragma once

#include <cstdint>
#include <vector>

#include "cleave/model/network.h"
#include "cleave/model/profile.h"
#include "cleave/onnx/stages.h"

namespace cleave::app {

/// Cuts a model's operators, in its order, into at most `count` segments that take about the same
/// time by `times`; operators that are not there count as none. There are fewer where single
/// operators take more than a share, and where only tensors of numbers may cross a border. None
/// where the times are all 0. No segment takes less than half a share. REQUIRES: count ≥ 1.
/// O(operators + values).
[[nodiscard]] std::vector<onnx::StageSpec> cut_evenly(
    const model::Network& network, const std::vector<model::MeasuredOperator>& times,
    std::int64_t count);

}  // namespace cleave::app
