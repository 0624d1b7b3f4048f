#include "cleave/throughput/stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <queue>
#include <utility>

#include "cleave/reduce/contract.h"
#include "throughput/growing_stage.h"
#include "throughput/stage_bounds.h"
#include "throughput/stage_lattice.h"

namespace cleave::throughput {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::StopReason;
using cost::ChosenStage;
using cost::Picoseconds;
using model::KindId;
using model::PlanStatus;
using model::Problem;
using model::Recompute;
using model::Schedule;
using reduce::Contracted;
using reduce::Node;
using Index = StageLattice::Index;

namespace {

constexpr std::size_t kMaxIdeals = 20'000;

// The largest loads that stages may have. gpipe: forward and backward; else `all`.
struct Caps {
  Duration all = base::kMaxDuration;
  Duration forward = base::kMaxDuration;
  Duration backward = base::kMaxDuration;
};

// The first part of a pipeline from behind: from some border to the end.
struct State {
  std::vector<std::int32_t> used;  // [kinds]: devices
  std::int64_t total = 0;          // of them
  std::int64_t reach = 0;          // of the first stage: micro-batches gone there, not come back
  Index to = 0;                    // where the first stage ends
  std::uint32_t rest = 0;          // the state there
  std::uint32_t kind = 0;
  std::int32_t replicas = 0;
  bool recompute = false;
};

enum class Outcome { found, none, stopped };

// Whether there is a pipeline within caps, by a dynamic program from the end of the model to its
// beginning: for each border, the sets of devices that what comes after it can do with.
class CappedSearch {
 public:
  CappedSearch(const Problem& problem, const Contracted& graph, const StageLattice& lattice,
               const base::Limits& limits, const base::Deadline& deadline)
      : problem_(problem),
        graph_(graph),
        lattice_(lattice),
        limits_(limits),
        deadline_(deadline),
        choices_(*problem.question().stages),
        training_(problem.graph().has_backward()),
        by_phase_(problem.schedule() == Schedule::gpipe),
        batch_(training_ ? choices_.micro_batches : 1),
        stage_(problem, graph),
        stamp_(lattice.steps.size(), kUnvisited),
        lattice_bytes_(lattice.memory_used()) {
    for (std::size_t k = 0; k < graph.num_kinds; ++k) add_kind(problem.kind(KindId(k)));
    if (problem.schedule() == Schedule::two_bw) max_window_ = choices_.micro_batches;
  }

  Outcome run(const Caps& caps) {
    caps_ = caps;
    states_.assign(lattice_.steps.size(), {});
    State end;
    end.used.assign(graph_.num_kinds, 0);
    states_[lattice_.full].push_back(std::move(end));
    num_states_ = 1;
    std::fill(stamp_.begin(), stamp_.end(), kUnvisited);
    for (auto i = lattice_.by_size.rbegin() + 1; i != lattice_.by_size.rend(); ++i) {
      if (deadline_.reached() || effort_ >= limits_.states || out_of_memory()) {
        return Outcome::stopped;
      }
      explore(*i);
    }
    return states_[0].empty() ? Outcome::none : Outcome::found;
  }

  // The pipeline that the last run() found, on the fewest devices.
  [[nodiscard]] std::vector<ChosenStage> pipeline() const {
    std::vector<ChosenStage> stages;
    const auto& ends = states_[0];
    const State* at = &*std::min_element(
        ends.begin(), ends.end(), [](const State& a, const State& b) { return a.total < b.total; });
    for (Index from = 0; from != lattice_.full;) {
      const State& rest = states_[at->to][at->rest];
      ChosenStage& stage = stages.emplace_back();
      stage.recompute = at->recompute;
      const auto& devices = problem_.kind(KindId(std::size_t{at->kind})).devices;
      const auto last = devices.end() - rest.used[at->kind];
      stage.devices.assign(last - at->replicas, last);
      for (const Node v : lattice_.nodes_between(from, at->to)) {
        stage.operators.insert(stage.operators.end(), graph_.members[v].begin(),
                               graph_.members[v].end());
      }
      from = at->to;
      at = &rest;
    }
    return stages;
  }

  [[nodiscard]] std::uint64_t effort() const { return effort_; }
  /// Whether the lattice and the states take more than the limit.
  [[nodiscard]] bool out_of_memory() const {
    const std::size_t each = sizeof(State) + graph_.num_kinds * sizeof(State::used.front());
    const Bytes states(static_cast<std::int64_t>(num_states_ * each));
    return lattice_bytes_ + states > limits_.memory;
  }

 private:
  static constexpr Index kUnvisited = ideals::IdealStore::kNone;

  struct Kind {
    std::vector<std::int64_t> replicas;  // that a stage may have, ascending
    std::int64_t count = 0;
    std::int64_t per_server = 1;
    Bytes memory;
    bool pays = false;
    std::optional<model::Link> ring, ring_in_server;
  };
  // What is known of the stage that grows, on a kind; filled as needed.
  struct Prices {
    std::array<std::optional<model::DeviceLoad>, 8> loads;  // [recompute, before, after]
  };

  void add_kind(const model::Kind& kind) {
    const model::DeviceClass& c = problem_.machine().device_class(kind.device_class);
    Kind& k = kinds_.emplace_back();
    k.count = static_cast<std::int64_t>(kind.devices.size());
    for (std::int64_t r = 1; r <= std::min<std::int64_t>(k.count, choices_.max_replicas); ++r) {
      if (!training_ || choices_.micro_batches % r == 0) k.replicas.push_back(r);
    }
    k.memory = c.memory.value_or(Bytes::max());
    k.pays = c.pays_transfers;
    k.ring = c.link;
    if (c.server) {
      k.per_server = c.server->devices;
      k.ring_in_server = c.server->link;
    }
  }

  // Grows a stage from `from` to every border that it can reach within the caps.
  void explore(Index from) {
    struct Frame {
      Index at;
      std::size_t next = 0;
    };
    std::vector<Frame> frames{{from}};
    while (!frames.empty()) {
      Frame& frame = frames.back();
      if (frame.next == lattice_.steps[frame.at].size()) {
        frames.pop_back();
        if (!frames.empty()) stage_.pop();
        continue;
      }
      const StageLattice::Step step = lattice_.steps[frame.at][frame.next++];
      if (stamp_[step.to] == from) continue;
      stamp_[step.to] = from;
      ++effort_;
      stage_.push(step.node);
      if (is_hopeless()) {
        stage_.pop();
        continue;
      }
      if (!states_[step.to].empty()) extend(from, step.to);
      frames.push_back({step.to});
    }
  }

  // Whether r devices of the kind have too little time to compute the stage, whatever it moves.
  [[nodiscard]] bool too_slow(std::size_t k, std::int64_t r) const {
    const Duration forward = stage_.compute(k, 0);
    const Duration backward = stage_.compute(k, 1);
    if (!by_phase_) return exceeds(forward + backward, r, {}, caps_.all);
    return exceeds(forward, r, {}, caps_.forward) || exceeds(backward, r, {}, caps_.backward);
  }
  [[nodiscard]] bool exceeds(Duration load, std::int64_t r, Duration sync, Duration cap) const {
    if (!training_) return static_cast<Picoseconds>(cap.count()) * r < load.count();
    return cost::batch_time(load, batch_ / r, sync) >
           static_cast<Picoseconds>(cap.count()) * batch_;
  }

  // Whether no stage that holds this one's nodes can be on any kind: what is asked only grows.
  [[nodiscard]] bool is_hopeless() const {
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      if (stage_.allowed(k) && least_stage_memory(problem_, stage_.bytes()) <= kinds_[k].memory &&
          !too_slow(k, kinds_[k].replicas.back())) {
        return false;
      }
    }
    return true;
  }

  // Puts the stage from `from` to `to` before every state of `to`.
  void extend(Index from, Index to) {
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      if (!stage_.allowed(k)) continue;
      const auto& replicas = kinds_[k].replicas;
      const auto first = std::partition_point(replicas.begin(), replicas.end(),
                                              [&](std::int64_t r) { return too_slow(k, r); });
      if (first == replicas.end()) continue;
      prices_ = {};
      for (std::uint32_t s = 0; s < states_[to].size(); ++s) {
        extend(from, to, s, k, first);
      }
    }
  }

  void extend(Index from, Index to, std::uint32_t s, std::size_t k,
              std::vector<std::int64_t>::const_iterator first) {
    const Kind& kind = kinds_[k];
    const State& after = states_[to][s];
    for (auto r = first; r != kind.replicas.end(); ++r) {
      if (after.used[k] + *r > kind.count) return;
      const auto choice = choose(k, after, *r);
      if (!choice) continue;
      insert(from, to, s, k, *r, *choice);
      // Without anything in flight or servers, the fewest replicas are best.
      if (!training_ && kind.per_server == 1) return;
    }
  }

  // What the stage holds where it is before the state: recomputing only if it has to. nullopt:
  // either way it does not fit, or takes too long.
  std::optional<model::StageChoice> choose(std::size_t k, const State& after, std::int64_t r) {
    for (const bool recompute : {false, true}) {
      if (recompute && (!training_ || choices_.recompute == Recompute::never)) break;
      if (!recompute && training_ && choices_.recompute == Recompute::always) continue;
      auto choice = cost::stage_memory(problem_, stage_.bytes(), {r, after.reach, recompute});
      if (cost::window(choice, r) > max_window_) return std::nullopt;
      if (cost::total(choice) > kinds_[k].memory) continue;
      // Recomputing saves memory alone: where that is not short, it cannot help.
      if (is_fast_enough(k, after.used[k], r, recompute)) return choice;
      return std::nullopt;
    }
    return std::nullopt;
  }

  [[nodiscard]] bool is_fast_enough(std::size_t k, std::int64_t used, std::int64_t r,
                                    bool recompute) {
    const Kind& kind = kinds_[k];
    const std::int64_t g = kind.per_server;
    const bool one_server = kind.ring_in_server && used / g == (used + r - 1) / g;
    const GrowingStage::Borders inside{one_server && (used + r) % g != 0,
                                       one_server && used % g != 0};
    auto& load =
        prices_.loads[(recompute ? 4U : 0U) + (inside.before ? 2U : 0U) + (inside.after ? 1U : 0U)];
    if (!load) {
      load = cost::summarise(problem_, stage_.sums(k, inside, recompute), Bytes(0));
    }
    Duration sync{0};
    if (training_ && r > 1 && kind.pays) {
      sync = cost::sync_time(one_server ? *kind.ring_in_server : *kind.ring, stage_.bytes().weights,
                             r);
    }
    if (!by_phase_) return !exceeds(load->load, r, sync, caps_.all);
    return !exceeds(load->forward, r, {}, caps_.forward) &&
           !exceeds(load->backward, r, sync, caps_.backward);
  }

  // Keeps the states that no other makes superfluous: one with no more devices of any kind, no
  // larger reach, and at the same place in a server, can be completed by what completes the other.
  void insert(Index from, Index to, std::uint32_t rest, std::size_t k, std::int64_t r,
              const model::StageChoice& choice) {
    const State& after = states_[to][rest];
    const std::int64_t reach = cost::reach(problem_, choice, r);
    const auto uses = [&](std::size_t q) {
      return after.used[q] + (q == k ? static_cast<std::int64_t>(r) : 0);
    };
    const auto same_place = [&](const State& s) {
      for (std::size_t q = 0; q < kinds_.size(); ++q) {
        if ((s.used[q] - uses(q)) % kinds_[q].per_server != 0) return false;
      }
      return true;
    };
    auto& states = states_[from];
    for (std::size_t i = 0; i < states.size();) {
      bool not_more = states[i].reach <= reach;
      bool not_less = states[i].reach >= reach;
      for (std::size_t q = 0; q < kinds_.size(); ++q) {
        not_more = not_more && states[i].used[q] <= uses(q);
        not_less = not_less && states[i].used[q] >= uses(q);
      }
      if ((not_more || not_less) && same_place(states[i])) {
        if (not_more) return;
        states[i] = std::move(states.back());
        states.pop_back();
        --num_states_;
      } else {
        ++i;
      }
    }
    State state;
    state.used = after.used;
    state.used[k] = static_cast<std::int32_t>(uses(k));
    state.total = after.total + r;
    state.reach = reach;
    state.to = to;
    state.rest = rest;
    state.kind = static_cast<std::uint32_t>(k);
    state.replicas = static_cast<std::int32_t>(r);
    state.recompute = choice.recompute;
    states.push_back(std::move(state));
    ++num_states_;
  }

  const Problem& problem_;
  const Contracted& graph_;
  const StageLattice& lattice_;
  const base::Limits& limits_;
  const base::Deadline& deadline_;
  model::StageChoices choices_;
  bool training_;
  bool by_phase_;
  std::int64_t batch_;  // micro-batches of a batch
  std::vector<Kind> kinds_;
  std::int64_t max_window_ = std::numeric_limits<std::int64_t>::max();
  GrowingStage stage_;
  std::vector<Index> stamp_;  // [ideals]: which explore() has seen it
  Caps caps_;
  Prices prices_;
  std::vector<std::vector<State>> states_;  // [ideals]
  std::size_t num_states_ = 0;
  Bytes lattice_bytes_;
  std::uint64_t effort_ = 0;
};

// Searches for the smallest cap with a pipeline within it.
class StagePlanner {
 public:
  // With all ideals where there are at most `most_ideals`, else along orders.
  StagePlanner(const Problem& problem, const Contracted& graph, std::size_t most_ideals,
               const base::Limits& limits, const base::ProgressSink& progress)
      : problem_(problem),
        graph_(graph),
        lattice_(build_lattice(graph, most_ideals, limits.memory)),
        limits_(limits),
        progress_(progress),
        deadline_(limits),
        search_(problem, graph, lattice_, limits, deadline_) {}

  StagesAnswer run() {
    const StageBounds bounds(problem_, graph_);
    answer_.bound = {bounds.objective(), "work"};
    if (const auto reason = bounds.find_shortage()) {
      answer_.status = PlanStatus::infeasible;
      answer_.reason = *reason;
      return std::move(answer_);
    }
    const Outcome any = attempt({});
    if (any == Outcome::found) {
      if (by_phase()) {
        minimise_sum(bounds);
      } else {
        minimise_largest();
      }
    }
    finish(any);
    return std::move(answer_);
  }

 private:
  [[nodiscard]] bool by_phase() const { return problem_.schedule() == Schedule::gpipe; }

  // Looks for a pipeline within the caps and keeps it where it is the best so far.
  Outcome attempt(const Caps& caps) {
    const Outcome outcome = search_.run(caps);
    answer_.states = search_.effort();
    if (outcome == Outcome::found) {
      std::vector<ChosenStage> stages = search_.pipeline();
      found_ = cost::evaluate_stages(problem_, stages);
      if (answer_.stages.empty() || found_.objective < answer_.objective) {
        answer_.objective = found_.objective;
        answer_.stages = std::move(stages);
        report();
      }
    }
    return outcome;
  }

  // Every pipeline takes at least this.
  void prove(Duration bound) {
    if (!lattice_.complete || bound <= answer_.bound.value) return;
    answer_.bound = {bound, "exact search"};
    report();
  }

  [[nodiscard]] bool close_enough() const {
    const auto gap = static_cast<double>((answer_.objective - answer_.bound.value).count());
    return limits_.gap > 0 && gap <= limits_.gap * static_cast<double>(answer_.objective.count());
  }

  void minimise_largest() {
    Duration low = answer_.bound.value;
    while (low < answer_.objective) {
      if (close_enough()) return stop(StopReason::gap);
      const Duration cap = low + (answer_.objective - low) / 2;
      const Outcome outcome = attempt({cap, base::kMaxDuration, base::kMaxDuration});
      if (outcome == Outcome::stopped) return stop_at_limit();
      if (outcome == Outcome::found) continue;
      low = cap + Duration(1);
      prove(low);
    }
  }

  // Pipelines whose largest forward load is in [from, to]; their largest backward load is at least
  // `backward`.
  struct Interval {
    Duration from{0};
    Duration to{0};
    Duration backward{0};

    [[nodiscard]] Duration bound() const { return from + backward; }
    friend bool operator>(const Interval& a, const Interval& b) {
      return std::pair(a.bound(), a.from) > std::pair(b.bound(), b.from);
    }
  };

  void minimise_sum(const StageBounds& bounds) {
    std::priority_queue<Interval, std::vector<Interval>, std::greater<>> open;
    const Duration least = bounds.load(1);
    open.push({bounds.load(0), answer_.objective - least, least});
    while (!open.empty() && open.top().bound() < answer_.objective) {
      prove(open.top().bound());
      if (close_enough()) return stop(StopReason::gap);
      Interval interval = open.top();
      open.pop();
      const auto backward = least_backward(interval);
      if (stopped_) return;
      if (!backward) continue;
      interval.backward = *backward;
      if (interval.from == interval.to) continue;  // its best has been found
      const Duration middle = interval.from + (interval.to - interval.from) / 2;
      open.push({interval.from, middle, *backward});
      open.push({middle + Duration(1), interval.to, *backward});
    }
    if (!stopped_) prove(answer_.objective);
  }

  // The smallest largest backward load of pipelines with forward loads up to the interval's end;
  // nullopt: none would beat the incumbent from within the interval.
  std::optional<Duration> least_backward(const Interval& interval) {
    // The incumbent may improve on the way: what would not have beaten it is of no use then either.
    const Duration too_much = answer_.objective - interval.from;
    Duration low = interval.backward;
    Duration high = too_much;
    while (low < high) {
      const Duration cap = low + (high - low) / 2;
      const Outcome outcome = attempt({base::kMaxDuration, interval.to, cap});
      if (outcome == Outcome::stopped) {
        stop_at_limit();
        return std::nullopt;
      }
      if (outcome == Outcome::none) {
        low = cap + Duration(1);
      } else {
        high = cap;
      }
    }
    return low < too_much ? std::optional(low) : std::nullopt;
  }

  void stop(StopReason reason) {
    stopped_ = true;
    answer_.stop = reason;
  }
  void stop_at_limit() {
    if (search_.out_of_memory()) return stop(StopReason::memory);
    stop(deadline_.reached() ? deadline_.reason() : StopReason::states);
  }

  void finish(Outcome any) {
    if (any == Outcome::stopped) {
      stop_at_limit();
      answer_.reason = "a limit was reached before the first pipeline was found";
      return;
    }
    if (any == Outcome::found) {
      const bool proven = answer_.objective == answer_.bound.value;
      answer_.status = proven ? PlanStatus::optimal : PlanStatus::feasible;
      return;
    }
    answer_.status = lattice_.complete ? PlanStatus::infeasible : PlanStatus::none;
    Bytes held;
    Bytes had;
    bool limited = true;
    for (const Bytes memory : graph_memory()) held += memory;
    for (const model::DeviceClass& c : problem_.machine().classes()) {
      limited = limited && c.memory;
      for (int i = 0; limited && i < c.count; ++i) had += *c.memory;
    }
    answer_.reason = fmt::format(
        "each operator fits on a device, but no pipeline of stages does{}: the model holds {} "
        "bytes without activations, and the {} devices {}",
        lattice_.complete ? "" : " along the orders tried", held.count(),
        problem_.machine().num_devices(),
        limited ? fmt::format("have {}", had.count()) : std::string("do not all have a limit"));
  }

  [[nodiscard]] std::vector<Bytes> graph_memory() const {
    std::vector<Bytes> memory;
    for (const reduce::Amount amount : graph_.memory) memory.emplace_back(amount);
    return memory;
  }

  void report() const {
    if (!progress_) return;
    base::Progress progress;
    progress.seconds = deadline_.elapsed_seconds();
    progress.effort = answer_.states;
    if (!answer_.stages.empty()) progress.incumbent = answer_.objective;
    progress.lower_bound = answer_.bound.value;
    progress.phase = "stages";
    progress_(progress);
  }

  const Problem& problem_;
  const Contracted& graph_;
  StageLattice lattice_;
  const base::Limits& limits_;
  const base::ProgressSink& progress_;
  base::Deadline deadline_;
  CappedSearch search_;
  StagesAnswer answer_;
  cost::StagesEvaluation found_;  // by the last attempt that found one
  bool stopped_ = false;
};

}  // namespace

StagesAnswer plan_stages(const Problem& problem, const base::Limits& limits,
                         const base::ProgressSink& progress) {
  const auto graph = reduce::contract(problem);
  StagesAnswer answer;
  if (!graph) {
    answer.status = PlanStatus::infeasible;
    answer.reason = graph.error().message;
    return answer;
  }
  answer = StagePlanner(problem, *graph, kMaxIdeals, limits, progress).run();
  if (answer.stop != StopReason::memory || !answer.stages.empty()) return answer;
  // Too little memory for all ideals may be enough for a few orders.
  return StagePlanner(problem, *graph, 0, limits, progress).run();
}

}  // namespace cleave::throughput
