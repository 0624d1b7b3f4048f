#include "cleave/cost/stages.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace cleave::cost {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::DeviceLoad;
using model::Phase;
using model::Problem;
using model::Schedule;

namespace {

constexpr std::size_t kForward = 0;
constexpr std::size_t kBackward = 1;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

Duration per_micro_batch(Picoseconds batch, std::int64_t micro_batches) {
  return Duration(static_cast<std::int64_t>((batch + micro_batches - 1) / micro_batches));
}

// Devices of servers are numbered within their class.
struct Servers {
  std::int64_t first = 0;  // device of the class
  std::int64_t size = 1;

  [[nodiscard]] std::int64_t of(DeviceId device) const { return (device.value() - first) / size; }
};

// Which of a stage's borders, and which ring, stay inside a server.
struct Reach {
  bool ring = false;
  bool before = false;
  bool after = false;
};

Reach find_reach(const Problem& problem, const ChosenStage& stage) {
  const ClassId c = problem.machine().class_of(stage.devices.front());
  const auto& device_class = problem.machine().device_class(c);
  if (!device_class.server) return {};
  const Servers servers{problem.machine().first_device(c).value(), device_class.server->devices};
  const DeviceId first = stage.devices.front();
  const DeviceId last = stage.devices.back();
  if (servers.of(first) != servers.of(last)) return {};
  const std::int64_t from = (first.value() - servers.first) % servers.size;
  const std::int64_t to = (last.value() - servers.first) % servers.size;
  return {true, from != 0, to != servers.size - 1};
}

class Pricer {
 public:
  Pricer(const Problem& problem, std::span<const ChosenStage> stages)
      : problem_(problem), graph_(problem.graph()), stages_(stages) {
    stage_of_.resize(graph_.num_operators());
    for (std::size_t s = 0; s < stages.size(); ++s) {
      for (const OperatorId op : stages[s].operators) stage_of_[op.index()] = s;
      reach_.push_back(find_reach(problem, stages[s]));
    }
    sums_.resize(stages.size());
    bytes_.resize(stages.size());
  }

  StagesEvaluation run() && {
    for (std::size_t v = 0; v < graph_.num_operators(); ++v) add(OperatorId(v));
    for (std::size_t x = 0; x < graph_.num_tensors(); ++x) move(TensorId(x));
    StagesEvaluation result;
    result.devices.resize(problem_.machine().num_devices());
    result.stages.resize(stages_.size());
    std::int64_t reach_after = 0;
    for (std::size_t s = stages_.size(); s-- > 0;) reach_after = finish(s, reach_after, result);
    for (const OperatorId op : graph_.topological_order()) {
      result.stages[stage_of_[op.index()]].operators.push_back(op);
    }
    result.objective = objective(problem_.schedule(), result.devices);
    return result;
  }

 private:
  [[nodiscard]] ClassId class_of(std::size_t stage) const {
    return problem_.machine().class_of(stages_[stage].devices.front());
  }

  void add(OperatorId op) {
    const std::size_t s = stage_of_[op.index()];
    const Duration time = *problem_.time(op, class_of(s));
    sums_[s][static_cast<std::size_t>(graph_.phase(op))].compute += time;
    if (stages_[s].recompute && graph_.phase(op) == Phase::forward) {
      sums_[s][kBackward].compute += time;
    }
    bytes_[s].resident += graph_.memory(op);
    bytes_[s].weights += graph_.weights(op);
    bytes_[s].stash += graph_.stash(op);
  }

  void move(TensorId tensor) {
    const OperatorId producer = graph_.producer(tensor);
    const std::size_t home = stage_of_[producer.index()];
    const bool forward = graph_.phase(producer) == Phase::forward;
    const std::size_t phase = forward ? kForward : kBackward;
    receivers_.clear();
    for (const OperatorId consumer : graph_.consumers(tensor)) {
      const std::size_t s = stage_of_[consumer.index()];
      if (s != home) receivers_.push_back(s);
    }
    std::sort(receivers_.begin(), receivers_.end());
    receivers_.erase(std::unique(receivers_.begin(), receivers_.end()), receivers_.end());
    for (const std::size_t s : receivers_) {
      const bool inside = forward ? reach_[s].before : reach_[s].after;
      sums_[s][phase].in += price(tensor, s, inside);
      if (forward) bytes_[s].inputs += graph_.bytes(tensor).value_or(Bytes(0));
    }
    if (receivers_.empty()) return;
    const bool inside = forward ? reach_[home].after : reach_[home].before;
    sums_[home][phase].out += price(tensor, home, inside);
  }

  [[nodiscard]] Duration price(TensorId tensor, std::size_t stage, bool inside) const {
    return inside ? problem_.transfer_in_server(tensor, class_of(stage))
                  : problem_.transfer(tensor, class_of(stage));
  }

  [[nodiscard]] Duration sync(std::size_t s) const {
    const auto& device_class = problem_.machine().device_class(class_of(s));
    const auto r = static_cast<std::int64_t>(stages_[s].devices.size());
    if (r == 1 || !graph_.has_backward() || !device_class.pays_transfers) return Duration::zero();
    return sync_time(reach_[s].ring ? device_class.server->link : *device_class.link,
                     bytes_[s].weights, r);
  }

  // Of each device of the stage.
  [[nodiscard]] DeviceLoad load(std::size_t s) const {
    const auto r = static_cast<std::int64_t>(stages_[s].devices.size());
    const bool training = graph_.has_backward();
    const std::int64_t batch = training ? problem_.question().stages->micro_batches : r;
    const std::int64_t share = training ? batch / r : 1;
    DeviceLoad load = summarise(problem_, sums_[s], Bytes(0));
    load.sync = sync(s);
    const bool by_phase = problem_.schedule() == Schedule::gpipe;
    if (by_phase) {
      load.forward = per_micro_batch(batch_time(load.forward, share, {}), batch);
      load.backward = per_micro_batch(batch_time(load.backward, share, load.sync), batch);
      load.load = load.forward + load.backward;
    } else {
      load.load = per_micro_batch(batch_time(load.load, share, load.sync), batch);
    }
    return load;
  }

  // Returns the stage's reach.
  std::int64_t finish(std::size_t s, std::int64_t reach_after, StagesEvaluation& result) const {
    const ChosenStage& chosen = stages_[s];
    const auto replicas = static_cast<std::int64_t>(chosen.devices.size());
    const StagePlace place{replicas, reach_after, chosen.recompute};
    model::Stage& stage = result.stages[s];
    stage.device = chosen.devices.front();
    stage.choice = stage_memory(problem_, bytes_[s], place);
    stage.choice->replicas.assign(chosen.devices.begin() + 1, chosen.devices.end());
    DeviceLoad each = load(s);
    each.memory = total(*stage.choice);
    for (const DeviceId device : chosen.devices) result.devices[device.index()] = each;
    return reach(problem_, *stage.choice, replicas);
  }

  const Problem& problem_;
  const model::Graph& graph_;
  std::span<const ChosenStage> stages_;
  std::vector<std::size_t> stage_of_;  // [operators]
  std::vector<Reach> reach_;           // [stages]
  std::vector<DeviceSums> sums_;       // [stages]
  std::vector<StageBytes> bytes_;      // [stages]
  std::vector<std::size_t> receivers_;
};

}  // namespace

Duration sync_time(const model::Link& link, Bytes bytes, std::int64_t r) {
  constexpr Picoseconds kPicosecondsPerSecond = 1'000'000'000'000;
  const Picoseconds piece = ceil_div(bytes.count(), r);
  const Picoseconds rate = link.bytes_per_second;
  const Picoseconds step = (piece * kPicosecondsPerSecond + rate - 1) / rate + link.latency.count();
  const Picoseconds all = 2 * (r - 1) * step;
  return all > base::kMaxDuration.count() ? base::kMaxDuration
                                          : Duration(static_cast<std::int64_t>(all));
}

std::int64_t reach(const Problem& problem, const model::StageChoice& choice,
                   std::int64_t replicas) {
  const bool overlap = problem.transfers() != model::Transfers::serial;
  return window(choice, replicas) + (overlap ? 2 * replicas : 0);
}

model::StageChoice stage_memory(const Problem& problem, const StageBytes& bytes,
                                const StagePlace& place) {
  model::StageChoice choice;
  choice.recompute = place.recompute;
  choice.resident = bytes.resident;
  if (!problem.graph().has_backward()) return choice;
  const std::int64_t share = problem.question().stages->micro_batches / place.replicas;
  const bool overlap = problem.transfers() != model::Transfers::serial && place.reach_after > 0;
  const std::int64_t rounds = ceil_div(place.reach_after, place.replicas) + (overlap ? 3 : 1);
  switch (problem.schedule()) {
    case Schedule::gpipe:
      choice.in_flight = share;
      break;
    case Schedule::flush:
      choice.in_flight = std::min(rounds, share);
      break;
    case Schedule::two_bw:
      choice.in_flight = rounds;
      choice.versions = 2;
      break;
    case Schedule::one_f_one_b:
    case Schedule::inference:  // not with a backward pass
      choice.in_flight = rounds;
      choice.versions = rounds;
      break;
  }
  const auto times = [](std::int64_t n, Bytes b) {
    const Picoseconds product = static_cast<Picoseconds>(n) * b.count();
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 16;
    return product > kMost ? Bytes(kMost) : Bytes(static_cast<std::int64_t>(product));
  };
  choice.older_weights = times(choice.versions - 1, bytes.weights);
  choice.activations = times(choice.in_flight, bytes.inputs) +
                       times(place.recompute ? 1 : choice.in_flight, bytes.stash);
  return choice;
}

StagesEvaluation evaluate_stages(const Problem& problem, std::span<const ChosenStage> stages) {
  assert(problem.question().stages);
  return Pricer(problem, stages).run();
}

}  // namespace cleave::cost
