#include "simulate/growth.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace cleave::simulate {

using base::Duration;

namespace {

constexpr std::int64_t kRounds = 12;
constexpr std::int64_t kManyRounds = 1000;

base::Result<Growth> grow(const model::Problem& problem, const model::Plan& plan,
                          std::optional<Schedule> schedule, std::int64_t n) {
  auto once = simulate(problem, plan, {.schedule = schedule, .micro_batches = n, .batch = n});
  if (!once) return once.error();
  auto twice =
      simulate(problem, plan, {.schedule = schedule, .micro_batches = 2 * n, .batch = 2 * n});
  if (!twice) return twice.error();
  return Growth{n, std::move(once).value(), std::move(twice).value()};
}

bool is_off(const Growth& growth, Duration objective) {
  const double expected = static_cast<double>(objective.count()) * static_cast<double>(growth.n);
  return std::abs(static_cast<double>(growth.further().count()) - expected) > 0.001 * expected;
}

bool is_out_of_bounds(const Timeline& timeline, Duration objective, Duration rounding) {
  const std::int64_t n = timeline.micro_batches;
  return timeline.makespan < n * (objective - rounding) ||
         timeline.makespan > (n + timeline.depth - 1) * (objective + rounding);
}

std::string describe(const Growth& growth, Duration objective) {
  return fmt::format(
      "{}: {} micro-batches took {} ps and {} took {} ps, at an objective of {} ps and depth {}",
      to_string(growth.once.schedule), growth.n, growth.once.makespan.count(), 2 * growth.n,
      growth.twice.makespan.count(), objective.count(), growth.once.depth);
}

}  // namespace

Judgement judge_steady_state(const model::Problem& problem, const model::Plan& plan,
                             std::optional<Schedule> schedule, std::int64_t unit,
                             Duration rounding) {
  // Two versions of the weights ask for as many micro-batches a batch as are in the pipeline.
  const auto probe_schedule = schedule == Schedule::two_bw ? Schedule::flush : schedule;
  const auto probe =
      simulate(problem, plan, {.schedule = probe_schedule, .micro_batches = unit, .batch = unit});
  if (!probe) return {probe.error().to_string()};
  for (const std::int64_t rounds : {kRounds, kManyRounds}) {
    const std::int64_t n = (rounds * probe->depth + unit - 1) / unit * unit;
    const auto growth = grow(problem, plan, schedule, n);
    if (!growth) return {growth.error().to_string()};
    for (const Timeline* timeline : {&growth->once, &growth->twice}) {
      if (is_out_of_bounds(*timeline, plan.objective, rounding)) {
        return {"out of bounds: " + describe(*growth, plan.objective)};
      }
    }
    if (!is_off(*growth, plan.objective)) return {std::nullopt, rounds == kManyRounds};
    if (rounds == kManyRounds) return {"off its objective: " + describe(*growth, plan.objective)};
  }
  return {};
}

}  // namespace cleave::simulate
