#include <algorithm>
#include <array>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

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

using base::StopReason;
using model::PlanStatus;

constexpr std::size_t kMaxRandomOrders = 8;
constexpr std::uint64_t kMovesPerOperator = 256;      // in the first round; each round doubles them
constexpr std::size_t kMaxPath = 2500;                // longer ones have too many intervals
constexpr std::size_t kMaxChainWork = 1'000'000'000;  // length² · operators, likewise
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
        progress_(progress),
        deadline_(limits),
        relaxed_(problem),
        layout_(problem) {}

  Answer run() {
    raise(critical_path(relaxed_), "critical path");
    try_pools();
    split_orders();
    const auto paths = choose_paths(relaxed_);
    bound_by_series(paths);
    bound_by_paths(paths);
    start_with_one_call();
    for (int round = 0; round < kMaxRounds && !done(); ++round) {
      exhaust_round(round);
      if (done() || work_of(round) > kMaxWork) break;
      anneal_round(round);
    }
    conclude();
    return std::move(answer_);
  }

 private:
  [[nodiscard]] bool placed() const { return best_.has_value(); }
  [[nodiscard]] Amount value() const { return placed() ? answer_.objective.count() : kNever; }

  // Whether nothing is left to do, or no means to do it.
  bool done() {
    if (exhausted_ || (placed() && answer_.bound.value >= answer_.objective)) return true;
    if (placed()) {
      const auto gap = static_cast<double>((answer_.objective - answer_.bound.value).count());
      if (gap <= limits_.gap * static_cast<double>(answer_.objective.count())) {
        answer_.stop = StopReason::gap;
        return true;
      }
    }
    if (deadline_.reached()) {
      answer_.stop = deadline_.reason();
      return true;
    }
    if (answer_.states >= limits_.states) {
      answer_.stop = StopReason::states;
      return true;
    }
    return false;
  }

  void try_assignment(Assignment assignment) {
    if (!layout_.start(std::move(assignment))) return;
    take(layout_.assignment(), layout_.makespan());
  }

  void take(const Assignment& assignment, Duration makespan) {
    if (placed() && makespan >= answer_.objective) return;
    best_ = assignment;
    answer_.objective = makespan;
    tell();
  }

  void raise(Amount bound, std::string_view method) {
    if (placed()) bound = std::min(bound, answer_.objective.count());
    if (bound <= answer_.bound.value.count()) return;
    answer_.bound = model::Bound{Duration(bound), std::string(method)};
    tell();
  }

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

  void split_orders() {
    const OrderSplit splitter(problem_);
    base::Random random(limits_.seed);
    for (std::size_t method = 0; method < OrderSplit::kNumMethods + kMaxRandomOrders; ++method) {
      for (const bool reversed : {false, true}) {
        if (done()) return;
        const auto order = splitter.order(method, reversed, random, deadline_);
        if (order.empty()) return;
        Assignment assignment = blank();
        assignment.slot_of = splitter.split(order, layout_.clock(), answer_.states, deadline_);
        if (!assignment.slot_of.empty()) try_assignment(std::move(assignment));
      }
    }
  }

  void bound_by_series(const std::vector<std::vector<Vertex>>& paths) {
    std::vector<std::vector<Vertex>> chains;
    for (const auto& path : paths) {
      if (done()) return;
      auto chain = chain_of(relaxed_, path);
      if (chain.empty() || chain.size() * chain.size() > kMaxChainWork / relaxed_.size) continue;
      if (std::find(chains.begin(), chains.end(), chain) != chains.end()) continue;
      raise(SeriesBound(relaxed_, chain).compute(), "series");
      chains.push_back(std::move(chain));
    }
  }

  void bound_by_paths(const std::vector<std::vector<Vertex>>& paths) {
    for (const auto& path : paths) {
      if (done()) return;
      if (path.size() > kMaxPath) continue;
      PathBound bound(relaxed_, path);
      raise(bound.raise(value(), answer_.states, deadline_), "path");
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
    if (problem_.slots() == 1 || relaxed_.size <= kMaxExhausted || done()) return;
    model::Question question = problem_.question();
    question.placement = model::PlacementRule::contiguous;
    const auto narrower =
        model::Problem::create(problem_.shared_graph(), problem_.machine(), std::move(question));
    if (!narrower) return;
    base::Limits limits = limits_;
    limits.time = std::chrono::duration<double>(deadline_.remaining_seconds() / 2);
    limits.states = (limits_.states - answer_.states) / 2;
    Planner planner(*narrower, limits, {});
    answer_.states += planner.run().states;
    if (!planner.placed()) return;
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
        exhaust(problem_, placed() ? answer_.objective : base::kMaxDuration, answer_.bound.value,
                std::min(kExhaustStates << round, limits_.states - answer_.states), deadline_);
    answer_.states += found.states;
    if (found.best) take(*found.best, found.makespan);
    exhausted_ = found.complete;
    if (exhausted_ && placed()) raise(answer_.objective.count(), "exhaustion");
  }

  void anneal_round(int round) {
    if (!placed()) return;
    const auto threads = static_cast<std::size_t>(std::max(1, limits_.threads));
    std::vector<Assignment> found(threads);
    std::vector<Duration> makespans(threads, base::kMaxDuration);
    std::vector<std::uint64_t> efforts(threads, 0);
    Annealing how;
    how.moves = std::min(moves_of(round), limits_.states - answer_.states);
    how.enough = answer_.bound.value;
    how.heat = kHeats[static_cast<std::size_t>(round) % kHeats.size()];
    const auto work = [&](std::size_t thread) {
      Layout layout(problem_);
      if (!layout.start(*best_)) return;
      Annealing mine = how;
      mine.seed = limits_.seed + 1000003 * static_cast<std::uint64_t>(round) + 7919 * thread;
      found[thread] = anneal(layout, mine, efforts[thread], deadline_);
      if (layout.start(found[thread])) makespans[thread] = layout.makespan();
    };
    std::vector<std::thread> others;
    for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
    work(0);
    for (std::thread& other : others) other.join();
    for (std::size_t thread = 0; thread < threads; ++thread) {
      answer_.states += efforts[thread];
      if (makespans[thread] < base::kMaxDuration) take(found[thread], makespans[thread]);
    }
  }

  [[nodiscard]] Assignment blank() const {
    Assignment assignment;
    assignment.slot_of.resize(problem_.graph().num_operators());
    return assignment;
  }

  void tell() const {
    if (!progress_) return;
    base::Progress now;
    now.seconds = deadline_.elapsed_seconds();
    now.effort = answer_.states;
    if (placed()) now.incumbent = answer_.objective;
    now.lower_bound = answer_.bound.value;
    now.phase = "latency";
    progress_(now);
  }

  void conclude() {
    if (exhausted_ && !placed()) {
      answer_.status = PlanStatus::infeasible;
      answer_.reason =
          "every placement breaks a device's memory limit or puts an operator where it may not be "
          "(proven by exhausting them)";
      answer_.stop = StopReason::finished;
      return;
    }
    if (!placed()) {
      answer_.status = PlanStatus::none;
      answer_.reason = "a limit was reached before any plan was found";
      return;
    }
    const bool closed = answer_.bound.value == answer_.objective;
    answer_.status = closed ? PlanStatus::optimal : PlanStatus::feasible;
    if (closed) answer_.stop = StopReason::finished;
    for (const SlotId slot : best_->slot_of) {
      answer_.placement.push_back(layout_.clock().device(slot));
    }
    answer_.stages = layout_.clock().stages(best_->slot_of, best_->ranks);
  }

  static constexpr Amount kNever = Relaxed::kNever;

  const model::Problem& problem_;
  const base::Limits& limits_;
  const base::ProgressSink& progress_;
  base::Deadline deadline_;
  Relaxed relaxed_;
  Layout layout_;
  std::optional<Assignment> best_;
  bool exhausted_ = false;
  Answer answer_;
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
