#include "cleave/throughput/contiguous.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

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
      : problem_(problem), graph_(graph), limits_(limits), progress_(progress), deadline_(limits) {
    answer_.bound.method = "none";
  }

  Answer run() {
    if (graph_.phases == 1) {
      run_single();
    } else {
      run_gpipe();
    }
    answer_.states = effort_;
    return std::move(answer_);
  }

 private:
  void run_single() {
    PhaseSearch search(graph_, limits_, deadline_, effort_);
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
    PhaseSearch search(graph_, limits_, deadline_, effort_);
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
      return answer_.placement.empty() ? 2 * top + 1 : answer_.objective.count();
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
      const double gap =
          static_cast<double>(answer_.objective.count() - answer_.bound.value.count());
      if (!open.empty() && !answer_.placement.empty() &&
          gap <= limits_.gap * static_cast<double>(answer_.objective.count())) {
        stop = StopReason::gap;
      }
    }
    if (!infeasible) take_bound(bound_of_open(best()), kIntervals);
    finish(stop, infeasible ||
                     (open.empty() && answer_.placement.empty() && stop == StopReason::finished));
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
    if (!answer_.placement.empty() && answer_.objective.count() <= value) return;
    answer_.placement = reduce::expand(problem_, graph_, chain);
    answer_.objective = Duration(value);
    tell();
  }

  void take_bound(Amount value, std::string_view method) {
    if (!answer_.placement.empty()) value = std::min(value, answer_.objective.count());
    if (value <= answer_.bound.value.count()) return;
    answer_.bound = model::Bound{Duration(value), std::string(method)};
    tell();
  }

  void tell() const {
    if (!progress_) return;
    base::Progress now;
    now.seconds = deadline_.elapsed_seconds();
    now.effort = effort_;
    if (!answer_.placement.empty()) now.incumbent = answer_.objective;
    now.lower_bound = answer_.bound.value;
    now.phase = "contiguous search";
    progress_(now);
  }

  void finish(StopReason stop, bool infeasible) {
    answer_.stop = stop;
    if (infeasible) {
      answer_.status = PlanStatus::infeasible;
      answer_.reason = explain_infeasible(problem_, graph_, limits_, deadline_);
    } else if (answer_.placement.empty()) {
      answer_.status = PlanStatus::none;
      answer_.reason = "a limit was reached before any contiguous placement was found";
    } else if (answer_.objective == answer_.bound.value) {
      answer_.status = PlanStatus::optimal;
      answer_.stop = StopReason::finished;
    } else {
      answer_.status = PlanStatus::feasible;
    }
  }

  const model::Problem& problem_;
  const Contracted& graph_;
  const base::Limits& limits_;
  const base::ProgressSink& progress_;
  base::Deadline deadline_;
  std::uint64_t effort_ = 0;
  Answer answer_;
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
    answer.stop = StopReason::states;
    return answer;
  }
  return Planner(problem, *contracted, limits, progress).run();
}

}  // namespace cleave::throughput
