// Stages with choices against brute force: every pipeline of every stage's devices and choices,
// priced by check's definitions.

#include "cleave/cost/stages.h"

#include <gtest/gtest.h>

#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cleave/check/check.h"
#include "cleave/solve/solve.h"
#include "support/random_stages.h"

namespace cleave::solve {
namespace {

using base::Duration;
using base::OperatorId;
using cost::ChosenStage;
using model::PlanStatus;
using model::Problem;
using model::Schedule;

// Tries every pipeline.
class BruteForce {
 public:
  explicit BruteForce(const Problem& problem)
      : problem_(problem), graph_(problem.graph()), asked_(*problem.question().stages) {
    for (std::size_t v = 0; v < graph_.num_operators(); ++v) {
      if (graph_.phase(OperatorId(v)) == model::Phase::forward) forward_.emplace_back(v);
    }
    used_.assign(problem.num_kinds(), 0);
    stage_of_.assign(graph_.num_operators(), 0);
  }

  std::optional<Duration> run() {
    for (std::size_t stages = 1; stages <= forward_.size(); ++stages) assign(0, stages);
    return best_;
  }

 private:
  // Stage numbers for forward operators, every number used.
  void assign(std::size_t i, std::size_t stages) {
    if (i < forward_.size()) {
      for (std::size_t s = 0; s < stages; ++s) {
        stage_of_[forward_[i].index()] = s;
        assign(i + 1, stages);
      }
      return;
    }
    std::vector<bool> seen(stages, false);
    for (const OperatorId op : forward_) seen[stage_of_[op.index()]] = true;
    for (const bool used : seen) {
      if (!used) return;
    }
    for (std::size_t x = 0; x < graph_.num_tensors(); ++x) {
      const OperatorId producer = graph_.producer(base::TensorId(x));
      if (graph_.phase(producer) != model::Phase::forward) continue;
      for (const OperatorId consumer : graph_.consumers(base::TensorId(x))) {
        if (graph_.phase(consumer) == model::Phase::forward &&
            stage_of_[producer.index()] > stage_of_[consumer.index()]) {
          return;
        }
      }
    }
    chosen_.assign(stages, {});
    for (std::size_t v = 0; v < graph_.num_operators(); ++v) {
      OperatorId leader(v);
      if (const auto group = graph_.group(leader)) leader = graph_.members(*group).front();
      chosen_[stage_of_[leader.index()]].operators.emplace_back(v);
    }
    choose(stages);
  }

  // Devices and recomputation for the stages before `s`, from the last one on.
  void choose(std::size_t s) {
    if (s == 0) return judge();
    ChosenStage& stage = chosen_[s - 1];
    for (std::size_t k = 0; k < problem_.num_kinds(); ++k) {
      const auto& devices = problem_.kind(base::KindId(k)).devices;
      for (std::size_t r = 1; used_[k] + r <= devices.size(); ++r) {
        const auto last = devices.end() - static_cast<std::ptrdiff_t>(used_[k]);
        stage.devices.assign(last - static_cast<std::ptrdiff_t>(r), last);
        used_[k] += r;
        for (const bool recompute : {false, true}) {
          stage.recompute = recompute;
          choose(s - 1);
        }
        used_[k] -= r;
      }
    }
  }

  void judge() {
    for (const ChosenStage& stage : chosen_) {
      for (const OperatorId op : stage.operators) {
        if (!problem_.allowed(op, stage.devices.front())) return;
      }
    }
    cost::StagesEvaluation evaluation = cost::evaluate_stages(problem_, chosen_);
    if (best_ && evaluation.objective >= *best_) return;
    model::Plan plan;
    plan.status = PlanStatus::feasible;
    plan.objective = evaluation.objective;
    plan.devices = std::move(evaluation.devices);
    plan.stages = std::move(evaluation.stages);
    plan.placement.resize(graph_.num_operators());
    for (const model::Stage& stage : plan.stages) {
      for (const OperatorId op : stage.operators) plan.placement[op.index()] = stage.device;
    }
    const auto holds = check::verify(problem_, plan);
    if (holds) {
      best_ = plan.objective;
      return;
    }
    // What cost says of loads and memory is what check says.
    const std::string& message = holds.error().message;
    for (const char* claim : {"says that", "the load of", "the objective is given"}) {
      EXPECT_EQ(message.find(claim), std::string::npos) << message;
    }
  }

  const Problem& problem_;
  const model::Graph& graph_;
  model::StageChoices asked_;
  std::vector<OperatorId> forward_;
  std::vector<std::size_t> stage_of_;  // [operators]
  std::vector<ChosenStage> chosen_;
  std::vector<std::size_t> used_;  // [kinds]
  std::optional<Duration> best_;
};

// More than four orders of a dozen nodes need, less than an ideal store.
constexpr std::int64_t kLittleMemory = 64'000;

struct Tally {
  int problems = 0;
  int infeasible = 0;
  int replicated = 0;
  int recomputing = 0;
  int in_servers = 0;
  int by_schedule[5] = {};
};

void count(const Problem& problem, const model::Plan& plan, Tally& tally) {
  ++tally.problems;
  ++tally.by_schedule[static_cast<int>(problem.schedule())];
  if (problem.machine().device_class(base::ClassId(0)).server) ++tally.in_servers;
  if (!plan.has_placement()) {
    ++tally.infeasible;
    return;
  }
  bool replicated = false;
  bool recomputing = false;
  for (const model::Stage& stage : plan.stages) {
    replicated = replicated || !stage.choice->replicas.empty();
    recomputing = recomputing || stage.choice->recompute;
  }
  tally.replicated += replicated ? 1 : 0;
  tally.recomputing += recomputing ? 1 : 0;
}

TEST(Stages, EqualBruteForce) {
  Tally tally;
  for (std::uint64_t seed = 1; tally.problems < 10000; ++seed) {
    const auto problem = support::random_stages(seed);
    if (!problem) continue;
    const auto best = BruteForce(*problem).run();
    const auto plan = solve(*problem, {});
    ASSERT_TRUE(plan.ok()) << "seed " << seed << ": " << plan.error().to_string();
    count(*problem, *plan, tally);
    if (!best) {
      EXPECT_EQ(plan->status, PlanStatus::infeasible) << "seed " << seed;
      EXPECT_FALSE(plan->reason.empty());
      continue;
    }
    ASSERT_EQ(plan->status, PlanStatus::optimal) << "seed " << seed << ": " << plan->reason;
    ASSERT_EQ(plan->objective.count(), best->count()) << "seed " << seed;
  }
  std::cout << tally.problems << " problems: " << tally.infeasible << " infeasible, "
            << tally.replicated << " with replicas, " << tally.recomputing << " recomputing, "
            << tally.in_servers << " in servers; " << tally.by_schedule[0] << " inference, "
            << tally.by_schedule[1] << " 1f1b, " << tally.by_schedule[2] << " gpipe, "
            << tally.by_schedule[3] << " flush, " << tally.by_schedule[4] << " 2bw\n";
  for (const int schedule : tally.by_schedule) EXPECT_GT(schedule, 100);
  EXPECT_GT(tally.infeasible, 50);
  EXPECT_GT(tally.replicated, 100);
  EXPECT_GT(tally.recomputing, 50);
  EXPECT_GT(tally.in_servers, 100);
}

// Too little memory for all ideals: borders along a few orders, and bounds from sums.
TEST(Stages, WithLittleMemoryBoundsHoldAndPlansAreNoBetterThanTheBest) {
  int limited = 0;
  int proven = 0;
  int worse = 0;
  for (std::uint64_t seed = 1; limited < 1000; ++seed) {
    const auto problem = support::random_stages(seed, 1, 12);
    if (!problem) continue;
    const auto best = solve(*problem, {});
    base::Limits limits;
    limits.memory = base::Bytes(kLittleMemory);
    const auto plan = solve(*problem, limits);
    ASSERT_TRUE(best.ok() && plan.ok()) << "seed " << seed;
    if (plan->effort == best->effort) continue;  // all ideals were few enough
    ++limited;
    if (!best->has_placement()) {
      EXPECT_FALSE(plan->has_placement()) << "seed " << seed;
      continue;
    }
    EXPECT_LE(plan->bound.value, best->objective) << "seed " << seed;
    if (!plan->has_placement()) {
      EXPECT_EQ(plan->status, PlanStatus::none) << "seed " << seed;
      continue;
    }
    EXPECT_GE(plan->objective, best->objective) << "seed " << seed;
    proven += plan->status == PlanStatus::optimal ? 1 : 0;
    worse += plan->objective > best->objective ? 1 : 0;
    EXPECT_EQ(plan->status == PlanStatus::optimal, plan->objective == plan->bound.value);
  }
  std::cout << limited << " problems with little memory: " << proven << " proven optimal, " << worse
            << " plans worse than the best\n";
  EXPECT_GT(proven, 20);
  EXPECT_GT(worse, 20);
}

TEST(Stages, StopWhereEvenTheStatesTakeTooMuchMemory) {
  base::Limits limits;
  limits.memory = base::Bytes(1);
  std::uint64_t seed = 1;
  auto problem = support::random_stages(seed);
  while (!problem || !solve(*problem, {})->has_placement()) {
    problem = support::random_stages(++seed);
  }
  const auto plan = solve(*problem, limits);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->status, PlanStatus::none);
  EXPECT_EQ(plan->limit, base::StopReason::memory);
  EXPECT_FALSE(plan->has_placement());
}

}  // namespace
}  // namespace cleave::solve
