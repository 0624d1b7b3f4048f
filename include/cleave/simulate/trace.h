#pragma once

#include <string>

#include "cleave/model/problem.h"
#include "cleave/simulate/simulate.h"

namespace cleave::simulate {

/// The timeline in the Trace Event Format (JSON), which Perfetto and chrome://tracing open: a
/// process for each device that did anything, in it a thread for each of in, compute and out, a
/// slice for each activity, and a counter of micro-batches in flight. Times are in microseconds
/// with all their digits.
[[nodiscard]] std::string to_chrome_trace(const model::Problem& problem, const Timeline& timeline);

}  // namespace cleave::simulate
