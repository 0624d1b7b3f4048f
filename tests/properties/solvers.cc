#include "properties/solvers.h"

namespace cleave::properties {

bool is_contiguous_throughput(const model::Problem& problem) {
  return problem.question().objective == model::Objective::throughput &&
         problem.question().placement == model::PlacementRule::contiguous;
}

std::vector<Solver> solvers() {
  return {
      {"plan_contiguous", is_contiguous_throughput, throughput::plan_contiguous},
  };
}

}  // namespace cleave::properties
