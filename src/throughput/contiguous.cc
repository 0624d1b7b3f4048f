#include "cleave/throughput/contiguous.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "cleave/reduce/contract.h"
#include "throughput/chain_search.h"
#include "throughput/frame.h"
#include "throughput/order_search.h"

namespace cleave::throughput {
namespace {

using base::Duration;
using base::StopReason;
using model::PlanStatus;

constexpr std::string_view kWorkBound = "work within windows";
constexpr std::string_view kSearchBound = "exhausted search";

// Positions of one order that the interval search may cut at.
constexpr std::size_t kMaxPositions = 3000;
constexpr std::size_t kOrders = 24;

// One contracted problem, its searches and what is known about it so far: minimise the largest
// load in one phase, given a cap on the largest load in the other. With one phase that is the
// whole problem.
class PhaseSearch {
 public:
  PhaseSearch(const Contracted& graph, const base::Limits& limits, const base::Deadline& deadline,
              std::uint64_t& steps)
      : graph_(graph),
        limits_(limits),
        deadline_(deadline),
        steps_(steps),
        levels_(graph),
        reach_(graph),
        frame_(graph, levels_, reach_),
        store_(graph),
        search_(graph, levels_, frame_, store_, deadline),
        orders_(propose_orders(graph, kOrders, limits.seed)) {}

  struct Result {
    std::optional<Found> best;  // within the caps
    Amount lower_bound = 0;     // for the objective phase, given the other phase's cap;
                                // above the cap: no chain keeps the caps
    std::string_view method = kWorkBound;
    StopReason stop = StopReason::finished;
  };

  // REQUIRES: the caps are finite wherever a chain is known to exist.
  Result minimise(Caps caps, std::size_t phase, Amount lower_bound,
                  const std::function<void(const Result&)>& report) {
    Result result;
    result.lower_bound = lower_bound;
    const auto accept = [&](const Found& found) {
      if (result.best && result.best->value <= found.value) return;
      result.best = found;
      caps.by_phase[phase] = found.value - 1;
      report(result);
    };
    for (const auto& order : orders_) {
      if (deadline_.reached()) break;
      const auto found =
          best_intervals(graph_, levels_, order, caps, phase, kMaxPositions, deadline_);
      if (found) accept(*found);
    }
    raise_by_windows(caps, phase, result);
    report(result);

    // Searching right below the incumbent settles most inputs. Where that is too much, thresholds
    // nearer to the bound are refuted sooner, and more effort is allowed each time round.
    double fraction = 1.0;
    std::uint64_t effort = kFirstEffort;
    while (result.lower_bound <= caps.by_phase[phase] && result.stop == StopReason::finished) {
      const Amount top = caps.by_phase[phase];
      ChainSearch::Options options;
      options.caps = caps;
      options.objective_phase = phase;
      options.lower_bound = result.lower_bound;
      options.max_memory = limits_.memory;
      options.max_steps = effort;
      if (limits_.states < std::numeric_limits<std::uint64_t>::max()) {
        if (steps_ >= limits_.states) {
          result.stop = StopReason::states;
          break;
        }
        options.max_steps = std::min(effort, limits_.states - steps_);
      }
      const Amount target = threshold(result.lower_bound, top, fraction, result.best.has_value());
      options.caps.by_phase[phase] = target;
      const ChainSearch::Outcome outcome = search_.run(options, accept);
      steps_ += outcome.steps;
      if (outcome.exhausted) {
        // All chains within the target are beaten, or equalled by the one found.
        result.lower_bound = outcome.best ? outcome.best->value : target + 1;
        result.method = kSearchBound;
        report(result);
        fraction = std::min(1.0, fraction * 2);
      } else if (outcome.stop == StopReason::states) {
        fraction /= 2;
        if (fraction < kSmallestFraction || target == result.lower_bound) {
          fraction = 0.5;
          effort *= 4;
        }
      } else {
        result.stop = outcome.stop;
      }
      if (result.best && gap_reached(result)) break;
    }
    return result;
  }

  [[nodiscard]] const std::vector<std::vector<Node>>& orders() const { return orders_; }
  [[nodiscard]] const Levels& levels() const { return levels_; }

 private:
  static constexpr std::uint64_t kFirstEffort = 4'000'000;
  static constexpr double kSmallestFraction = 1.0 / 128;

  // Between the bound and the largest value worth looking at. Without an incumbent the top may be
  // astronomically far: grow from the bound instead.
  static Amount threshold(Amount bound, Amount top, double fraction, bool have_incumbent) {
    if (!have_incumbent) {
      const Amount step = std::max<Amount>(1, bound / 4);
      return top - bound <= step ? top : bound + step;
    }
    if (fraction >= 1.0) return top;
    return bound + static_cast<Amount>(static_cast<double>(top - bound) * fraction);
  }

  // Thresholds whose windows are already contradictory.
  void raise_by_windows(const Caps& caps, std::size_t phase, Result& result) {
    Amount low = result.lower_bound;  // not yet refuted
    Amount high = caps.by_phase[phase];
    const auto refuted = [&](Amount value) {
      Caps trial = caps;
      trial.by_phase[phase] = value;
      frame_.set_caps(trial);
      return frame_.refuted();
    };
    if (low > high) return;
    if (refuted(high)) {
      result.lower_bound = high + 1;
      return;
    }
    while (low < high) {
      const Amount middle = low + (high - low) / 2;
      if (refuted(middle)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    result.lower_bound = low;
  }

  [[nodiscard]] bool gap_reached(Result& result) const {
    const Amount value = result.best->value;
    if (result.lower_bound >= value) return false;  // optimal, the loop ends by itself
    if (static_cast<double>(value - result.lower_bound) >
        limits_.gap * static_cast<double>(value)) {
      return false;
    }
    result.stop = StopReason::gap;
    return true;
  }

  const Contracted& graph_;
  const base::Limits& limits_;
  const base::Deadline& deadline_;
  std::uint64_t& steps_;
  Levels levels_;
  Reachability reach_;
  Frame frame_;
  IdealStore store_;
  ChainSearch search_;
  std::vector<std::vector<Node>> orders_;
};

// No device's load can exceed this: all compute on its slowest kind, all tensors moved twice.
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
      : problem_(problem), graph_(graph), limits_(limits), progress_(progress), deadline_(limits) {}

  Answer run() {
    if (graph_.phases == 1) {
      run_single();
    } else {
      run_gpipe();
    }
    answer_.states = steps_;
    return std::move(answer_);
  }

 private:
  void run_single() {
    PhaseSearch search(graph_, limits_, deadline_, steps_);
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
    PhaseSearch search(graph_, limits_, deadline_, steps_);
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
      take_bound(bound_of_open(best()), kSearchBound);
      const double gap =
          static_cast<double>(answer_.objective.count() - answer_.bound.value.count());
      if (!open.empty() && !answer_.placement.empty() &&
          gap <= limits_.gap * static_cast<double>(answer_.objective.count())) {
        stop = StopReason::gap;
      }
    }
    if (!infeasible) take_bound(bound_of_open(best()), kSearchBound);
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
    if (!answer_.placement.empty()) now.incumbent = answer_.objective;
    now.lower_bound = answer_.bound.value;
    now.phase = "contiguous search";
    progress_(now);
  }

  void finish(StopReason stop, bool infeasible) {
    answer_.stop = stop;
    if (answer_.bound.method.empty()) answer_.bound.method = kWorkBound;
    if (infeasible) {
      answer_.status = PlanStatus::infeasible;
      answer_.reason =
          "every way to cut the graph into contiguous stages breaks a device's memory limit or "
          "puts an operator where it may not be (proven by exhausting them)";
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
  std::uint64_t steps_ = 0;
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
  return Planner(problem, *contracted, limits, progress).run();
}

}  // namespace cleave::throughput
