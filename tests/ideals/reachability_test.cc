#include "cleave/ideals/reachability.h"

#include <gtest/gtest.h>

#include "oracle/sets.h"
#include "oracle/trials.h"

namespace cleave::ideals {
namespace {

using oracle::Set;

TEST(Reachability, ClosesEveryNodeBothWays) {
  oracle::expect_no_fault({.count = 2000, .max_operators = 12},
                          [](const oracle::Trial& trial) -> std::optional<std::string> {
                            const Contracted& graph = trial.graph;
                            const Reachability reach(graph);
                            for (Node v = 0; v < graph.num_nodes; ++v) {
                              // The smallest ideal with v, and what the largest ideal without v
                              // lacks.
                              Set smallest = oracle::all_of(graph);
                              Set largest = 0;
                              for (const Set ideal : oracle::all_ideals(graph)) {
                                if (oracle::has(ideal, v)) {
                                  smallest &= ideal;
                                } else {
                                  largest |= ideal;
                                }
                              }
                              if (oracle::set_of(graph, reach.ancestors(v)) != smallest)
                                return "ancestors";
                              const Set after = oracle::all_of(graph) & ~largest;
                              if (oracle::set_of(graph, reach.descendants(v)) != after)
                                return "descendants";
                            }
                            return std::nullopt;
                          });
}

}  // namespace
}  // namespace cleave::ideals
