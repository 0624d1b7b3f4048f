// In steady state, the simulator's time per micro-batch is the plan's objective. The two are
// computed by rooms that share nothing but the model.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/check/check.h"
#include "cleave/simulate/simulate.h"
#include "cleave/solve/solve.h"
#include "cleave/throughput/contiguous.h"
#include "support/draft.h"
#include "support/random_draft.h"
#include "support/shrink.h"

namespace cleave::simulate {
namespace {

using base::DeviceId;
using base::OperatorId;
using model::Placement;
using model::PlacementRule;
using model::Plan;
using model::Problem;

// Micro-batches to simulate, in multiples of the depth. A plan whose second busiest device is only
// a little less busy may take long to settle; out_of_bounds() makes the longer run long enough for
// any.
constexpr std::int64_t kRounds = 40;
constexpr std::int64_t kManyRounds = 4000;

// CLEAVE_SIMULATED_PLANS in the environment asks for another number.
std::int64_t plans_to_try() {
  const char* asked = std::getenv("CLEAVE_SIMULATED_PLANS");
  return asked != nullptr ? std::atoll(asked) : CLEAVE_SIMULATED_PLANS;
}

// Every group on a random device that all its members may be on; empty where there is none.
Placement random_placement(const Problem& problem, base::Random& random) {
  const model::Graph& graph = problem.graph();
  Placement placement(graph.num_operators());
  for (std::size_t v = 0; v < placement.size(); ++v) {
    if (placement[v].valid()) continue;
    std::vector<OperatorId> unit{OperatorId(v)};
    if (const auto group = graph.group(OperatorId(v))) {
      unit.assign(graph.members(*group).begin(), graph.members(*group).end());
    }
    std::vector<DeviceId> choices;
    for (std::size_t d = 0; d < problem.machine().num_devices(); ++d) {
      const bool allowed = std::all_of(unit.begin(), unit.end(), [&](OperatorId op) {
        return problem.allowed(op, DeviceId(d));
      });
      if (allowed) choices.emplace_back(d);
    }
    if (choices.empty()) return {};
    const DeviceId device = choices[random.below(choices.size())];
    for (const OperatorId op : unit) placement[op.index()] = device;
  }
  return placement;
}

// A random feasible plan; nullopt: none of a few tries is one.
std::optional<Plan> random_plan(const Problem& problem, base::Random& random) {
  for (int attempt = 0; attempt < 30; ++attempt) {
    Placement placement = random_placement(problem, random);
    if (placement.empty() || !check::examine(problem, placement).feasible()) continue;
    return solve::describe(problem, std::move(placement));
  }
  return std::nullopt;
}

std::optional<Plan> best_plan(const Problem& problem) {
  throughput::Answer answer = throughput::plan_contiguous(problem, {});
  if (answer.placement.empty()) return std::nullopt;
  return solve::describe(problem, std::move(answer.placement));
}

// The plan that a problem's seed stands for.
std::optional<Plan> plan_for(const Problem& problem, std::uint64_t seed) {
  const bool best = seed % 2 == 0 && problem.question().placement == PlacementRule::contiguous;
  base::Random random(seed);
  return best ? best_plan(problem) : random_plan(problem, random);
}

// The time per micro-batch differs from the objective by more than a thousandth.
bool is_off(const Timeline& timeline, base::Duration objective) {
  const double expected =
      static_cast<double>(objective.count()) * static_cast<double>(timeline.rate.micro_batches);
  const auto measured = static_cast<double>(timeline.rate.span.count());
  return std::abs(measured - expected) > 0.001 * expected;
}

// Of every schedule: n micro-batches without a flush between them take at least n and at most
// n + depth − 1 times the objective. So a micro-batch tends to the objective as n grows.
bool out_of_bounds(const Timeline& timeline, base::Duration objective) {
  const std::int64_t n = timeline.batch > 0 ? timeline.batch : timeline.micro_batches;
  const std::int64_t runs = timeline.micro_batches / n;
  return timeline.makespan < timeline.micro_batches * objective ||
         timeline.makespan > runs * (n + timeline.depth - 1) * objective;
}

bool passes_more_than_twice(const base::Error& error) {
  return error.message.find("gpipe has one forward and one backward pass") != std::string::npos;
}

struct Tally {
  std::int64_t plans = 0;
  std::int64_t by_schedule[3] = {};
  std::int64_t by_transfers[3] = {};
  std::int64_t contiguous = 0;
  std::int64_t best = 0;
  std::int64_t refused = 0;
  std::int64_t slow_to_settle = 0;
};

// Simulates the plan under the schedule that it was planned for.
std::optional<std::string> find_fault(const Problem& problem, const Plan& plan, Tally& tally) {
  const auto first = simulate(problem, plan, {.micro_batches = 1, .batch = 1});
  if (!first && passes_more_than_twice(first.error())) {
    ++tally.refused;
    return std::nullopt;
  }
  ++tally.plans;
  for (const std::int64_t rounds : {kRounds, kManyRounds}) {
    if (!first) return first.error().to_string();
    const std::int64_t n = rounds * first->depth;
    const auto timeline = simulate(problem, plan, {.micro_batches = n, .batch = n / 2});
    if (!timeline) return timeline.error().to_string();
    const bool gpipe = problem.schedule() == model::Schedule::gpipe;
    const std::string facts = fmt::format(
        "{}: {} micro-batches of {} took {} ps, the last {} of them {} ps, at an objective of {} "
        "ps and depth {}",
        to_string(timeline->schedule), n, timeline->batch, timeline->makespan.count(),
        timeline->rate.micro_batches, timeline->rate.span.count(), plan.objective.count(),
        timeline->depth);
    if (out_of_bounds(*timeline, plan.objective)) return "out of bounds: " + facts;
    if (gpipe || !is_off(*timeline, plan.objective)) break;
    if (rounds == kManyRounds) return "off its objective: " + facts;
    ++tally.slow_to_settle;
  }
  ++tally.by_schedule[static_cast<int>(problem.schedule())];
  ++tally.by_transfers[static_cast<int>(problem.transfers())];
  return std::nullopt;
}

TEST(SteadyState, TimePerMicroBatchIsTheObjective) {
  const std::int64_t wanted = plans_to_try();
  ASSERT_GT(wanted, 0);
  Tally tally;
  for (std::uint64_t seed = 1; tally.plans < wanted; ++seed) {
    support::Draft draft = support::random_draft(seed, {12, 6});
    const auto problem = support::build(draft);
    ASSERT_TRUE(problem.ok());
    const auto plan = plan_for(*problem, seed);
    if (!plan) continue;
    const std::int64_t before = tally.plans;
    if (const auto fault = find_fault(*problem, *plan, tally)) {
      const auto small = support::shrink(std::move(draft), [&](const Problem& candidate) {
        Tally ignored;
        const auto smaller = plan_for(candidate, seed);
        return smaller && find_fault(candidate, *smaller, ignored);
      });
      FAIL() << "seed " << seed << ": " << *fault << "\n" << support::to_json(small);
    }
    if (problem->question().placement == PlacementRule::contiguous && tally.plans > before) {
      ++tally.contiguous;
      tally.best += seed % 2 == 0 ? 1 : 0;
    }
  }
  std::cout << tally.plans << " random plans ran at their objective: " << tally.by_schedule[0]
            << " inference, " << tally.by_schedule[1] << " 1f1b, " << tally.by_schedule[2]
            << " gpipe; " << tally.by_transfers[0] << " serial, " << tally.by_transfers[1]
            << " half-duplex, " << tally.by_transfers[2] << " full-duplex; " << tally.contiguous
            << " contiguous (" << tally.best << " of them optimal); " << tally.slow_to_settle
            << " needed a long run to settle; " << tally.refused
            << " more pass several times, which gpipe refuses\n";
}

}  // namespace
}  // namespace cleave::simulate
