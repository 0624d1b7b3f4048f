#include "cleave/throughput/contiguous.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "cleave/bounds/standing.h"
#include "cleave/reduce/contract.h"
#include "throughput/phase_search.h"
#include "throughput/running_set.h"
#include "throughput/shortage.h"

namespace cleave::throughput {
namespace {

using base::Duration;
using base::StopReason;
using model::PlanStatus;

// Tables have a row for each combination of numbers of devices used.
constexpr double kMostLevels = 1 << 15;

constexpr std::string_view kIntervals = "intervals of the forward load";

// No device's load can exceed this: all compute on its slowest kind, all tensors moved in or out.
Amount largest_load(const Contracted& graph) {
  Amount total = 0;
  for (std::size_t v = 0; v < graph.num_nodes; ++v) {
    Amount slowest = 0;
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      Amount time = 0;
      for (std::size_t p = 0; p < graph.phases; ++p) time += graph.time(static_cast<Node>(v), q, p);
      slowest = std::max(slowest, time);
    }
    total += slowest;
  }
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    Amount dearest = 0;
    for (const auto& row : graph.weights) dearest = std::max(dearest, row[e]);
    total += dearest;
  }
  return total;
}

class Planner {
 public:
  Planner(const model::Problem& problem, const Contracted& graph, const base::Limits& limits,
          const base::ProgressSink& progress)
      : problem_(problem),
        graph_(graph),
        limits_(limits),
        standing_(limits, progress, "contiguous search") {}

  Answer run() {
    if (graph_.phases == 1) {
      run_single();
    } else {
      run_gpipe();
    }
    Answer answer;
    standing_.conclude(answer);
    answer.placement = std::move(best_);
    if (answer.status == PlanStatus::infeasible) {
      answer.reason = explain_infeasible(problem_, graph_, limits_, standing_.deadline());
    }
    return answer;
  }

 private:
  void run_single() {
    PhaseSearch search(graph_, limits_, standing_.deadline(), standing_.states());
    const auto report = [&](const PhaseSearch::Result& result) {
      take_bound(result.lower_bound, result.method);
      if (result.best) take_incumbent(result.best->chain, result.best->value);
    };
    Caps caps;
    caps.by_phase[0] = largest_load(graph_);
    caps.by_phase[1] = 0;
    const auto result = search.minimise(caps, 0, 0, report);
    report(result);
    finish(result.stop, !result.best && result.lower_bound > caps.by_phase[0]);
  }

  // max forward + max backward: for caps A on the forward load, B*(A) is the least largest
  // backward load. B* falls as A rises, so an interval [a1, a2] of caps holds nothing better than
  // a1 + B*(a2); intervals are split until no one can beat the incumbent.
  void run_gpipe() {
    PhaseSearch search(graph_, limits_, standing_.deadline(), standing_.states());
    const Amount top = largest_load(graph_);
    struct Interval {
      Amount low, high;       // caps on the forward load
      Amount backward_bound;  // for B*(high)
      [[nodiscard]] Amount bound() const { return low + backward_bound; }
    };
    StopReason stop = StopReason::finished;
    bool infeasible = false;

    Caps caps;
    caps.by_phase[0] = caps.by_phase[1] = top;
    const auto forward = search.minimise(caps, 0, 0, [&](const PhaseSearch::Result& result) {
      if (result.best) take_gpipe(result.best->chain);
    });
    if (!forward.best && forward.lower_bound > top) infeasible = true;
    stop = forward.stop == StopReason::gap ? StopReason::finished : forward.stop;
    std::vector<Interval> open;
    if (!infeasible) open.push_back(Interval{std::min(forward.lower_bound, top), top, 0});
    const auto bound_of_open = [&](Amount otherwise) {
      for (const Interval& interval : open) otherwise = std::min(otherwise, interval.bound());
      return otherwise;
    };
    const auto best = [&] {
      return standing_.placed() ? standing_.objective().count() : 2 * top + 1;
    };
    while (!open.empty() && stop == StopReason::finished) {
      const auto at = std::min_element(open.begin(), open.end(), [](const auto& a, const auto& b) {
        return a.bound() < b.bound();
      });
      Interval interval = *at;
      open.erase(at);
      // Only B*(high) < best − low can matter.
      const Amount worth = best() - 1 - interval.low;
      if (interval.backward_bound > worth || interval.low > interval.high) continue;
      caps.by_phase[0] = interval.high;
      caps.by_phase[1] = std::min(worth, top);
      const auto result =
          search.minimise(caps, 1, interval.backward_bound, [&](const PhaseSearch::Result& found) {
            if (found.best) take_gpipe(found.best->chain);
          });
      interval.backward_bound = result.lower_bound;
      if (result.stop != StopReason::finished && result.stop != StopReason::gap) {
        stop = result.stop;
        open.push_back(interval);
      } else if (interval.low < interval.high) {
        const Amount middle = interval.low + (interval.high - interval.low) / 2;
        // What is known of B*(high) holds for every smaller cap too.
        open.push_back(Interval{middle + 1, interval.high, interval.backward_bound});
        open.push_back(Interval{interval.low, middle, interval.backward_bound});
        // Caps above best − 1 − B* cannot help.
        for (Interval& part : open) {
          part.high = std::min(part.high, best() - 1 - part.backward_bound);
        }
        std::erase_if(open, [](const Interval& part) { return part.low > part.high; });
      } else if (result.stop == StopReason::gap) {
        open.push_back(interval);
        stop = StopReason::gap;
      }
      take_bound(bound_of_open(best()), kIntervals);
      if (!open.empty() && standing_.within_gap()) stop = StopReason::gap;
    }
    if (!infeasible) take_bound(bound_of_open(best()), kIntervals);
    finish(stop,
           infeasible || (open.empty() && !standing_.placed() && stop == StopReason::finished));
  }

  void take_gpipe(const Chain& chain) {
    RunningSet set(graph_);
    Amount most[2] = {0, 0};
    for (const reduce::ChainStage& stage : chain) {
      set.clear();
      for (const Node v : stage.nodes) set.add(v);
      const SetPrice price = set.price(stage.kind);
      for (std::size_t p = 0; p < 2; ++p) most[p] = std::max(most[p], price.load[p]);
    }
    take_incumbent(chain, most[0] + most[1]);
  }

  void take_incumbent(const Chain& chain, Amount value) {
    if (!standing_.improve(Duration(value))) return;
    best_ = reduce::expand(problem_, graph_, chain);
  }

  void take_bound(Amount value, std::string_view method) {
    standing_.raise(Duration(value), method);
  }

  void finish(StopReason stop, bool infeasible) {
    standing_.stop(stop);
    if (infeasible) standing_.exhaust();
  }

  const model::Problem& problem_;
  const Contracted& graph_;
  const base::Limits& limits_;
  bounds::Standing standing_;
  model::Placement best_;  // empty: none found
};

}  // namespace

Answer plan_contiguous(const model::Problem& problem, const base::Limits& limits,
                       const base::ProgressSink& progress) {
  auto contracted = reduce::contract(problem);
  if (!contracted) {
    Answer answer;
    answer.status = PlanStatus::infeasible;
    answer.reason = contracted.error().message;
    return answer;
  }
  if (Levels::count(*contracted) > kMostLevels) {
    Answer answer;
    answer.reason =
        "the kinds of devices can be combined in more ways than a search can keep apart; describe "
        "them as fewer classes, or pin fewer operators to single devices";
    answer.bound.method = "none";
    answer.stop = StopReason::size;
    return answer;
  }
  return Planner(problem, *contracted, limits, progress).run();
}

}  // namespace cleave::throughput
