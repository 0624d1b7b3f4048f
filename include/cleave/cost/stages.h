#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/cost/loads.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

/// Loads and memory of stages with choices (docs/model.md, "Stages with choices").
namespace cleave::cost {

/// A ring all-reduce of `bytes` among r devices: 2(r − 1) · (latency + ⌈bytes / r⌉ / bandwidth),
/// rounded up; at most kMaxDuration. REQUIRES: r ≥ 1.
[[nodiscard]] base::Duration sync_time(const model::Link& link, base::Bytes bytes, std::int64_t r);

/// What a device spends on a batch of m micro-batches while r of them share a stage that takes
/// `load` for each: m / r · load + sync, in picoseconds. It is at most t for each micro-batch
/// exactly if this is at most m · t.
__extension__ using Picoseconds = __int128;
[[nodiscard]] constexpr Picoseconds batch_time(base::Duration load, std::int64_t share,
                                               base::Duration sync) {
  return static_cast<Picoseconds>(load.count()) * share + sync.count();
}

/// Bytes of a stage, from which what its devices hold follows.
struct StageBytes {
  base::Bytes resident;
  base::Bytes weights;  ///< of `resident`
  base::Bytes stash;
  base::Bytes inputs;  ///< of forward tensors from other stages to forward operators
};

/// Where a stage is and what it chose.
struct StagePlace {
  std::int64_t replicas = 1;     ///< r
  std::int64_t reach_after = 0;  ///< of the next stage; 0: this is the last
  bool recompute = false;
};

/// Micro-batches that a stage has begun and not finished on all its devices.
[[nodiscard]] inline std::int64_t window(const model::StageChoice& choice, std::int64_t replicas) {
  return choice.in_flight * replicas;
}
/// Micro-batches that the stage before sees go and not yet come back: the window and, where
/// transfers overlap with computing, those on their way over the border: 2 · r.
[[nodiscard]] std::int64_t reach(const model::Problem& problem, const model::StageChoice& choice,
                                 std::int64_t replicas);
/// What each device of a stage holds: the fields from in_flight on, `replicas` left empty.
[[nodiscard]] model::StageChoice stage_memory(const model::Problem& problem,
                                              const StageBytes& bytes, const StagePlace& place);
[[nodiscard]] inline base::Bytes total(const model::StageChoice& choice) {
  return choice.resident + choice.older_weights + choice.activations;
}

/// A stage of a pipeline, as far as a search decides it.
struct ChosenStage {
  std::vector<base::DeviceId> devices;  ///< at least one, of one kind, ascending
  std::vector<base::OperatorId> operators;
  bool recompute = false;
};

/// A pipeline of stages with choices, priced.
struct StagesEvaluation {
  std::vector<model::DeviceLoad> devices;  ///< [devices]
  std::vector<model::Stage> stages;        ///< as given; operators in topological order
  base::Duration objective{0};
};

/// Prices a pipeline, given in the order of its stages.
/// REQUIRES: problem.question().stages; every operator in one stage, supported there; every device
/// in at most one. O(operators + edges + devices · log). Thread-safe.
[[nodiscard]] StagesEvaluation evaluate_stages(const model::Problem& problem,
                                               std::span<const ChosenStage> stages);

}  // namespace cleave::cost
