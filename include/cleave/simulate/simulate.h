#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

/// Runs a plan, micro-batch by micro-batch, on paper: a discrete-event simulation on its own
/// definitions (docs/simulate.md). Shares no code with cost or check, so that their agreement is
/// evidence.
namespace cleave::simulate {

/// In which order the devices do the work of different micro-batches: any of these, whatever the
/// problem's question says.
///   inference    a stream of samples, which enter as fast as the pipeline takes them
///   gpipe        per batch: all forward passes, then all backward passes
///   one_f_one_b  forward and backward alternate, no flush (PipeDream)
///   flush        forward and backward alternate within a batch; batches do not mix
///   two_bw       as one_f_one_b; weights change once a batch, two versions of them
using model::Schedule;
/// The schedule of that name (model::to_string()); nullopt: there is none.
[[nodiscard]] std::optional<Schedule> find_schedule(std::string_view name);

struct Options {
  std::optional<Schedule> schedule{};           ///< default: the one that was planned for
  std::optional<std::int64_t> micro_batches{};  ///< in all; default: 8 · depth, or 4 batches
  std::optional<std::int64_t> batch{};          ///< micro-batches a batch (m); default: 2 · depth
  double jitter = 0.0;     ///< in [0, 1): each run of an operator takes 1 ± jitter times its time
  std::uint64_t seed = 1;  ///< of the jitter
  std::optional<int> bus{};  ///< all transfers share a bus that carries so many at once
};
/// Larger simulations are refused: slices, at some 48 bytes each.
inline constexpr std::int64_t kMaxSlices = 10'000'000;

enum class Activity : std::uint8_t { in, compute, out };

/// A device busy with one thing.
struct Slice {
  base::Duration start{0};
  base::Duration end{0};
  base::DeviceId device;
  std::int32_t stage = 0;        ///< index into plan.stages
  std::int32_t micro_batch = 1;  ///< from 1
  std::int32_t version = 0;      ///< of a computation: updates that its weights have seen
  model::Phase phase = model::Phase::forward;
  Activity activity = Activity::compute;

  friend bool operator==(const Slice&, const Slice&) = default;
};

/// What a device did over the whole simulation.
struct DeviceUse {
  base::Duration in{0};
  base::Duration compute{0};
  base::Duration out{0};
  base::Duration busy{0};  ///< time in which it did any of the three
  int in_flight = 0;       ///< most micro-batches that it had begun and not finished at one time
  int versions = 0;        ///< most versions of a stage's weights alive at one time; 0: no training
  /// Most bytes held at one time: resident, further versions of the weights, and activations: of
  /// each micro-batch, from the start of its first forward computation on a stage to the end of its
  /// last backward one there, what came in and the stash; where the stage recomputes, the stash
  /// during the backward computation alone.
  base::Bytes memory;
};

/// How fast micro-batches left: `micro_batches` in `span`.
struct Rate {
  base::Duration span{0};
  std::int64_t micro_batches = 1;

  [[nodiscard]] base::Duration per_micro_batch() const {
    return base::Duration((span.count() + micro_batches / 2) / micro_batches);
  }
};

struct Timeline {
  Schedule schedule = Schedule::inference;
  std::int64_t micro_batches = 0;
  std::int64_t batch = 0;  ///< micro-batches a batch; 0: the schedule has no batches
  /// Micro-batches that the schedule lets into the pipeline at once; the rounds in which one passes
  /// through it.
  std::int64_t depth = 0;
  std::vector<Slice> slices;  ///< by start
  std::vector<DeviceUse> devices;
  base::Duration makespan{0};
  /// Without flush: from the second half on, leaving out the last `depth`, when the pipeline runs
  /// empty (over all of it where there are fewer than 4 · depth). With flush: over all of it.
  Rate rate;
};

/// Runs the plan. Deterministic: equal input gives equal output. Of a latency plan, the one sample
/// that it is for: no option applies, a pool's slices may overlap, and what a device does within a
/// call is drawn as the transfer model has it.
///
/// Errors: bad_input for a plan without a placement, for one that is not of its problem, and for
/// options that do not fit (batches that do not divide the micro-batches, 2bw with fewer
/// micro-batches a batch than the depth, too many slices, inference of a training graph, gpipe
/// where a sample passes forward and backward more than once); internal where a schedule breaks its
/// promise about weight versions. O(slices · log(slices)). Thread-safe.
[[nodiscard]] base::Result<Timeline> simulate(const model::Problem& problem,
                                              const model::Plan& plan, const Options& options = {});

}  // namespace cleave::simulate
