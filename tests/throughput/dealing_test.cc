// Two devices dealt anew, against all ways of dealing them.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "cleave/bounds/path_pricing.h"
#include "oracle/sets.h"
#include "oracle/trials.h"
#include "throughput/any_descent.h"

namespace cleave::throughput {
namespace {

using oracle::Set;
using oracle::Trial;

std::vector<std::size_t> kinds_of(const model::Problem& problem) {
  std::vector<std::size_t> kinds;
  for (std::size_t d = 0; d < problem.machine().num_devices(); ++d) {
    kinds.push_back(problem.kind_of(base::DeviceId(d)).index());
  }
  return kinds;
}

std::vector<Node> some_order(const Contracted& graph, base::Random& random) {
  const auto pays = std::find_if(graph.kind_weights.begin(), graph.kind_weights.end(),
                                 [](int row) { return row >= 0; });
  if (pays != graph.kind_weights.end() && random.chance(0.5)) {
    return bounds::PathPricing::narrow_order(
        graph, static_cast<std::size_t>(pays - graph.kind_weights.begin()));
  }
  std::vector<Node> order;
  for (Node v = 0; v < graph.num_nodes; ++v) {
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(random.below(v + 1)), v);
  }
  return order;
}

Set held_by(const std::vector<std::uint32_t>& device_of, std::uint32_t device) {
  Set set = 0;
  for (std::size_t v = 0; v < device_of.size(); ++v) {
    if (device_of[v] == device) set |= Set{1} << v;
  }
  return set;
}

std::vector<std::uint32_t> random_devices(const Trial& trial) {
  std::vector<std::uint32_t> device_of;
  for (std::size_t v = 0; v < trial.graph.num_nodes; ++v) {
    device_of.push_back(
        static_cast<std::uint32_t>(trial.random.below(trial.problem.machine().num_devices())));
  }
  return device_of;
}

const base::Deadline kNoDeadline{base::Limits{}};

TEST(Resplit, FindsTheBestSplitOfAPair) {
  oracle::expect_no_fault(
      {.count = 6000, .serial = true}, [](const Trial& trial) -> std::optional<std::string> {
        const Contracted& graph = trial.graph;
        const auto kinds = kinds_of(trial.problem);
        if (kinds.size() < 2) return std::nullopt;
        std::vector<std::uint32_t> device_of = random_devices(trial);
        const auto a = static_cast<std::uint32_t>(trial.random.below(kinds.size()));
        const auto b = static_cast<std::uint32_t>((a + 1) % kinds.size());
        const Set both = held_by(device_of, a) | held_by(device_of, b);
        const auto goal = trial.random.chance(0.5) ? Resplit::Goal::sum : Resplit::Goal::larger;

        // All splits of the two devices' nodes: subsets of `both`, by the usual trick.
        std::vector<std::pair<Amount, Amount>> found;  // value, larger load
        for (Set first = both;; first = (first - 1) & both) {
          if (oracle::may_hold(graph, first, kinds[a]) &&
              oracle::may_hold(graph, both & ~first, kinds[b])) {
            const Amount load_a = oracle::load_of(graph, first, kinds[a], 0);
            const Amount load_b = oracle::load_of(graph, both & ~first, kinds[b], 0);
            const Amount larger = std::max(load_a, load_b);
            found.emplace_back(goal == Resplit::Goal::sum ? load_a + load_b : larger, larger);
          }
          if (first == 0) break;
        }
        const Amount limit = found.empty() ? 100 : found[trial.random.below(found.size())].second;
        std::erase_if(found, [&](const auto& split) { return split.second > limit; });

        Resplit resplit(graph, some_order(graph, trial.random));
        std::uint64_t effort = 0;
        const auto split =
            resplit.run(device_of, {a, b}, {kinds[a], kinds[b]}, goal, limit, effort, kNoDeadline);
        // Memory is no part of dominance: with limits on it the best split may be missed.
        const bool limited = graph.kind_memory[kinds[a]] != Contracted::kUnlimited ||
                             graph.kind_memory[kinds[b]] != Contracted::kUnlimited;
        if (!split) {
          return found.empty() || limited ? std::nullopt : std::optional<std::string>("missed");
        }
        for (std::size_t i = 0; i < split->nodes.size(); ++i) {
          device_of[split->nodes[i]] = split->place[i] == 0 ? a : b;
        }
        const Set first = held_by(device_of, a), second = held_by(device_of, b);
        if ((first | second) != both) return "other nodes";
        if (!oracle::may_hold(graph, first, kinds[a])) return "breaks a rule";
        if (!oracle::may_hold(graph, second, kinds[b])) return "breaks a rule";
        if (oracle::load_of(graph, first, kinds[a], 0) != split->loads[0]) return "load";
        if (oracle::load_of(graph, second, kinds[b], 0) != split->loads[1]) return "load";
        const Amount larger = std::max(split->loads[0], split->loads[1]);
        if (larger > limit) return "limit";
        const Amount value =
            goal == Resplit::Goal::sum ? split->loads[0] + split->loads[1] : larger;
        if (!limited && value != std::min_element(found.begin(), found.end())->first) {
          return "not the best";
        }
        return std::nullopt;
      });
}

TEST(Descent, NeverRaisesTheObjectiveAndKeepsCount) {
  oracle::expect_no_fault(
      {.count = 3000, .serial = true}, [](const Trial& trial) -> std::optional<std::string> {
        const Contracted& graph = trial.graph;
        const auto kinds = kinds_of(trial.problem);
        Dealing dealing = measure(graph, kinds, random_devices(trial));
        const Amount before = dealing.objective();
        Resplit resplit(graph, some_order(graph, trial.random));
        std::uint64_t effort = 0;
        descend(kinds, resplit, dealing, effort, kNoDeadline);
        for (std::uint32_t d = 0; d < kinds.size(); ++d) {
          if (dealing.loads[d] !=
              oracle::load_of(graph, held_by(dealing.device_of, d), kinds[d], 0)) {
            return "load";
          }
        }
        return dealing.objective() <= before ? std::nullopt : std::optional<std::string>("worse");
      });
}

}  // namespace
}  // namespace cleave::throughput
