#pragma once

#include <cstdint>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/simulate/simulate.h"

namespace cleave::simulate {

/// What a stage's training does to its weights, as far as versions go.
struct TrainedStage {
  bool updates = false;            ///< it has backward operators
  std::uint32_t computations = 0;  ///< of a micro-batch
};

/// Replays the computations of a timeline in the order of their starts, stage by stage, and writes
/// into each the version of the weights that it uses: a micro-batch reads it at its first
/// computation on the stage and keeps it to its last.
///
/// gpipe, flush: the newest; updated in place after every m micro-batches.
/// 1f1b:         the newest, which is stashed; a new one after every micro-batch.
/// 2bw:          max(⌊(k − 1) / m⌋ − 1, 0) for micro-batch k from 1; a new one after every m.
/// A version is alive from its making until neither a micro-batch in flight nor the next one uses
/// it and it is not the newest.
///
/// With `by_device` each device is a stage of its own: [devices] in place of [stages].
///
/// Returns [stages]: most versions alive at one time; 0 for a stage without updates.
/// Error: internal, where a version is not there when it is read, gpipe or flush have two alive or
/// 2bw three.
[[nodiscard]] base::Result<std::vector<int>> track_weights(const std::vector<TrainedStage>& stages,
                                                           Schedule schedule, std::int64_t batch,
                                                           std::vector<Slice>& slices,
                                                           bool by_device = false);

}  // namespace cleave::simulate
