#include "baselines/blocks.h"
#include "baselines/interval_split.h"
#include "baselines/order.h"
#include "baselines/runs.h"
#include "cleave/cost/unit_graph.h"

namespace cleave::baselines {

// After PipeDream (Narayanan et al., SOSP 2019), whose planner cuts a chain of layers so that the
// slowest stage, computing or sending, is fastest. Our reading: graphs that are no chain become one
// by keeping together what lies between two articulation points; a stage's time is the load that
// the problem defines; stages are not replicated.
std::optional<model::Placement> run_pipedream_like(const model::Problem& problem, std::uint64_t) {
  const cost::UnitGraph units = cost::fuse_cycles(cost::UnitGraph(problem));
  const cost::UnitGraph chain = cost::fuse_cycles(cost::coarsen(units, find_blocks(units)));
  return split_into_intervals(chain, depth_first_order(chain));
}

}  // namespace cleave::baselines
