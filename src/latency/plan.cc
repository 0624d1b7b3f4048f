#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cleave/bounds/standing.h"
#include "cleave/latency/latency.h"
#include "cleave/reduce/contract.h"
#include "latency/annealing.h"
#include "latency/exhaustive.h"
#include "latency/layout.h"
#include "latency/order_split.h"
#include "latency/path_bound.h"
#include "latency/relaxed.h"
#include "latency/series_bound.h"

namespace cleave::latency {
namespace {

using model::PlanStatus;

constexpr std::size_t kMaxRandomOrders = 8;
constexpr std::uint64_t kMovesPerOperator = 256;  // in the first round; each round doubles them
constexpr std::size_t kMaxPath = 2500;            // longer ones have too many intervals
constexpr std::size_t kMaxChain = 4000;           // likewise
constexpr std::size_t kFewPrices = 8;             // of memory, for every chain
constexpr std::array<std::size_t, 2> kManyPrices{24, SeriesBound::kMaxPrices};
constexpr std::size_t kMaxPriced = 700'000;  // prices² · length, with more than a few
constexpr int kMaxRounds = 24;
constexpr double kMaxWork = 4e9;  // moves · operators of the last round; about a minute
constexpr std::array<double, 3> kHeats{0.02, 0.005, 0.05};
constexpr std::uint64_t kExhaustStates = 20000;  // likewise
constexpr std::size_t kMaxExhausted = 32;        // operators; beyond, exhausting is hopeless

class Planner {
 public:
  Planner(const model::Problem& problem, const base::Limits& limits,
          const base::ProgressSink& progress)
      : problem_(problem),
        limits_(limits),
        standing_(limits, progress, "latency"),
        relaxed_(problem),
        layout_(problem) {}

  Answer run() {
    raise(critical_path(relaxed_), "critical path");
    try_pools();
    const auto paths = choose_paths(relaxed_);
    const auto chains = choose_chains(paths);
    bound_by_series(chains, kFewPrices);
    split_orders(0, 1);
    for (const std::size_t prices : kManyPrices) bound_by_series(chains, prices);
    split_orders(1, OrderSplit::kNumMethods + kMaxRandomOrders);
    bound_by_paths(paths);
    start_with_one_call();
    for (int round = 0; round < kMaxRounds && standing_.open(); ++round) {
      exhaust_round(round);
      if (!standing_.open() || work_of(round) > kMaxWork) break;
      anneal_round(round);
    }
    return conclude();
  }

 private:
  [[nodiscard]] Amount value() const {
    return standing_.placed() ? standing_.objective().count() : Relaxed::kNever;
  }

  void try_assignment(Assignment assignment) {
    if (!layout_.start(std::move(assignment))) return;
    take(layout_.assignment(), layout_.makespan());
  }

  void take(const Assignment& assignment, Duration makespan) {
    if (standing_.improve(makespan)) best_ = assignment;
  }

  void raise(Amount bound, std::string_view method) { standing_.raise(Duration(bound), method); }

  // Everything on its fastest pool.
  void try_pools() {
    Assignment assignment = blank();
    for (std::size_t v = 0; v < assignment.slot_of.size(); ++v) {
      std::optional<Duration> fastest;
      for (std::size_t d = 0; d < problem_.machine().num_devices(); ++d) {
        const OperatorId op(v);
        const DeviceId device(d);
        if (!problem_.machine().is_pool(device) || !problem_.allowed(op, device)) continue;
        const Duration time = *problem_.time(op, problem_.machine().class_of(device));
        if (fastest && *fastest <= time) continue;
        fastest = time;
        assignment.slot_of[v] = layout_.clock().first_slot(device);
      }
      if (!fastest) return;
    }
    try_assignment(std::move(assignment));
  }

  // By the orders from method `first` to before `last`.
  void split_orders(std::size_t first, std::size_t last) {
    const OrderSplit splitter(problem_);
    base::Random random(limits_.seed);
    for (std::size_t method = first; method < last; ++method) {
      for (const bool reversed : {false, true}) {
        if (!standing_.open()) return;
        const auto order = splitter.order(method, reversed, random, standing_.deadline());
        if (order.empty()) return;
        Assignment assignment = blank();
        assignment.slot_of =
            splitter.split(order, layout_.clock(), standing_.states(), standing_.deadline());
        if (!assignment.slot_of.empty()) try_assignment(std::move(assignment));
      }
    }
  }

  [[nodiscard]] std::vector<std::vector<Vertex>> choose_chains(
      const std::vector<std::vector<Vertex>>& paths) const {
    std::vector<std::vector<Vertex>> chains;
    for (const auto& path : paths) {
      auto chain = thinned(chain_of(relaxed_, path));
      if (chain.empty() || chain.size() > kMaxChain) continue;
      if (std::find(chains.begin(), chains.end(), chain) == chains.end()) {
        chains.push_back(std::move(chain));
      }
    }
    return chains;
  }

  void bound_by_series(const std::vector<std::vector<Vertex>>& chains, std::size_t prices) {
    for (const auto& chain : chains) {
      if (!standing_.open()) return;
      if (prices > kFewPrices && prices * prices * chain.size() > kMaxPriced) continue;
      raise(SeriesBound(relaxed_, chain, prices, standing_.deadline()).compute(), "series");
    }
  }

  void bound_by_paths(const std::vector<std::vector<Vertex>>& paths) {
    for (const auto& path : paths) {
      if (!standing_.open()) return;
      if (path.size() > kMaxPath) continue;
      PathBound bound(relaxed_, path);
      raise(bound.raise(value(), standing_.states(), standing_.deadline()), "path");
      try_pieces(bound.pieces());
    }
  }

  // The relaxation's calls as they are, each on an accelerator of its own; the rest on pools.
  void try_pieces(const std::vector<PathBound::Piece>& pieces) {
    std::vector<SlotId> calls;
    for (std::size_t d = 0; d < problem_.machine().num_devices(); ++d) {
      if (!problem_.machine().is_pool(DeviceId(d))) {
        calls.push_back(layout_.clock().first_slot(DeviceId(d)));
      }
    }
    const auto order = problem_.graph().topological_order();
    Assignment assignment = blank();
    std::size_t next = 0;
    for (const PathBound::Piece& piece : pieces) {
      if (piece.calls == 0) continue;
      if (next == calls.size()) return;
      for (const Vertex v : piece.operators) {
        SlotId& slot = assignment.slot_of[order[v].index()];
        if (!slot.valid()) slot = calls[next];
      }
      ++next;
    }
    for (std::size_t v = 0; v < assignment.slot_of.size(); ++v) {
      for (std::size_t d = 0; d < problem_.machine().num_devices(); ++d) {
        const DeviceId device(d);
        if (assignment.slot_of[v].valid() || !problem_.machine().is_pool(device)) continue;
        assignment.slot_of[v] = layout_.clock().first_slot(device);
      }
      if (!assignment.slot_of[v].valid()) return;
    }
    try_assignment(std::move(assignment));
  }

  // What is best with one call an accelerator is a plan with several as well, and found sooner.
  void start_with_one_call() {
    if (problem_.slots() == 1 || relaxed_.size <= kMaxExhausted || !standing_.open()) return;
    model::Question question = problem_.question();
    question.placement = model::PlacementRule::contiguous;
    const auto narrower =
        model::Problem::create(problem_.shared_graph(), problem_.machine(), std::move(question));
    if (!narrower) return;
    base::Limits limits = limits_;
    limits.time = std::chrono::duration<double>(standing_.deadline().remaining_seconds() / 2);
    limits.states = standing_.states_left() / 2;
    const base::ProgressSink silent;
    Planner planner(*narrower, limits, silent);
    standing_.states() += planner.run().states;
    if (!planner.best_) return;
    Assignment assignment = *planner.best_;
    for (SlotId& slot : assignment.slot_of) {
      slot = layout_.clock().first_slot(planner.layout_.clock().device(slot));
    }
    try_assignment(std::move(assignment));
  }

  [[nodiscard]] std::uint64_t moves_of(int round) const {
    return kMovesPerOperator * relaxed_.size << round;
  }
  [[nodiscard]] double work_of(int round) const {
    return static_cast<double>(moves_of(round)) * static_cast<double>(relaxed_.size);
  }

  void exhaust_round(int round) {
    if (relaxed_.size > kMaxExhausted) return;
    const Exhaustion found =
        exhaust(problem_, standing_.placed() ? standing_.objective() : base::kMaxDuration,
                standing_.bound(), std::min(kExhaustStates << round, standing_.states_left()),
                standing_.deadline());
    standing_.states() += found.states;
    if (found.best) take(*found.best, found.makespan);
    if (found.complete) standing_.exhaust();
  }

  void anneal_round(int round) {
    if (!standing_.placed()) return;
    const auto threads = static_cast<std::size_t>(std::max(1, limits_.threads));
    std::vector<Assignment> found(threads);
    std::vector<Duration> makespans(threads, base::kMaxDuration);
    std::vector<std::uint64_t> efforts(threads, 0);
    Annealing how;
    how.moves = std::min(moves_of(round), standing_.states_left());
    how.enough = standing_.bound();
    how.heat = kHeats[static_cast<std::size_t>(round) % kHeats.size()];
    const auto work = [&](std::size_t thread) {
      Layout layout(problem_);
      if (!layout.start(*best_)) return;
      Annealing mine = how;
      mine.seed = limits_.seed + 1000003 * static_cast<std::uint64_t>(round) + 7919 * thread;
      found[thread] = anneal(layout, mine, efforts[thread], standing_.deadline());
      if (layout.start(found[thread])) makespans[thread] = layout.makespan();
    };
    std::vector<std::thread> others;
    for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
    work(0);
    for (std::thread& other : others) other.join();
    for (std::size_t thread = 0; thread < threads; ++thread) {
      standing_.states() += efforts[thread];
      if (makespans[thread] < base::kMaxDuration) take(found[thread], makespans[thread]);
    }
  }

  [[nodiscard]] Assignment blank() const {
    Assignment assignment;
    assignment.slot_of.resize(problem_.graph().num_operators());
    return assignment;
  }

  [[nodiscard]] Answer conclude() {
    Answer answer;
    standing_.conclude(answer);
    if (!best_) return answer;
    for (const SlotId slot : best_->slot_of) {
      answer.placement.push_back(layout_.clock().device(slot));
    }
    answer.stages = layout_.clock().stages(best_->slot_of, best_->ranks);
    return answer;
  }

  const model::Problem& problem_;
  const base::Limits& limits_;
  bounds::Standing standing_;
  Relaxed relaxed_;
  Layout layout_;
  std::optional<Assignment> best_;
};

}  // namespace

Answer plan(const model::Problem& problem, const base::Limits& limits,
            const base::ProgressSink& progress) {
  if (const auto groups = reduce::contract_groups(problem); !groups) {
    Answer answer;
    answer.status = PlanStatus::infeasible;
    answer.reason = groups.error().message;
    return answer;
  }
  return Planner(problem, limits, progress).run();
}

}  // namespace cleave::latency
