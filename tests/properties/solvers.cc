#include "properties/solvers.h"

#include "cleave/throughput/any.h"

namespace cleave::properties {

bool is_contiguous_throughput(const model::Problem& problem) {
  return problem.question().objective == model::Objective::throughput &&
         problem.question().placement == model::PlacementRule::contiguous;
}

bool is_any_throughput(const model::Problem& problem) {
  return problem.question().objective == model::Objective::throughput &&
         problem.question().placement == model::PlacementRule::any;
}

std::vector<Solver> solvers() {
  return {
      {"plan_contiguous", is_contiguous_throughput, throughput::plan_contiguous},
      {"plan_any", is_any_throughput, throughput::plan_any},
  };
}

}  // namespace cleave::properties
