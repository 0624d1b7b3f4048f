#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "cleave/check/check.h"
#include "properties/faults.h"
#include "properties/ideal_chains.h"
#include "properties/settings.h"
#include "properties/trials.h"

namespace cleave::properties {
namespace {

using base::Duration;
using model::PlanStatus;
using model::Problem;
using throughput::Answer;

class EverySolver : public testing::TestWithParam<Solver> {};

// Tries the property on as many random problems as asked for, and says how many that were.
void expect_no_failure(const std::string& property, const Applies& applies,
                       const FindFault& find_fault) {
  const auto start = std::chrono::steady_clock::now();
  const auto failure =
      find_failure(settings().first_seed, settings().instances, applies, find_fault);
  ASSERT_FALSE(failure) << failure->to_string();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::cout << property << ": " << settings().instances << " instances from seed "
            << settings().first_seed << " in " << seconds.count() << " s\n";
}

TEST_P(EverySolver, EqualsBruteForce) {
  const Solver& solver = GetParam();
  expect_no_failure(solver.name, solver.supports,
                    [&](const Problem& problem) { return find_fault(solver, problem); });
}

INSTANTIATE_TEST_SUITE_P(Solvers, EverySolver, testing::ValuesIn(solvers()),
                         [](const auto& tested) { return tested.param.name; });

TEST(Definitions, OrderedDevicesAreChainsOfIdeals) {
  const auto small = [](const Problem& problem) {
    return is_contiguous_throughput(problem) && problem.graph().num_operators() <= 7;
  };
  expect_no_failure("chains of ideals", small, find_definition_fault);
}

TEST(Definitions, CostEqualsCheck) {
  const auto all = [](const Problem&) { return true; };
  expect_no_failure("cost", all, find_cost_fault);
}

TEST(Bounds, NeverExceedTheOptimum) {
  expect_no_failure("bounds without contiguity", is_any_throughput, find_bound_fault);
}

// A solver that is right, spoilt in one way that the suite has to find.
struct Spoilt {
  std::string name;
  std::function<void(Answer&, const Problem&, const base::Limits&)> spoil;
  std::string fault;  ///< part of the sentence
};

void PrintTo(const Spoilt& spoilt, std::ostream* out) { *out << spoilt.name; }

class TheSuite : public testing::TestWithParam<Spoilt> {};

TEST_P(TheSuite, CatchesAndShrinks) {
  const auto plan = [](const Problem& problem, const base::Limits& limits,
                       const base::ProgressSink&) {
    Answer answer = plan_by_ideal_chains(problem);
    GetParam().spoil(answer, problem, limits);
    return answer;
  };
  const Solver wrong{GetParam().name, is_contiguous_throughput, plan};
  const auto failure = find_failure(
      1, 500, wrong.supports, [&](const Problem& problem) { return find_fault(wrong, problem); });
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->fault.find(GetParam().fault), std::string::npos) << failure->to_string();
  EXPECT_LE(failure->shrunk_operators, 3u) << failure->to_string();
}

Answer answer_without_placement(PlanStatus status, std::string reason) {
  Answer answer;
  answer.status = status;
  answer.reason = std::move(reason);
  return answer;
}

bool is_optimal(const Answer& answer) { return answer.status == PlanStatus::optimal; }

model::Placement everything_on_first_device(const Problem& problem) {
  return model::Placement(problem.graph().num_operators(), base::DeviceId(0));
}

void claim_objective(Answer& answer, Duration objective) {
  answer.objective = answer.bound.value = objective;
}

INSTANTIATE_TEST_SUITE_P(
    Spoilt, TheSuite,
    testing::Values(Spoilt{"flattering_objective",
                           [](Answer& a, const Problem&, const base::Limits&) {
                             if (is_optimal(a)) claim_objective(a, a.objective - Duration(1));
                           },
                           "the objective is given as"},
                    Spoilt{"other_placement_as_optimum",
                           [](Answer& a, const Problem& problem, const base::Limits&) {
                             if (!is_optimal(a)) return;
                             const auto one_device = everything_on_first_device(problem);
                             const check::Verdict verdict = check::examine(problem, one_device);
                             if (!verdict.feasible()) return;
                             a.placement = one_device;
                             a.objective = verdict.objective;
                           },
                           "'optimal' is said of objective"},
                    Spoilt{"rules_ignored",
                           [](Answer& a, const Problem& problem, const base::Limits&) {
                             if (!is_optimal(a)) return;
                             const auto one_device = everything_on_first_device(problem);
                             if (!check::examine(problem, one_device).feasible())
                               a.placement = one_device;
                           },
                           "the placement is not feasible"},
                    Spoilt{"false_infeasibility",
                           [](Answer& a, const Problem& problem, const base::Limits&) {
                             if (problem.machine().num_devices() < 3) return;
                             a = answer_without_placement(PlanStatus::infeasible,
                                                          "too few devices");
                           },
                           "'infeasible' is said; the optimum is"},
                    Spoilt{"gives_up_without_a_limit",
                           [](Answer& a, const Problem&, const base::Limits&) {
                             if (!is_optimal(a)) return;
                             a.status = PlanStatus::feasible;
                             a.stop = base::StopReason::states;
                             a.bound.value -= Duration(1);
                           },
                           "status 'feasible' without any limit"},
                    Spoilt{"bound_too_high_when_stopped",
                           [](Answer& a, const Problem&, const base::Limits& limits) {
                             if (!is_optimal(a) || limits.states > 10) return;
                             const Duration bound = a.objective + Duration(1);
                             a = answer_without_placement(PlanStatus::none, "stopped");
                             a.bound.value = bound;
                             a.stop = base::StopReason::states;
                           },
                           "exceeds the optimum"},
                    Spoilt{"does_not_say_why_it_stopped",
                           [](Answer& a, const Problem&, const base::Limits& limits) {
                             if (limits.states > 10) return;
                             a = answer_without_placement(PlanStatus::none, "stopped");
                           },
                           "no limit ended the search"},
                    Spoilt{"other_answer_every_time",
                           [runs = 0u](Answer& a, const Problem&, const base::Limits&) mutable {
                             a.states = ++runs;
                           },
                           "a second run answers otherwise"}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace cleave::properties
