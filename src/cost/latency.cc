#include "cleave/cost/latency.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>

#include "cleave/cost/loads.h"

namespace cleave::cost {

using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::DeviceLoad;
using model::Problem;
using model::Stage;

namespace {

// [operators]: the stage it is in.
std::vector<std::size_t> stages_of_operators(const Problem& problem,
                                             const std::vector<Stage>& stages) {
  std::vector<std::size_t> stage_of(problem.graph().num_operators(), stages.size());
  for (std::size_t s = 0; s < stages.size(); ++s) {
    for (const OperatorId op : stages[s].operators) stage_of[op.index()] = s;
  }
  return stage_of;
}

// [stages]: what each spends if it is a call; of a pool, the sum of its operators' times.
std::vector<PhaseSums> sums_of_stages(const Problem& problem, const std::vector<Stage>& stages,
                                      const std::vector<std::size_t>& stage_of) {
  const model::Graph& graph = problem.graph();
  const auto class_of = [&](std::size_t s) { return problem.machine().class_of(stages[s].device); };
  std::vector<PhaseSums> sums(stages.size());
  for (std::size_t v = 0; v < stage_of.size(); ++v) {
    const auto time = problem.time(OperatorId(v), class_of(stage_of[v]));
    assert(time);
    sums[stage_of[v]].compute += *time;
  }
  std::vector<TensorId> moved_in(stages.size());
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    const std::size_t home = stage_of[graph.producer(tensor).index()];
    bool leaves = false;
    for (const OperatorId consumer : graph.consumers(tensor)) {
      const std::size_t s = stage_of[consumer.index()];
      if (s == home) continue;
      leaves = true;
      if (std::exchange(moved_in[s], tensor) == tensor) continue;
      sums[s].in += problem.transfer(tensor, class_of(s));
    }
    if (leaves) sums[home].out += problem.transfer(tensor, class_of(home));
  }
  return sums;
}

// Workers that take up operators in turn.
class Pool {
 public:
  explicit Pool(std::optional<int> workers) : workers_(workers) {}

  // When an operator with inputs ready at `ready` starts.
  Duration start(Duration ready, Duration time) {
    if (!workers_) return ready;
    Duration start = std::max(ready, last_start_);
    if (busy_until_.size() == static_cast<std::size_t>(*workers_)) {
      start = std::max(start, busy_until_.front());
      std::pop_heap(busy_until_.begin(), busy_until_.end(), std::greater<>());
      busy_until_.pop_back();
    }
    busy_until_.push_back(start + time);
    std::push_heap(busy_until_.begin(), busy_until_.end(), std::greater<>());
    last_start_ = start;
    return start;
  }

 private:
  std::optional<int> workers_;
  Duration last_start_{0};
  std::vector<Duration> busy_until_;  // a heap, the soonest first
};

// Gives stages their times, one after the other.
class Walk {
 public:
  Walk(const Problem& problem, const std::vector<std::size_t>& stage_of)
      : problem_(problem),
        stage_of_(stage_of),
        ready_(problem.graph().num_operators()),
        free_from_(problem.machine().num_devices()),
        pools_(problem.machine().num_devices(), Pool(problem.question().workers)) {}

  void run_call(Stage& stage, Duration load) {
    stage.start = free_from_[stage.device.index()];
    for (const OperatorId op : stage.operators) {
      const std::size_t here = stage_of_[op.index()];
      for (const TensorId input : problem_.graph().inputs(op)) {
        const OperatorId producer = problem_.graph().producer(input);
        if (stage_of_[producer.index()] == here) continue;
        stage.start = std::max(stage.start, ready_[producer.index()]);
      }
    }
    stage.finish = stage.start + load;
    free_from_[stage.device.index()] = stage.finish;
    for (const OperatorId op : stage.operators) ready_[op.index()] = stage.finish;
  }

  void run_pooled(Stage& stage) {
    const ClassId c = problem_.machine().class_of(stage.device);
    stage.start = base::kMaxDuration;
    stage.finish = Duration::zero();
    for (const OperatorId op : stage.operators) {
      Duration inputs{0};
      for (const TensorId input : problem_.graph().inputs(op)) {
        inputs = std::max(inputs, ready_[problem_.graph().producer(input).index()]);
      }
      const Duration time = *problem_.time(op, c);
      const Duration start = pools_[stage.device.index()].start(inputs, time);
      ready_[op.index()] = start + time;
      stage.start = std::min(stage.start, start);
      stage.finish = std::max(stage.finish, start + time);
    }
  }

 private:
  const Problem& problem_;
  const std::vector<std::size_t>& stage_of_;
  std::vector<Duration> ready_;      // [operators]: their results
  std::vector<Duration> free_from_;  // [devices]: accelerators
  std::vector<Pool> pools_;          // [devices]
};

}  // namespace

LatencyEvaluation evaluate_latency(const Problem& problem, std::vector<Stage> stages) {
  const std::size_t devices = problem.machine().num_devices();
  const std::vector<std::size_t> stage_of = stages_of_operators(problem, stages);
  const std::vector<PhaseSums> sums = sums_of_stages(problem, stages, stage_of);

  LatencyEvaluation result;
  result.devices.resize(devices);
  Walk walk(problem, stage_of);
  for (std::size_t s = 0; s < stages.size(); ++s) {
    Stage& stage = stages[s];
    DeviceLoad& device = result.devices[stage.device.index()];
    const auto& [in, compute, out] = sums[s];
    device.compute += compute;
    for (const OperatorId op : stage.operators) device.memory += problem.graph().memory(op);
    if (problem.machine().is_pool(stage.device)) {
      walk.run_pooled(stage);
      device.load += compute;
    } else {
      const Duration load = combine(problem.transfers(), in, compute, out);
      walk.run_call(stage, load);
      device.in += in;
      device.out += out;
      device.load += load;
    }
    result.objective = std::max(result.objective, stage.finish);
  }
  for (std::size_t d = 0; d < devices; ++d) {
    const auto limit = problem.memory(problem.machine().class_of(DeviceId(d)));
    result.fits = result.fits && (!limit || result.devices[d].memory <= *limit);
  }
  result.stages = std::move(stages);
  return result;
}

}  // namespace cleave::cost
