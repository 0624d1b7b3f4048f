#include "baselines/interval_split.h"
#include "baselines/order.h"
#include "baselines/runs.h"
#include "cleave/cost/unit_graph.h"

namespace cleave::baselines {

std::optional<model::Placement> run_linear_order(const model::Problem& problem, std::uint64_t) {
  const cost::UnitGraph units = cost::fuse_cycles(cost::UnitGraph(problem));
  return split_into_intervals(units, depth_first_order(units));
}

}  // namespace cleave::baselines
