#include <array>
#include <cstdint>

#include "cleave/latency/latency.h"
#include "cleave/solve/solve.h"
#include "cleave/throughput/any.h"
#include "cleave/throughput/contiguous.h"
#include "cleave/throughput/stages.h"
#include "solve/stages.h"

namespace cleave::solve {

namespace {

// Of either objective's answer, what both have.
template <class Answer>
model::Plan to_plan(Answer answer) {
  model::Plan plan;
  plan.status = answer.status;
  plan.reason = std::move(answer.reason);
  plan.placement = std::move(answer.placement);
  plan.objective = answer.objective;
  plan.bound = std::move(answer.bound);
  if constexpr (requires { answer.proof; }) plan.proof = std::move(answer.proof);
  plan.limit = answer.stop;
  plan.effort = answer.states;
  return plan;
}

model::Plan to_latency_plan(latency::Answer answer) {
  std::vector<model::Stage> stages = std::move(answer.stages);
  model::Plan plan = to_plan(std::move(answer));
  plan.stages = std::move(stages);
  return plan;
}

model::Plan to_plan(const model::Problem& problem, throughput::StagesAnswer answer) {
  model::Plan plan;
  plan.status = answer.status;
  plan.reason = std::move(answer.reason);
  plan.objective = answer.objective;
  plan.bound = std::move(answer.bound);
  plan.limit = answer.stop;
  plan.effort = answer.states;
  if (answer.stages.empty()) return plan;
  take_stages(problem, std::move(answer.stages), plan);
  return plan;
}

// A minute of one core: what a state is differs.
constexpr std::uint64_t kUsualPairs = 400'000'000;
constexpr std::uint64_t kUsualLabels = 3'000'000'000;

constexpr std::array kAlgorithms{
    Algorithm{"stages", "exact search over stages, replicas and recomputation",
              [](const model::Problem& problem) { return problem.question().stages.has_value(); },
              [](const model::Problem& problem, const base::Limits& limits,
                 const base::ProgressSink& progress) {
                return to_plan(problem, throughput::plan_stages(problem, limits, progress));
              }},
    Algorithm{"contiguous", "exact search for the contiguous pipeline with the smallest load",
              [](const model::Problem& problem) {
                return problem.question().objective == model::Objective::throughput &&
                       problem.question().placement == model::PlacementRule::contiguous;
              },
              [](const model::Problem& problem, const base::Limits& limits,
                 const base::ProgressSink& progress) {
                return to_plan(throughput::plan_contiguous(problem, limits, progress));
              },
              kUsualPairs},
    Algorithm{"any", "annealing and covering bounds for devices that hold several pieces",
              [](const model::Problem& problem) {
                return problem.question().objective == model::Objective::throughput &&
                       problem.question().placement == model::PlacementRule::any;
              },
              [](const model::Problem& problem, const base::Limits& limits,
                 const base::ProgressSink& progress) {
                return to_plan(throughput::plan_any(problem, limits, progress));
              },
              kUsualLabels},
    Algorithm{"latency",
              "slices of orders, annealing, and bounds by paths and series, for one sample",
              [](const model::Problem& problem) {
                return problem.question().objective == model::Objective::latency;
              },
              [](const model::Problem& problem, const base::Limits& limits,
                 const base::ProgressSink& progress) {
                return to_latency_plan(latency::plan(problem, limits, progress));
              }},
};

}  // namespace

std::span<const Algorithm> algorithms() { return kAlgorithms; }

}  // namespace cleave::solve
