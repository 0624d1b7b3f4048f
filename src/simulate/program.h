#pragma once

#include <cstdint>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"
#include "cleave/simulate/simulate.h"

namespace cleave::simulate {

/// What does a task.
struct Worker {
  base::DeviceId device;
  std::uint32_t resource = 0;  ///< does one task at a time
};

/// One thing that is done for every micro-batch.
struct Task {
  std::vector<Worker> workers;  ///< at least one; replicas take turns
  std::uint32_t stage = 0;
  std::uint32_t item = 0;  ///< tasks of one item have equal numbers and stand side by side
  model::Phase phase = model::Phase::forward;
  Activity activity = Activity::compute;
  base::Duration duration{0};
  base::Duration fixed{0};                  ///< the part of it that is not the operators'
  std::vector<base::OperatorId> operators;  ///< of a computation
  std::vector<std::uint32_t> needs;         ///< tasks before this one; ascending

  /// Which does it for the micro-batch (from 0).
  [[nodiscard]] const Worker& worker(std::int64_t micro_batch) const {
    return workers[static_cast<std::size_t>(micro_batch) % workers.size()];
  }
};

/// What every micro-batch goes through.
///
/// A sample passes the stages in waves: forward operators in even waves, in the order of the
/// stages; backward operators in odd waves, against it. Mostly there are two. What a stage does in
/// a wave is an item: move tensors in, compute, move tensors out. A tensor is moved into a device
/// for the first item there that consumes it; where that item is of the other phase than the
/// producer, at the end of the producer's wave, in an item of its own, since a transfer belongs to
/// the phase that produces. Transfers that take no time are no tasks.
struct Program {
  std::vector<Task> tasks;  ///< each after all that it needs
  std::size_t num_stages = 0;
  std::size_t num_resources = 0;
  std::size_t num_waves = 0;
  bool has_late_receipts = false;  ///< items at the end of a wave
  /// [stages]: micro-batches that each device of the stage has in flight in the textbook's order.
  std::vector<std::int64_t> in_flight;
};

/// A stage with choices that recomputes computes forward once more in its backward item, and what
/// its replicas spend on synchronising in a batch is spread over the computations of its backward
/// items, rounded up.
///
/// Errors: bad_input where the plan's stages are not a partition of the graph's operators on
/// devices that support them. O(edges · log(edges)).
[[nodiscard]] base::Result<Program> write_program(const model::Problem& problem,
                                                  const model::Plan& plan);

}  // namespace cleave::simulate
