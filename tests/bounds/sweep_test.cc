#include "cleave/bounds/sweep.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "oracle/chains.h"
#include "oracle/trials.h"

namespace cleave::bounds {
namespace {

using oracle::Chains;
using oracle::Trial;

using Fault = std::optional<std::string>;

const base::Deadline& no_deadline() {
  static const base::Limits limits;
  static const base::Deadline deadline(limits);
  return deadline;
}

// A topological order drawn at random.
std::vector<Node> draw_order(const Contracted& graph, base::Random& random) {
  std::vector<std::size_t> waiting;
  std::vector<Node> ready, order;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    waiting.push_back(graph.predecessors(v).size());
    if (waiting[v] == 0) ready.push_back(v);
  }
  while (!ready.empty()) {
    std::swap(ready[random.below(ready.size())], ready.back());
    const Node v = ready.back();
    ready.pop_back();
    order.push_back(v);
    for (const Node w : graph.successors(v)) {
      if (--waiting[w] == 0) ready.push_back(w);
    }
  }
  return order;
}

// With one kind of device: no threshold that a chain reaches is refuted, whatever is dropped to
// keep the order narrow; and where little is dropped, most thresholds below the optimum are.
void expect_valid(std::size_t width, double least_tight) {
  std::uint64_t tables = 0;
  std::uint64_t tight = 0;
  oracle::expect_no_fault({.count = 6000, .serial = true}, [&](const Trial& trial) -> Fault {
    const Contracted& graph = trial.graph;
    if (graph.num_kinds != 1 || graph.kind_weights[0] < 0) return std::nullopt;
    const throughput::Levels levels(graph);
    const Chains chains(graph, levels, oracle::all_ideals(graph));
    const auto best = chains.solve({}, 0).best;
    if (!best) return std::nullopt;
    const ideals::Reachability reach(graph);
    Sweep sweep(graph, reach, 0, draw_order(graph, trial.random), width);
    if (!sweep.compute(2 * *best, base::Bytes::max(), no_deadline())) return std::nullopt;
    const Profile::Machine machine{graph.kind_count[0], {0}};
    for (const Amount threshold : {*best, *best + *best / 8, 2 * *best}) {
      if (sweep.refuted(threshold, machine)) return "refuted";
    }
    ++tables;
    tight += sweep.refuted(*best * 9 / 10 - 1, machine) ? 1 : 0;
    return std::nullopt;
  });
  EXPECT_GT(tables, 20u);
  EXPECT_GE(static_cast<double>(tight), least_tight * static_cast<double>(tables))
      << tight << " of " << tables;
}

TEST(Sweep, RefutesNothingThatAChainReaches) { expect_valid(22, 0.5); }
TEST(Sweep, NorWhenAllButTwoMustClose) { expect_valid(2, 0.2); }
TEST(Sweep, NorWithoutMemoryOfWhatIsOpen) { expect_valid(0, 0.1); }

}  // namespace
}  // namespace cleave::bounds
