#include "cleave/bounds/standing.h"

#include <algorithm>

namespace cleave::bounds {

using base::Duration;
using base::StopReason;
using model::PlanStatus;

std::uint64_t Standing::states_left() const {
  return limits_.states - std::min(limits_.states, states_);
}

bool Standing::improve(Duration objective) {
  if (placed() && objective >= *objective_) return false;
  objective_ = objective;
  tell();
  return true;
}

void Standing::raise(Duration bound, std::string_view method) {
  if (placed()) bound = std::min(bound, *objective_);
  if (bound <= bound_.value) return;
  bound_ = model::Bound{bound, std::string(method)};
  tell();
}

void Standing::exhaust() {
  exhausted_ = true;
  if (placed()) raise(*objective_, "exhaustion");
}

bool Standing::within_gap() const {
  if (!placed()) return false;
  const auto gap = static_cast<double>((*objective_ - bound_.value).count());
  return gap <= limits_.gap * static_cast<double>(objective_->count());
}

bool Standing::open() {
  if (exhausted_ || (placed() && bound_.value >= *objective_)) return false;
  if (within_gap()) {
    stop_ = StopReason::gap;
  } else if (deadline_.reached()) {
    stop_ = deadline_.reason();
  } else if (states_ >= limits_.states) {
    stop_ = StopReason::states;
  } else {
    return true;
  }
  return false;
}

PlanStatus Standing::status() const {
  if (!placed()) return exhausted_ ? PlanStatus::infeasible : PlanStatus::none;
  return bound_.value == *objective_ ? PlanStatus::optimal : PlanStatus::feasible;
}

std::string Standing::reason() const {
  if (placed()) return {};
  if (!exhausted_) return "a limit was reached before any placement was found";
  return "every placement breaks a device's memory limit or puts an operator where it may not be "
         "(proven by exhausting them)";
}

void Standing::tell() const {
  if (!progress_) return;
  base::Progress now;
  now.seconds = deadline_.elapsed_seconds();
  now.effort = states_;
  now.incumbent = objective_;
  now.lower_bound = bound_.value;
  now.phase = phase_;
  progress_(now);
}

}  // namespace cleave::bounds
