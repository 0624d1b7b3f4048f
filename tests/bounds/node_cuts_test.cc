#include "cleave/bounds/node_cuts.h"

#include <gtest/gtest.h>

#include "oracle/sets.h"
#include "oracle/trials.h"
#include "support/brute_force.h"
#include "support/draft.h"

namespace cleave::bounds {
namespace {

using oracle::Set;
using oracle::Trial;
using reduce::Amount;

using Fault = std::optional<std::string>;

const base::Deadline& no_deadline() {
  static const base::Limits limits;
  static const base::Deadline deadline(limits);
  return deadline;
}

Amount bound_of(const Trial& trial) {
  Amount bound = 0;
  for (std::size_t p = 0; p < trial.graph.phases; ++p) {
    bound += least_load_of_a_node(trial.graph, p, 0, no_deadline());
  }
  return bound;
}

// max over nodes, min over sets with the node and kinds that may hold them, whatever they weigh.
Amount enumerate(const reduce::Contracted& graph, std::size_t phase) {
  Amount bound = 0;
  for (reduce::Node v = 0; v < graph.num_nodes; ++v) {
    Amount least = reduce::Contracted::kUnlimited;
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      for (Set set = 1; set <= oracle::all_of(graph); ++set) {
        bool allowed = oracle::has(set, v);
        for (reduce::Node u = 0; u < graph.num_nodes; ++u) {
          allowed = allowed && (!oracle::has(set, u) || graph.is_allowed(u, q));
        }
        if (allowed) least = std::min(least, oracle::load_of(graph, set, q, phase));
      }
    }
    bound = std::max(bound, least);
  }
  return bound;
}

TEST(NodeCuts, EqualTheLeastSetAroundTheDearestNode) {
  oracle::expect_no_fault({.count = 2000, .serial = true}, [](const Trial& trial) -> Fault {
    const Amount bound = least_load_of_a_node(trial.graph, 0, 0, no_deadline());
    const Amount expected = enumerate(trial.graph, 0);
    if (bound != expected) return std::to_string(bound) + ", not " + std::to_string(expected);
    const Amount known = trial.random.between(0, 2 * expected);
    if (least_load_of_a_node(trial.graph, 0, known, no_deadline()) != std::max(known, expected)) {
      return "with a bound known";
    }
    return std::nullopt;
  });
}

TEST(NodeCuts, BoundContiguousPlacements) {
  std::uint64_t feasible = 0;
  std::uint64_t tight = 0;
  oracle::expect_no_fault({.count = 1500, .max_operators = 7}, [&](const Trial& trial) -> Fault {
    const auto best = support::brute_force(trial.problem);
    if (!best) return std::nullopt;
    const Amount bound = bound_of(trial);
    ++feasible;
    tight += bound == best->objective.count() ? 1 : 0;
    return bound <= best->objective.count() ? Fault() : "above the optimum";
  });
  EXPECT_GT(tight * 10, feasible) << tight << " of " << feasible << " tight";
}

// Without contiguity nodes bound as well, as long as each is one group and not several that only
// contiguity holds together.
TEST(NodeCuts, BoundAnyPlacementOfTheNodes) {
  std::uint64_t compared = 0;
  oracle::expect_no_fault({.count = 1500, .max_operators = 7}, [&](const Trial& trial) -> Fault {
    const model::Graph& graph = trial.problem.graph();
    std::size_t units = graph.num_groups();
    for (std::size_t v = 0; v < graph.num_operators(); ++v) {
      units += graph.group(base::OperatorId(v)) ? 0 : 1;
    }
    if (trial.graph.num_nodes != units) return std::nullopt;
    model::Question question = trial.problem.question();
    question.placement = model::PlacementRule::any;
    const auto problem =
        model::Problem::create(trial.problem.shared_graph(), trial.problem.machine(), question);
    const auto best = support::brute_force(*problem);
    if (!best) return std::nullopt;
    ++compared;
    return bound_of(trial) <= best->objective.count() ? Fault() : "above the optimum";
  });
  EXPECT_GT(compared, 20u);
}

}  // namespace
}  // namespace cleave::bounds
