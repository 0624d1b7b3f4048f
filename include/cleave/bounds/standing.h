#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cleave/base/limits.h"
#include "cleave/base/units.h"
#include "cleave/model/plan.h"

namespace cleave::bounds {

/// Where an anytime search stands: the best objective found, the best bound proven, the effort
/// spent, and whether to go on. The search keeps what has that objective. Tells the progress sink
/// whenever objective or bound moves. Used from one thread at a time, as the sink is; reading is
/// safe from many while nobody writes. O(1) everything.
///
///   Standing standing(limits, progress, "name of the search");
///   while (standing.open()) {
///     if (standing.improve(found)) best = ...;
///     standing.raise(proven, "name of the argument");
///   }
///   standing.conclude(answer);
class Standing {
 public:
  /// `limits` and `progress` must outlive this; `phase` is in static storage.
  Standing(const base::Limits& limits, const base::ProgressSink& progress, std::string_view phase)
      : limits_(limits), progress_(progress), phase_(phase), deadline_(limits) {}

  [[nodiscard]] bool placed() const { return objective_.has_value(); }
  /// Of the best plan. REQUIRES: placed().
  [[nodiscard]] base::Duration objective() const { return *objective_; }
  [[nodiscard]] base::Duration bound() const { return bound_.value; }
  [[nodiscard]] const base::Deadline& deadline() const { return deadline_; }
  /// Search states visited; whoever searches adds to them.
  [[nodiscard]] std::uint64_t& states() { return states_; }
  [[nodiscard]] std::uint64_t states() const { return states_; }
  [[nodiscard]] std::uint64_t states_left() const;

  /// A plan with this objective was found: whether it is the best so far.
  [[nodiscard]] bool improve(base::Duration objective);
  /// No plan is better than `bound`. Kept where it is news, and no higher than the best plan.
  void raise(base::Duration bound, std::string_view method);
  /// Every plan has been seen or ruled out: the best one is optimal, and without one there is none.
  void exhaust();
  /// Something outside of what open() watches ends the search.
  void stop(base::StopReason reason) { stop_ = reason; }

  /// Whether the best plan is as near to the bound as was asked.
  [[nodiscard]] bool within_gap() const;
  /// Whether there is something left to do, and means to do it. Notes which limit denies it.
  [[nodiscard]] bool open();

  /// Fills what the answers of all searches have: status, reason, objective, bound, stop, states.
  template <typename Answer>
  void conclude(Answer& answer) const {
    answer.status = status();
    answer.reason = reason();
    if (placed()) answer.objective = objective();
    answer.bound = bound_;
    const bool settled = answer.status == model::PlanStatus::optimal ||
                         answer.status == model::PlanStatus::infeasible;
    answer.stop = settled ? base::StopReason::finished : stop_;
    answer.states = states_;
  }

 private:
  [[nodiscard]] model::PlanStatus status() const;
  [[nodiscard]] std::string reason() const;
  void tell() const;

  const base::Limits& limits_;
  const base::ProgressSink& progress_;
  std::string_view phase_;
  base::Deadline deadline_;
  std::optional<base::Duration> objective_;
  model::Bound bound_{base::Duration::zero(), "none"};
  bool exhausted_ = false;
  base::StopReason stop_ = base::StopReason::finished;
  std::uint64_t states_ = 0;
};

}  // namespace cleave::bounds
