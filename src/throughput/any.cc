#include "cleave/throughput/any.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "cleave/bounds/cover.h"
#include "cleave/bounds/node_cuts.h"
#include "cleave/bounds/path_pricing.h"
#include "cleave/bounds/standing.h"
#include "cleave/cost/loads.h"
#include "cleave/cost/unit_graph.h"
#include "cleave/reduce/contract.h"
#include "throughput/any_annealing.h"
#include "throughput/any_descent.h"
#include "throughput/any_exhaustive.h"
#include "throughput/any_program.h"

namespace cleave::throughput {
namespace {

using base::Duration;
using bounds::Cover;
using model::PlanStatus;
using reduce::Amount;
using reduce::Contracted;

// Efforts of the first round; each round doubles them.
constexpr std::uint64_t kMovesPerUnit = 64;
constexpr std::uint64_t kExhaustStates = 1 << 17;
constexpr std::uint64_t kCoverEffortPerNode = 1 << 18;
constexpr std::uint64_t kProgramStates = 1 << 17;
constexpr int kMaxDoublings = 20;
// What is counted are labels of dynamic programs. A move, or a state of a tree, takes so many times
// as long.
constexpr std::uint64_t kLabelsPerState = 32;

constexpr std::size_t kMaxExhaustedNodes = 48;   // beyond, exhausting is hopeless
constexpr double kContiguousShare = 0.15;        // of the time limit
constexpr std::uint64_t kContiguousStates = 16;  // one in so many of the states
constexpr std::size_t kMaxDealtNodes = 20000;
constexpr base::Bytes kCoverTables(std::int64_t{256} << 20);
constexpr base::Bytes kProgramTables(std::int64_t{256} << 20);

// Units whose edges are dear, fused where the assignment has them on one device: what annealing
// would seldom take apart, it can move together. `dear` is a share of the objective.
cost::Partition fuse_dear_edges(const cost::UnitGraph& units, const Assignment& assignment,
                                double dear) {
  std::vector<std::size_t> leader(units.size());
  std::iota(leader.begin(), leader.end(), std::size_t{0});
  const auto find = [&](std::size_t u) {
    while (leader[u] != u) u = leader[u] = leader[leader[u]];
    return u;
  };
  const double least = dear * static_cast<double>(assignment.objective.count());
  for (std::size_t e = 0; e < units.num_hyperedges(); ++e) {
    const cost::HyperedgeId edge(e);
    Duration transfer{0};
    for (std::size_t c = 0; c < units.problem().machine().num_classes(); ++c) {
      transfer = std::max(transfer, units.transfer(edge, base::ClassId(c)));
    }
    if (static_cast<double>(transfer.count()) <= least) continue;
    const std::size_t first = units.pins(edge).front().index();
    for (const cost::UnitId pin : units.pins(edge)) {
      if (assignment.device_of[pin.index()] != assignment.device_of[first]) continue;
      leader[find(pin.index())] = find(first);
    }
  }
  cost::Partition parts;
  parts.part_of.resize(units.size());
  std::vector<cost::UnitId> part_of_leader(units.size());
  for (std::size_t u = 0; u < units.size(); ++u) {
    cost::UnitId& part = part_of_leader[find(u)];
    if (!part.valid()) part = cost::UnitId(parts.count++);
    parts.part_of[u] = part;
  }
  return parts;
}

class Planner {
 public:
  Planner(const model::Problem& problem, const Contracted& graph, const Contracted& merged,
          const base::Limits& limits, const base::ProgressSink& progress)
      : problem_(problem),
        graph_(graph),
        limits_(limits),
        standing_(limits, progress, "search without contiguity"),
        units_(problem),
        cover_(merged) {
    for (std::size_t d = 0; d < problem.machine().num_devices(); ++d) {
      kind_of_.push_back(problem.kind_of(base::DeviceId(d)).index());
    }
  }

  Answer run() {
    start_from_contiguous();
    const Amount work = cover_.work();
    raise_provably(work, "work", cover_.proof());
    raise_by_nodes();
    if (standing_.open()) prepare_to_deal();
    for (int round = 0; standing_.open(); round = std::min(round + 1, kMaxDoublings)) {
      anneal_round(round);
      if (standing_.open()) exhaust_round(round);
      if (standing_.open()) cover_round(round);
      if (standing_.open()) program_round(round);
      ++rounds_;
    }
    Answer answer;
    standing_.conclude(answer);
    if (proof_.bound.count() > 0) answer.proof = number_by_groups(std::move(proof_));
    answer.placement = std::move(best_);
    return answer;
  }

 private:
  void start_from_contiguous() {
    base::Limits share = limits_;
    share.gap = 0;
    share.time *= kContiguousShare;
    if (limits_.states != std::numeric_limits<std::uint64_t>::max()) {
      share.states = limits_.states / kContiguousStates;
    }
    Answer contiguous = plan_contiguous(problem_, share);
    standing_.states() += contiguous.states;
    if (!contiguous.placement.empty()) {
      take(std::move(contiguous.placement), contiguous.objective);
    }
  }

  // For programs along an order of the nodes; none where transfers overlap or there are two phases.
  [[nodiscard]] std::vector<reduce::Node> narrow_order() const {
    const auto pays = std::find_if(graph_.kind_weights.begin(), graph_.kind_weights.end(),
                                   [](int row) { return row >= 0; });
    if (graph_.phases != 1 || graph_.transfers != model::Transfers::serial ||
        pays == graph_.kind_weights.end() || limits_.memory < kCoverTables ||
        graph_.num_nodes > kMaxDealtNodes) {
      return {};
    }
    return bounds::PathPricing::narrow_order(
        graph_, static_cast<std::size_t>(pays - graph_.kind_weights.begin()));
  }

  void prepare_to_deal() {
    order_ = narrow_order();
    if (order_.empty() || !standing_.placed()) return;
    AnnealingResult start{incumbent_on(units_), 0};
    descend_from(start);
    keep(start);
  }

  // Improves a placement of the units by dealing pairs of devices anew.
  void descend_from(AnnealingResult& result) const {
    if (order_.empty() || !result.best) return;
    std::vector<std::uint32_t> device_of;
    for (const auto& members : graph_.members) {
      const auto unit = units_.unit_of(members.front());
      device_of.push_back(static_cast<std::uint32_t>(result.best->device_of[unit.index()].index()));
    }
    Dealing dealing = measure(graph_, kind_of_, std::move(device_of));
    Resplit resplit(graph_, order_);
    descend(kind_of_, resplit, dealing, result.moves, standing_.deadline());
    for (std::size_t v = 0; v < graph_.num_nodes; ++v) {
      const auto unit = units_.unit_of(graph_.members[v].front());
      result.best->device_of[unit.index()] = base::DeviceId(std::size_t{dealing.device_of[v]});
    }
    result.best->objective = Duration(dealing.objective());
  }

  void keep(const AnnealingResult& result) {
    standing_.states() += result.moves;
    if (result.best) take(units_.expand(result.best->device_of), result.best->objective);
  }

  // gpipe's objective is the sum of a largest load in each phase.
  void raise_by_nodes() {
    Amount sum = 0;
    reduce::Node heaviest = 0;
    for (std::size_t p = 0; p < graph_.phases; ++p) {
      const Amount known = graph_.phases == 1 ? standing_.bound().count() : 0;
      sum += bounds::least_load_of_a_node(graph_, p, known, standing_.deadline(), &heaviest);
    }
    if (graph_.phases == 1 && Duration(sum) > standing_.bound()) {
      raise_provably(sum, "heaviest group", {no_device_for(heaviest)});
    } else {
      standing_.raise(Duration(sum), "heaviest group");
    }
  }

  // A proof's step: no device holds the node within the threshold, so all hold none of its weight.
  [[nodiscard]] model::ProofStep no_device_for(reduce::Node node) const {
    model::ProofStep step{std::vector<std::int64_t>(graph_.num_nodes, 0),
                          std::vector<std::int64_t>(graph_.num_kinds, 0),
                          narrow_order(),
                          {}};
    step.weights[node] = 1;
    return step;
  }

  // Runs from the incumbent and from random placements, one a thread, over the units themselves
  // and over units fused along dear edges, in turn.
  void anneal_round(int round) {
    constexpr std::array kDear = {1.0, 0.25, 0.1, 0.03};
    const auto threads = static_cast<std::size_t>(std::max(1, limits_.threads));
    std::vector<AnnealingResult> results(threads);
    const std::uint64_t moves =
        std::min((kMovesPerUnit * units_.size()) << round,
                 std::max<std::uint64_t>(1, standing_.states_left() / kLabelsPerState / threads));
    const auto anneal_run = [&](std::size_t i) {
      const std::uint64_t number = rounds_ * threads + i;
      AnnealingRun task;
      task.moves = moves;
      task.seed = limits_.seed + number;
      task.warmth = 0.1;
      if (!standing_.placed()) {
        results[i] = anneal(units_, task, standing_.deadline());
        return;
      }
      const Assignment best = incumbent_on(units_);
      const cost::UnitGraph fused =
          coarsen(units_, fuse_dear_edges(units_, best, kDear[number / 2 % kDear.size()]));
      if (number % 2 == 0) {
        task.start = incumbent_on(fused);
        task.warmth = 0.01;
      }
      results[i] = anneal(fused, task, standing_.deadline());
      if (results[i].best) spread(fused, *results[i].best);
    };
    const auto run = [&](std::size_t i) {
      anneal_run(i);
      results[i].moves *= kLabelsPerState;
      descend_from(results[i]);
    };
    {
      std::vector<std::jthread> workers;
      for (std::size_t i = 1; i < threads; ++i) workers.emplace_back(run, i);
      run(0);
    }
    for (const AnnealingResult& result : results) keep(result);
  }

  [[nodiscard]] Assignment incumbent_on(const cost::UnitGraph& units) const {
    Assignment assignment;
    assignment.objective = standing_.objective();
    for (std::size_t u = 0; u < units.size(); ++u) {
      const auto first = units.operators(cost::UnitId(u)).front();
      assignment.device_of.push_back(best_[first.index()]);
    }
    return assignment;
  }

  // From fused units to the units themselves.
  void spread(const cost::UnitGraph& fused, Assignment& assignment) const {
    std::vector<base::DeviceId> device_of;
    for (std::size_t u = 0; u < units_.size(); ++u) {
      const auto first = units_.operators(cost::UnitId(u)).front();
      device_of.push_back(assignment.device_of[fused.unit_of(first).index()]);
    }
    assignment.device_of = std::move(device_of);
  }

  void exhaust_round(int round) {
    if (graph_.num_nodes > kMaxExhaustedNodes) return;
    const Amount below =
        standing_.placed() ? standing_.objective().count() : base::kMaxDuration.count();
    const Exhaustion found =
        exhaust(problem_, graph_, below, standing_.bound().count(),
                std::min(kExhaustStates << round, standing_.states_left() / kLabelsPerState),
                standing_.deadline());
    standing_.states() += found.states * kLabelsPerState;
    if (found.device_of) {
      model::Placement placement(problem_.graph().num_operators());
      for (std::size_t v = 0; v < graph_.num_nodes; ++v) {
        for (const base::OperatorId op : graph_.members[v]) {
          placement[op.index()] = (*found.device_of)[v];
        }
      }
      take(std::move(placement), Duration(found.objective));
    }
    if (!found.complete) return;
    standing_.exhaust();
    if (standing_.placed()) raise_provably(standing_.objective().count(), "exhaustion", {});
  }

  void cover_round(int round) {
    if (limits_.memory < kCoverTables || !standing_.placed()) return;
    const Duration objective = standing_.objective();
    if (std::exchange(shared_for_, objective) != objective) raise_by_shares();
    raise_by_covers((kCoverEffortPerNode * graph_.num_nodes) << round);
  }

  // From the second round on: what ends in the first needs no program.
  void program_round(int round) {
    if (round == 0 || limits_.memory < kProgramTables) return;
    const Amount known =
        standing_.placed() ? standing_.objective().count() : base::kMaxDuration.count();
    if (round == 1) {
      program_ = PlacementProgram::create(problem_, graph_, known, standing_.bound().count());
    }
    if (!program_) return;
    program_->improve(known);
    std::uint64_t states = 0;
    const auto outcome =
        program_->run(std::min(kProgramStates << round, standing_.states_left() / kLabelsPerState),
                      states, standing_.deadline());
    standing_.states() += states * kLabelsPerState;
    if (!program_->placement().empty()) {
      take(program_->placement(), Duration(program_->objective()));
    }
    if (standing_.placed()) {
      standing_.raise(Duration(program_->bound()), "integer program");
    } else if (outcome == program::TreeSearch::Outcome::finished) {
      standing_.exhaust();
    }
  }

  // Bisects between the bound and the least threshold that fair shares do not refute.
  void raise_by_shares() {
    while (standing_.open()) {
      const Amount low = standing_.bound().count();
      const Amount high = std::min(standing_.objective().count(), least_unfair_);
      if (high - low <= low / kSharePrecision) return;
      const Amount threshold = low + (high - low) / 2;
      const auto outcome =
          cover_.refute_by_share(threshold, standing_.states(), standing_.deadline());
      if (outcome == Cover::Outcome::refuted) {
        raise_provably(threshold + 1, "fair share", cover_.proof());
      }
      if (outcome == Cover::Outcome::open) least_unfair_ = threshold;
    }
  }

  // The same, step by step, with weights that column generation finds. A threshold that takes more
  // than `patience` is left for one nearer to the bound; after the second, for the next round.
  void raise_by_covers(std::uint64_t patience) {
    int given_up = 0;
    while (standing_.open() && given_up < 2) {
      const Amount low = standing_.bound().count();
      const Amount high = std::min(standing_.objective().count(), least_open_);
      if (high - low <= low / kCoverPrecision) return;
      const auto step = static_cast<Amount>(static_cast<double>(high - low) * fraction_);
      const Amount threshold = std::min(low + step, high - 1);
      const std::uint64_t effort = standing_.states() + std::min(patience, standing_.states_left());
      switch (cover_.refute(threshold, standing_.states(), effort, standing_.deadline())) {
        case Cover::Outcome::refuted:
          raise_provably(threshold + 1, "cover", cover_.proof());
          fraction_ = std::min(kFarthestStep, 2 * fraction_);
          break;
        case Cover::Outcome::open:
          least_open_ = threshold;
          break;
        case Cover::Outcome::stopped:
          fraction_ = std::max(kNearestStep, fraction_ / 2);
          ++given_up;
          break;
      }
    }
  }

  // Raises the bound, and keeps what refutes every smaller value.
  void raise_provably(Amount value, std::string_view method, std::vector<model::ProofStep> steps) {
    standing_.raise(Duration(value), method);
    if (Duration(value) <= proof_.bound) return;
    proof_ = model::Proof{Duration(value), std::string(method), std::move(steps)};
  }

  // Steps speak of nodes; a proof numbers groups by their first operators in the graph's order.
  [[nodiscard]] model::Proof number_by_groups(model::Proof proof) const {
    std::vector<base::OperatorId> first;
    for (const auto& members : graph_.members) {
      first.push_back(*std::min_element(members.begin(), members.end()));
    }
    std::vector<reduce::Node> node_of(first.size());  // [groups]
    std::iota(node_of.begin(), node_of.end(), reduce::Node{0});
    std::sort(node_of.begin(), node_of.end(), [&](auto a, auto b) { return first[a] < first[b]; });
    std::vector<std::uint32_t> group_of(first.size());  // [nodes]
    for (std::uint32_t g = 0; g < node_of.size(); ++g) group_of[node_of[g]] = g;
    for (model::ProofStep& step : proof.steps) {
      const std::vector<std::int64_t> by_node = step.weights;
      for (std::size_t g = 0; g < node_of.size(); ++g) step.weights[g] = by_node[node_of[g]];
      for (std::uint32_t& v : step.order) v = group_of[v];
      for (auto& nodes : step.together) {
        for (std::uint32_t& v : nodes) v = group_of[v];
      }
    }
    return proof;
  }

  void take(model::Placement placement, Duration objective) {
    if (standing_.improve(objective)) best_ = std::move(placement);
  }

  // One part in so many of the bound is what is worth another bisection.
  static constexpr Amount kSharePrecision = 100;
  static constexpr Amount kCoverPrecision = 20000;
  // Shares of the way from the bound to what is open. Weights that refute a near threshold are a
  // good start for the next.
  static constexpr double kFarthestStep = 0.2;
  static constexpr double kNearestStep = 0.03;

  const model::Problem& problem_;
  const Contracted& graph_;
  const base::Limits& limits_;
  bounds::Standing standing_;
  model::Placement best_;  // empty: none found
  cost::UnitGraph units_;
  std::vector<std::size_t> kind_of_;  // [devices]
  std::vector<reduce::Node> order_;   // for dealing anew; empty: not done
  Cover cover_;
  std::unique_ptr<PlacementProgram> program_;  // null: not yet, or of no use
  std::uint64_t rounds_ = 0;
  double fraction_ =
      kFarthestStep;        // of the way from the bound to what is open, for the next threshold
  Duration shared_for_{0};  // objective for which fair shares were tried
  Amount least_unfair_ = std::numeric_limits<Amount>::max();  // not refuted by fair shares
  Amount least_open_ = std::numeric_limits<Amount>::max();    // not refuted by any weights
  model::Proof proof_;                                        // with nodes for groups
};

}  // namespace

Answer plan_any(const model::Problem& problem, const base::Limits& limits,
                const base::ProgressSink& progress) {
  const auto graph = reduce::contract_groups(problem);
  const auto merged = reduce::contract_groups(problem, false);
  if (!graph || !merged) {
    Answer answer;
    answer.status = PlanStatus::infeasible;
    answer.reason = graph.error().message;
    return answer;
  }
  return Planner(problem, *graph, *merged, limits, progress).run();
}

}  // namespace cleave::throughput
