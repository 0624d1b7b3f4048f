#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "simulate/program.h"
#include "simulate/sequence.h"

namespace cleave::simulate {

/// Micro-batches that go through some of the program's tasks, with nothing else in the pipeline.
struct Block {
  std::int64_t first = 0;  ///< micro-batch, from 0
  std::int64_t count = 0;
  std::int64_t depth = 1;               ///< micro-batches let in at once
  std::optional<model::Phase> phase{};  ///< only tasks of this phase
};

/// How long a task takes for a micro-batch (from 0).
using Durations = std::function<base::Duration(std::size_t task, std::int64_t micro_batch)>;

/// Runs the block from `start` on, appends what happened to `slices`, in the order of starts, and
/// returns when all was done. Every resource keeps to its sequence and starts each task as soon as
/// it is free, the task's needs are done, its micro-batch is let in and, for a transfer, the bus
/// has room; those who wait for the bus get it first come, first served. O(count · tasks ·
/// log(resources)).
base::Duration run_block(const Program& program, const Sequence& sequence, const Block& block,
                         std::optional<int> bus, const Durations& durations, base::Duration start,
                         std::vector<Slice>& slices);

}  // namespace cleave::simulate
