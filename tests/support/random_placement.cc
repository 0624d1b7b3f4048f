#include "support/random_placement.h"

#include <algorithm>
#include <vector>

namespace cleave::support {

using base::DeviceId;
using base::OperatorId;
using model::Placement;
using model::Problem;

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

}  // namespace cleave::support
