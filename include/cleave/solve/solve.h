#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/base/result.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::solve {

/// An algorithm that proves what it can. Added in one place: registry.cc.
struct Algorithm {
  std::string_view name;     ///< such as "contiguous"
  std::string_view summary;  ///< one line
  bool (*supports)(const model::Problem& problem);
  model::Plan (*run)(const model::Problem& problem, const base::Limits& limits,
                     const base::ProgressSink& progress);
  /// States after which a search ends that neither time nor states limit: about a minute.
  std::uint64_t usual_states = std::numeric_limits<std::uint64_t>::max();
};
[[nodiscard]] std::span<const Algorithm> algorithms();

/// Chooses the first algorithm of the registry that supports the problem, runs it, never returns
/// worse than the baselines that respect the problem (when time is up: the quick ones), fills
/// loads, stages and the history of the search, and checks the plan. Error: bad_input where nothing
/// supports the problem; internal where the check fails.
[[nodiscard]] base::Result<model::Plan> solve(const model::Problem& problem,
                                              const base::Limits& limits,
                                              const base::ProgressSink& progress = {});

/// One line of `cleave compare`: what somebody would do otherwise.
struct Alternative {
  std::string name;
  std::string note;            ///< why there is none, or what it breaks; may be empty
  model::Placement placement;  ///< empty: it found none, or is not a placement (replicas-only)
  std::vector<model::Stage> stages;  ///< latency: the row that was timed
  std::optional<base::Duration> objective;
  bool feasible = false;  ///< keeps every rule of the problem
  double seconds = 0.0;
};

/// Every baseline that applies, each checked.
[[nodiscard]] std::vector<Alternative> alternatives(const model::Problem& problem,
                                                    std::uint64_t seed);

/// Those that need no planner. Throughput: copies of the whole model, and all on one device.
/// Latency: all on a pool, and all on one accelerator.
[[nodiscard]] std::vector<Alternative> simple_alternatives(const model::Problem& problem);

/// What a placement that somebody else has made is worth. For latency its operators are arranged
/// in calls (cost::arrange_calls) where the placement says nothing of them.
/// REQUIRES: a device for every operator.
[[nodiscard]] Alternative judge(const model::Problem& problem, std::string name,
                                model::Placement placement);

/// What each stage of a plan takes: [stages]. Over the stages of one device all but `load` add up
/// to the device's: a tensor that several of them read is moved in for the first, and one that
/// several devices read is moved out once. Of a latency plan, `load` is from start to finish.
/// REQUIRES: has_placement(). O(operators + edges).
[[nodiscard]] std::vector<model::DeviceLoad> stage_loads(const model::Problem& problem,
                                                         const model::Plan& plan);

/// A feasible placement as a plan: loads, stages and objective filled in.
[[nodiscard]] model::Plan describe(const model::Problem& problem, model::Placement placement);

}  // namespace cleave::solve
