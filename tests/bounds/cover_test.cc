// What covers claim, against all sets and all placements of small problems.
#include "cleave/bounds/cover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "oracle/sets.h"
#include "oracle/trials.h"

namespace cleave::bounds {
namespace {

using oracle::Set;
using oracle::Trial;
using reduce::Amount;
using reduce::Contracted;
using reduce::Node;

const base::Deadline kNoDeadline{base::Limits{}};

std::vector<std::int64_t> random_weights(const Trial& trial) {
  std::vector<std::int64_t> weights;
  for (std::size_t v = 0; v < trial.graph.num_nodes; ++v) {
    weights.push_back(static_cast<std::int64_t>(trial.random.below(1000)) - 200);
  }
  return weights;
}

std::int64_t weight_of(Set set, const std::vector<std::int64_t>& weights) {
  std::int64_t sum = 0;
  for (Node v = 0; v < weights.size(); ++v) sum += oracle::has(set, v) ? weights[v] : 0;
  return sum;
}

bool all_allowed(const Contracted& graph, Set set, std::size_t kind) {
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (oracle::has(set, v) && !graph.is_allowed(v, kind)) return false;
  }
  return true;
}

TEST(PathPricing, FindsTheHeaviestSetWithinAThreshold) {
  oracle::expect_no_fault(
      {.count = 6000, .serial = true}, [](const Trial& trial) -> std::optional<std::string> {
        const Contracted& graph = trial.graph;
        const auto weights = random_weights(trial);
        for (std::size_t q = 0; q < graph.num_kinds; ++q) {
          if (graph.kind_weights[q] < 0) continue;
          const auto subset =
              static_cast<Set>(trial.random.below(std::uint64_t{oracle::all_of(graph)} + 1));
          const Amount threshold = oracle::load_of(graph, subset, q, 0);
          std::int64_t heaviest = 0;
          for (Set set = 0; set <= oracle::all_of(graph); ++set) {
            if (!all_allowed(graph, set, q)) continue;
            if (oracle::load_of(graph, set, q, 0) > threshold) continue;
            heaviest = std::max(heaviest, weight_of(set, weights));
          }
          const auto enough = static_cast<std::int64_t>(trial.random.below(2000));
          std::uint64_t effort = 0;
          PathPricing pricing(graph, q);
          const auto price = pricing.price(weights, threshold, enough, effort, kNoDeadline);
          if (price.most < heaviest) return "a heavier set fits";
          if (threshold < (Amount{1} << 30) && price.most != std::max(heaviest, enough)) {
            return "less fits";
          }
          // What no heavier set cuts, none may.
          const auto cut =
              pricing.edges_cut_above(weights, threshold, heaviest - 100, effort, kNoDeadline);
          for (Set set = 0; set <= oracle::all_of(graph); ++set) {
            if (!all_allowed(graph, set, q) || weight_of(set, weights) <= heaviest - 100) continue;
            if (oracle::load_of(graph, set, q, 0) > threshold) continue;
            for (std::uint32_t e = 0; e < cut.size(); ++e) {
              if (cut[e] == 0 && oracle::cuts(graph, set, e)) return "a heavy set cuts the edge";
            }
          }
          if (price.set.empty()) continue;
          const Set set = oracle::set_of(price.set);
          if (!all_allowed(graph, set, q)) return "the set is not allowed";
          if (weight_of(set, weights) != price.most) return "the set weighs something else";
        }
        return std::nullopt;
      });
}

TEST(PathPricing, OrdersAreOfAllNodes) {
  oracle::expect_no_fault({.count = 500}, [](const Trial& trial) -> std::optional<std::string> {
    for (std::size_t q = 0; q < trial.graph.num_kinds; ++q) {
      auto order = PathPricing::narrow_order(trial.graph, q);
      std::sort(order.begin(), order.end());
      std::vector<Node> all(trial.graph.num_nodes);
      std::iota(all.begin(), all.end(), Node{0});
      if (order != all) return "some node is missing";
    }
    return std::nullopt;
  });
}

// The least of the largest loads over all placements.
Amount least_objective(const Contracted& graph) {
  std::vector<std::size_t> kind_of;
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    kind_of.insert(kind_of.end(), graph.kind_count[q], q);
  }
  const std::size_t sets = std::size_t{oracle::all_of(graph)} + 1;
  // [what is held so far]: the least largest load, one device after the other.
  std::vector<Amount> best(sets, base::kMaxDuration.count());
  best[0] = 0;
  for (const std::size_t kind : kind_of) {
    std::vector<Amount> load(sets);
    for (Set set = 0; set < sets; ++set) {
      load[set] = oracle::may_hold(graph, set, kind) ? oracle::load_of(graph, set, kind, 0)
                                                     : base::kMaxDuration.count();
    }
    std::vector<Amount> next(sets, base::kMaxDuration.count());
    for (Set after = 0; after < sets; ++after) {
      for (Set taken = after;; taken = (taken - 1) & after) {
        next[after] = std::min(next[after], std::max(best[after & ~taken], load[taken]));
        if (taken == 0) break;
      }
    }
    best = std::move(next);
  }
  return best.back();
}

TEST(Cover, NeverRefutesWhatIsPossible) {
  oracle::expect_no_fault(
      {.count = 3000, .max_operators = 7, .serial = true},
      [](const Trial& trial) -> std::optional<std::string> {
        const Amount possible = least_objective(trial.graph);
        if (possible == base::kMaxDuration.count()) return std::nullopt;
        Cover cover(trial.graph);
        if (cover.work() > possible) return "work";
        std::uint64_t effort = 0;
        const auto refuted = [&](Amount threshold) {
          const auto share = cover.refute_by_share(threshold, effort, kNoDeadline);
          const auto any = cover.refute(threshold, effort, 1 << 20, kNoDeadline);
          return share == Cover::Outcome::refuted || any == Cover::Outcome::refuted;
        };
        if (refuted(possible)) return "refutes the optimum";
        if (possible > 0 && refuted(possible + possible / 100 + 1)) return "refutes more";
        return std::nullopt;
      });
}

}  // namespace
}  // namespace cleave::bounds
