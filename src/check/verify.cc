#include <fmt/format.h>

#include <optional>
#include <string>

#include "check/contiguity.h"
#include "check/stages.h"
#include "cleave/check/check.h"

namespace cleave::check {

using base::DeviceId;
using base::OperatorId;
using base::TensorId;
using model::DeviceLoad;
using model::Plan;
using model::PlanStatus;
using model::Problem;
using model::Stage;

namespace {

// A sentence about the first claim that does not hold.
using Fault = std::optional<std::string>;

Fault find_fault_without_placement(const Plan& plan) {
  if (plan.has_placement() || !plan.devices.empty() || !plan.stages.empty()) {
    return fmt::format("status is '{}', but the plan has a placement, devices or stages",
                       to_string(plan.status));
  }
  if (plan.reason.empty()) {
    return fmt::format("status is '{}', but no reason is given", to_string(plan.status));
  }
  return std::nullopt;
}

Fault find_fault_in_loads(const Problem& problem, const Plan& plan, const Verdict& verdict) {
  if (plan.objective != verdict.objective) {
    return fmt::format("the objective is given as {} ps and is {} ps", plan.objective.count(),
                       verdict.objective.count());
  }
  if (plan.devices.size() != verdict.devices.size()) {
    return fmt::format("loads are given for {} devices of {}", plan.devices.size(),
                       verdict.devices.size());
  }
  for (std::size_t d = 0; d < plan.devices.size(); ++d) {
    const DeviceLoad& given = plan.devices[d];
    const DeviceLoad& real = verdict.devices[d];
    if (given == real) continue;
    return fmt::format(
        "the load of {} is given as in {} compute {} out {} load {} forward {} backward {} ps and "
        "{} bytes; it is in {} compute {} out {} load {} forward {} backward {} ps and {} bytes",
        problem.machine().device_name(DeviceId(d)), given.in.count(), given.compute.count(),
        given.out.count(), given.load.count(), given.forward.count(), given.backward.count(),
        given.memory.count(), real.in.count(), real.compute.count(), real.out.count(),
        real.load.count(), real.forward.count(), real.backward.count(), real.memory.count());
  }
  return std::nullopt;
}

Fault find_fault_in_bound(const Plan& plan) {
  if (plan.bound.value > plan.objective) {
    return fmt::format("the lower bound {} ps exceeds the objective {} ps",
                       plan.bound.value.count(), plan.objective.count());
  }
  if (plan.status == PlanStatus::optimal && plan.bound.value != plan.objective) {
    return fmt::format("status is 'optimal', but the lower bound is {} ps and the objective {} ps",
                       plan.bound.value.count(), plan.objective.count());
  }
  return std::nullopt;
}

// Where an operator is: its stage, and its position in a row of all stages.
struct Position {
  std::optional<std::size_t> stage;
  std::size_t place = 0;
};

// Fills `positions` [operators]; a fault where the stages are no partition of the operators that
// agrees with the placement.
Fault locate_operators(const Problem& problem, const Plan& plan, std::vector<Position>& positions) {
  std::size_t place = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const Stage& stage = plan.stages[s];
    if (stage.operators.empty()) return fmt::format("stage {} has no operators", s);
    for (const OperatorId op : stage.operators) {
      if (!op.valid() || op.index() >= positions.size()) {
        return fmt::format("stage {} names an operator that the graph does not have", s);
      }
      const std::string& id = problem.graph().id(op);
      if (positions[op.index()].stage) return fmt::format("operator '{}' is in two stages", id);
      if (plan.placement[op.index()] != stage.device) {
        return fmt::format("operator '{}' is on {}, but stage {} is another device's", id,
                           problem.machine().device_name(plan.placement[op.index()]), s);
      }
      positions[op.index()] = {s, place++};
    }
  }
  for (std::size_t v = 0; v < positions.size(); ++v) {
    if (!positions[v].stage) {
      return fmt::format("operator '{}' is in no stage", problem.graph().id(OperatorId(v)));
    }
  }
  return std::nullopt;
}

Fault find_fault_in_order(const Problem& problem, const std::vector<Position>& positions) {
  const model::Graph& graph = problem.graph();
  for (const Arc& arc : contiguity_arcs(graph)) {
    const Position& from = positions[arc.from.index()];
    const Position& to = positions[arc.to.index()];
    if (*from.stage > *to.stage) {
      return fmt::format(
          "stage {} with operator '{}' comes before stage {} with operator '{}', "
          "which has to come first",
          *to.stage, graph.id(arc.to), *from.stage, graph.id(arc.from));
    }
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    const Position& from = positions[producer.index()];
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      const Position& to = positions[consumer.index()];
      if (*from.stage == *to.stage && from.place > to.place) {
        return fmt::format("stage {} lists operator '{}' before '{}', whose output it consumes",
                           *to.stage, graph.id(consumer), graph.id(producer));
      }
    }
  }
  return std::nullopt;
}

Fault find_repeated_device(const Problem& problem, const Plan& plan) {
  std::vector<bool> used(problem.machine().num_devices(), false);
  for (const Stage& stage : plan.stages) {
    if (used[stage.device.index()]) {
      return fmt::format("{} has two stages in a contiguous plan",
                         problem.machine().device_name(stage.device));
    }
    used[stage.device.index()] = true;
  }
  return std::nullopt;
}

Fault find_fault_in_stages(const Problem& problem, const Plan& plan) {
  std::vector<Position> positions(problem.graph().num_operators());
  if (Fault fault = locate_operators(problem, plan, positions)) return fault;
  if (Fault fault = find_fault_in_order(problem, positions)) return fault;
  if (problem.question().placement == model::PlacementRule::contiguous) {
    return find_repeated_device(problem, plan);
  }
  return std::nullopt;
}

Fault find_fault_in_history(const Plan& plan) {
  const model::SearchStep* before = nullptr;
  for (const model::SearchStep& step : plan.history) {
    if (before != nullptr) {
      if (step.effort < before->effort) return "the history is not in the order of its effort";
      if (step.lower_bound < before->lower_bound) return "the history has a bound that falls";
      if (before->incumbent && (!step.incumbent || *step.incumbent > *before->incumbent)) {
        return "the history has an incumbent that gets worse";
      }
    }
    before = &step;
  }
  if (before == nullptr) return std::nullopt;
  const bool same_answer =
      plan.has_placement() ? before->incumbent == plan.objective : !before->incumbent;
  const bool same_bound =
      plan.status == PlanStatus::infeasible || before->lower_bound == plan.bound.value;
  if (!same_answer || !same_bound || before->effort != plan.effort) {
    return "the history does not end with the plan's objective, bound and effort";
  }
  return std::nullopt;
}

// The rules of a placement hold as ever; memory only more strictly.
Fault find_fault_with_choices(const Problem& problem, const Plan& plan) {
  const Verdict verdict = examine(problem, plan.placement);
  if (!verdict.feasible()) return verdict.violations.front();
  if (Fault fault = find_fault_in_stages(problem, plan)) return fault;
  if (Fault fault = find_fault_in_choices(problem, plan)) return fault;
  return find_fault_in_bound(plan);
}

Fault find_fault_in_times(const Plan& plan, const Verdict& verdict) {
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const Stage& given = plan.stages[s];
    const Stage& real = verdict.stages[s];
    if (given.start == real.start && given.finish == real.finish) continue;
    return fmt::format("stage {} is given from {} to {} ps and runs from {} to {} ps", s,
                       given.start.count(), given.finish.count(), real.start.count(),
                       real.finish.count());
  }
  return std::nullopt;
}

Fault find_fault_in_latency(const Problem& problem, const Plan& plan) {
  if (plan.placement.size() != problem.graph().num_operators()) {
    return fmt::format("the placement has {} devices for {} operators", plan.placement.size(),
                       problem.graph().num_operators());
  }
  const Verdict verdict = examine(problem, plan.stages);
  if (!verdict.feasible()) return verdict.violations.front();
  for (const Stage& stage : plan.stages) {
    for (const OperatorId op : stage.operators) {
      if (plan.placement[op.index()] == stage.device) continue;
      return fmt::format("operator '{}' is in a stage of {}, and elsewhere in the placement",
                         problem.graph().id(op), problem.machine().device_name(stage.device));
    }
  }
  if (Fault fault = find_fault_in_loads(problem, plan, verdict)) return fault;
  if (Fault fault = find_fault_in_times(plan, verdict)) return fault;
  return find_fault_in_bound(plan);
}

Fault find_fault(const Problem& problem, const Plan& plan) {
  if (plan.bound.value < base::Duration::zero()) return "the lower bound is negative";
  if (plan.status == PlanStatus::infeasible || plan.status == PlanStatus::none) {
    return find_fault_without_placement(plan);
  }
  if (problem.question().objective == model::Objective::latency) {
    return find_fault_in_latency(problem, plan);
  }
  if (problem.question().stages) return find_fault_with_choices(problem, plan);
  const Verdict verdict = examine(problem, plan.placement);
  if (!verdict.feasible()) return verdict.violations.front();
  if (Fault fault = find_fault_in_loads(problem, plan, verdict)) return fault;
  if (Fault fault = find_fault_in_bound(plan)) return fault;
  return find_fault_in_stages(problem, plan);
}

}  // namespace

base::Status verify(const Problem& problem, const Plan& plan) {
  Fault fault = find_fault(problem, plan);
  if (!fault) fault = find_fault_in_history(plan);
  if (fault) {
    return base::Error{
        base::ErrorCode::internal, "the plan does not hold: " + std::move(*fault), {}};
  }
  return std::monostate{};
}

}  // namespace cleave::check
