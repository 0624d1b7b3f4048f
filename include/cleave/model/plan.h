#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/limits.h"
#include "cleave/base/units.h"
#include "cleave/model/proof.h"

namespace cleave::model {

/// Which device each operator is on: [operators].
using Placement = std::vector<base::DeviceId>;

/// What one device spends on a sample, and holds.
struct DeviceLoad {
  base::Duration in{0};  ///< moving tensors in
  base::Duration compute{0};
  base::Duration out{0};      ///< moving tensors out
  base::Duration load{0};     ///< what the transfer model makes of the three; latency: of each call
  base::Duration forward{0};  ///< gpipe: load of the forward part; else 0
  base::Duration backward{0};  ///< gpipe: load of the backward part; else 0
  base::Bytes memory;
  base::Duration sync{0};  ///< replicas: synchronising weights, once a batch; else 0

  friend bool operator==(const DeviceLoad&, const DeviceLoad&) = default;
};

/// What a stage with choices chose, and what each of its devices holds for it.
struct StageChoice {
  std::vector<base::DeviceId> replicas;  ///< besides the stage's `device`, in the order of numbers
  bool recompute = false;
  std::int64_t in_flight = 0;  ///< micro-batches on each device at once; 0: no training
  std::int64_t versions = 1;   ///< of the weights
  base::Bytes resident;        ///< the operators' memory, with one version of the weights
  base::Bytes older_weights;   ///< all further versions
  base::Bytes activations;     ///< of the micro-batches in flight

  friend bool operator==(const StageChoice&, const StageChoice&) = default;
};

/// A device's piece of the pipeline. Of a latency plan: a call of an accelerator, or a row of
/// operators that a pool takes up one after the other. With choices: perhaps several devices', who
/// take turns.
struct Stage {
  base::DeviceId device;
  std::vector<base::OperatorId> operators;  ///< in topological order, not empty
  base::Duration start{0};   ///< latency: of the call; of a pool: of what starts first; else 0
  base::Duration finish{0};  ///< latency: of the call; of a pool: of what ends last; else 0
  std::optional<StageChoice> choice{};  ///< exactly where the question has stages with choices
};

/// A proven lower bound and the name of the argument that proves it.
struct Bound {
  base::Duration value{0};
  std::string method;
};

/// Where a search stood when its incumbent or its bound had moved.
struct SearchStep {
  std::uint64_t effort = 0;  ///< search states visited until then
  double seconds = 0.0;
  std::optional<base::Duration> incumbent;  ///< best objective until then
  base::Duration lower_bound{0};            ///< best proven bound until then

  friend bool operator==(const SearchStep&, const SearchStep&) = default;
};

enum class PlanStatus {
  optimal,     ///< a placement whose objective equals the lower bound
  feasible,    ///< a placement; the gap is open
  infeasible,  ///< proven: there is no placement; `reason` says why
  none,        ///< a limit was reached before a placement was found
};
[[nodiscard]] std::string_view to_string(PlanStatus status);

/// The answer. Carries everything that later rooms need.
struct Plan {
  PlanStatus status = PlanStatus::none;
  std::string reason;           ///< infeasible or none: one sentence
  Placement placement;          ///< [operators]; empty without a placement
  base::Duration objective{0};  ///< with a placement
  Bound bound;                  ///< valid in every status but infeasible
  /// Of the bound, or of the best lower one that can be checked again; absent where none was kept,
  /// as in plans that were read from a file.
  std::optional<Proof> proof{};
  base::StopReason limit = base::StopReason::finished;
  std::string solver;        ///< registry name of the algorithm that found the placement
  std::uint64_t effort = 0;  ///< search states visited, all phases
  double seconds = 0.0;
  /// By effort; the last one is where the search ended. No incumbent gets worse and no bound falls.
  /// Empty where the plan came from no search.
  std::vector<SearchStep> history;
  std::vector<DeviceLoad> devices;  ///< [devices]; empty without a placement
  /// In topological order; empty without a placement. Of a latency plan the order is part of the
  /// answer: an accelerator's calls and a pool's operators take their turns in it.
  std::vector<Stage> stages;

  [[nodiscard]] bool has_placement() const { return !placement.empty(); }
  /// (objective − lower bound) / objective; 0 for objective 0. REQUIRES: has_placement().
  [[nodiscard]] double gap() const;
};

}  // namespace cleave::model
