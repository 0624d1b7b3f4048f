#pragma once

#include "cleave/base/limits.h"
#include "cleave/model/problem.h"
#include "cleave/throughput/contiguous.h"

namespace cleave::throughput {

/// The placement with the smallest load of the busiest device where a device may hold several
/// pieces of the pipeline, with a proven bound: anytime, and exact where the graph is small.
/// Throughput objective, every schedule and transfer model, any machine. Never worse than what
/// plan_contiguous() finds within a share of the limits. docs/algorithms/any.md has the proofs.
///
/// The result's cases are those of plan_contiguous(). Without any limit the search ends when the
/// gap is closed, which on large graphs it may never be: give a time limit. Restarts of the local
/// search run on limits.threads threads.
[[nodiscard]] Answer plan_any(const model::Problem& problem, const base::Limits& limits,
                              const base::ProgressSink& progress = {});

}  // namespace cleave::throughput
