#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/cost/stages.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::baselines {

/// What people would do otherwise. Proves nothing; deterministic in (problem, seed).
///
/// Every placement puts colocation groups on one device each, and operators on devices that are
/// allowed. Whether memory and contiguity hold is said with each baseline below; the caller checks.
/// nullopt: the baseline found no placement (which does not mean that there is none).
///
///   one-device      all on the device that does it fastest; respects memory
///   greedy          fills the devices in a depth-first topological order, each to its share of the
///                   memory; contiguous, respects memory
///   linear-order    the best cut of one depth-first topological order into intervals; contiguous,
///                   respects memory
///   pipedream-like  the same on a chain of blocks: what lies between two articulation points stays
///                   together; contiguous, respects memory
///   local-search    moves and swaps of single units while the busiest device gets better, from
///                   several starts; respects memory, is not contiguous
///   scotch          graph partitioning by the Scotch library; ignores memory, as its published use
///                   does, and is not contiguous
///
/// An expert's placement is a baseline too, but it comes from a file: io::read_split().
struct Baseline {
  std::string_view name;
  std::string_view summary;  ///< one line
  bool quick;                ///< near linear: worth its time even when time is up
  bool (*supports)(const model::Problem& problem);
  std::optional<model::Placement> (*run)(const model::Problem& problem, std::uint64_t seed);
};

/// All of them, cheapest first. Added in one place: registry.cc.
[[nodiscard]] std::span<const Baseline> baselines();

/// The same for the latency objective, where an answer is a row of stages. Stages can always run;
/// what else holds is said with each baseline, and the caller checks.
///
///   pool-only        all on one pool
///   one-accelerator  one call on the accelerator that does it fastest; ignores memory
///   greedy           fills the accelerators one after the other in a depth-first topological
///   order,
///                    each to its memory, and the pools with the rest; respects memory
///   heft             list scheduling by the longest way to an end: each operator goes where it
///   would
///                    end first. Its own model runs operators one by one; here it may put an
///                    operator on an accelerator only where that extends the last call or begins a
///                    new one that the slots allow. Respects memory, groups and slots
///   scotch           as above; ignores memory and slots
struct LatencyBaseline {
  std::string_view name;
  std::string_view summary;  ///< one line
  bool needs_planner;        ///< false: everything on one device, which anybody can do by hand
  bool quick;                ///< near linear: worth its time even when time is up
  std::optional<std::vector<model::Stage>> (*run)(const model::Problem& problem,
                                                  std::uint64_t seed);
};
[[nodiscard]] std::span<const LatencyBaseline> latency_baselines();

/// Time per sample of copies of the whole model instead of a pipeline:
///   min over classes of (time of all operators on the class) / (devices of it that can hold all),
/// rounded up. Samples are independent, so nothing is moved between devices; in training the
/// synchronisation of weights is left out, which makes the figure too good. nullopt: no device can
/// hold the whole model.
[[nodiscard]] std::optional<base::Duration> replicas_only(const model::Problem& problem);

/// Stages of equally many repeated blocks, each on `width` devices.
struct EqualBlocks {
  std::size_t width = 1;
  std::vector<cost::ChosenStage> stages;
  base::Duration objective{0};
};

/// PipeDream-2BW's rule for stages with choices: of all pipelines whose stages have equally many of
/// the model's repeated blocks, are on equally many devices of one kind and all recompute or all do
/// not, that with the smallest objective. Respects memory; contiguous. nullopt: the model has no
/// repeated blocks (hybrid::find_repeats()), or nothing fits.
/// REQUIRES: problem.question().stages. O(devices · log · (operators + edges)).
[[nodiscard]] std::optional<EqualBlocks> equal_blocks(const model::Problem& problem);

}  // namespace cleave::baselines
