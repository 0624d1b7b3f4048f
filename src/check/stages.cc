#include "check/stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

namespace cleave::check {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::DeviceLoad;
using model::Phase;
using model::Plan;
using model::Problem;
using model::Recompute;
using model::Schedule;
using model::Stage;
using model::StageChoice;

namespace {

__extension__ using Wide = __int128;
using Fault = std::optional<std::string>;

std::int64_t narrow(Wide value) {
  constexpr Wide kMost = std::numeric_limits<std::int64_t>::max() / 4;
  return static_cast<std::int64_t>(std::min(value, kMost));
}

std::vector<DeviceId> devices_of(const Stage& stage) {
  std::vector<DeviceId> devices{stage.device};
  devices.insert(devices.end(), stage.choice->replicas.begin(), stage.choice->replicas.end());
  return devices;
}

// Recomputes one plan.
class Examiner {
 public:
  Examiner(const Problem& problem, const Plan& plan)
      : problem_(problem),
        graph_(problem.graph()),
        plan_(plan),
        training_(graph_.has_backward()),
        micro_batches_(problem.question().stages->micro_batches) {}

  Fault run() {
    for (const Stage& stage : plan_.stages) {
      if (!stage.choice) return "a stage does not say what it chose";
    }
    if (Fault fault = check_devices()) return fault;
    if (Fault fault = check_layout()) return fault;
    Next next;
    for (std::size_t s = plan_.stages.size(); s-- > 0;) {
      if (Fault fault = check_stage(plan_.stages[s], s, next)) return fault;
    }
    const std::int64_t window = next.window;
    if (problem_.schedule() == Schedule::two_bw && window > micro_batches_) {
      return fmt::format(
          "2bw has {} micro-batches in the pipeline; two versions of the weights suffice for the "
          "{} "
          "of a batch",
          window, micro_batches_);
    }
    return check_unused_and_objective();
  }

 private:
  [[nodiscard]] std::string name(DeviceId device) const {
    return problem_.machine().device_name(device);
  }

  // Distinct devices that may hold their stage, alike within a stage, as many as are allowed.
  Fault check_devices() const {
    const auto& asked = *problem_.question().stages;
    std::set<DeviceId> used;
    for (const Stage& stage : plan_.stages) {
      const std::vector<DeviceId> devices = devices_of(stage);
      const auto r = static_cast<std::int64_t>(devices.size());
      for (const DeviceId device : devices) {
        if (!device.valid() || device.index() >= problem_.machine().num_devices()) {
          return "a stage is on a device that the machine does not have";
        }
        if (!used.insert(device).second) return fmt::format("{} has two stages", name(device));
        if (problem_.kind_of(device) != problem_.kind_of(stage.device)) {
          return fmt::format("{} and {} share a stage but are not alike", name(stage.device),
                             name(device));
        }
      }
      if (r > asked.max_replicas) {
        return fmt::format("a stage is on {} devices; {} are allowed", r, asked.max_replicas);
      }
      if (training_ && micro_batches_ % r != 0) {
        return fmt::format("a stage is on {} devices, which do not share {} micro-batches evenly",
                           r, micro_batches_);
      }
      const bool again = stage.choice->recompute;
      if (again && (!training_ || asked.recompute == Recompute::never)) {
        return "a stage recomputes, which is not allowed";
      }
      if (!again && training_ && asked.recompute == Recompute::always) {
        return "a stage does not recompute, which all have to";
      }
    }
    return std::nullopt;
  }

  // In servers, stages take consecutive devices to the last one.
  Fault check_layout() const {
    if (!problem_.machine().device_class(ClassId(0)).server) return std::nullopt;
    std::size_t next = problem_.machine().num_devices();
    for (std::size_t s = plan_.stages.size(); s-- > 0;) {
      const std::vector<DeviceId> devices = devices_of(plan_.stages[s]);
      for (auto device = devices.rbegin(); device != devices.rend(); ++device) {
        if (device->index() != --next) {
          return fmt::format("stage {} has {} where {} is next: stages take consecutive devices", s,
                             name(*device), name(DeviceId(next)));
        }
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] bool same_server(DeviceId a, std::int64_t offset) const {
    const auto& server = problem_.machine().device_class(ClassId(0)).server;
    if (!server) return false;
    const std::int64_t b = a.value() + offset;
    const auto n = static_cast<std::int64_t>(problem_.machine().num_devices());
    return b >= 0 && b < n && a.value() / server->devices == b / server->devices;
  }

  // Time to move the tensor over a border of the stage.
  [[nodiscard]] Duration price(TensorId tensor, const Stage& stage, bool border_before) const {
    const std::vector<DeviceId> devices = devices_of(stage);
    const ClassId c = problem_.machine().class_of(stage.device);
    const auto width = static_cast<std::int64_t>(devices.size()) - 1;
    const bool together = same_server(devices.front(), width);
    const bool inside = together && (border_before ? same_server(devices.front(), -1)
                                                   : same_server(devices.back(), 1));
    return inside ? problem_.transfer_in_server(tensor, c) : problem_.transfer(tensor, c);
  }

  struct Sums {
    Duration in[2]{};  // [forward, backward]
    Duration compute[2]{};
    Duration out[2]{};
    Bytes inputs;
    StageChoice held;
    Bytes weights, stash;
  };

  [[nodiscard]] Sums add_up(const Stage& stage) const {
    std::vector<bool> inside(graph_.num_operators(), false);
    for (const OperatorId op : stage.operators) inside[op.index()] = true;
    const ClassId c = problem_.machine().class_of(stage.device);
    Sums sums;
    for (const OperatorId op : stage.operators) {
      const Duration time = *problem_.time(op, c);
      sums.compute[graph_.phase(op) == Phase::forward ? 0 : 1] += time;
      if (graph_.phase(op) == Phase::forward && stage.choice->recompute) sums.compute[1] += time;
      sums.held.resident += graph_.memory(op);
      sums.weights += graph_.weights(op);
      sums.stash += graph_.stash(op);
      // A tensor that comes in is looked at by its first consumer inside.
      for (const TensorId tensor : graph_.inputs(op)) {
        const OperatorId producer = graph_.producer(tensor);
        if (inside[producer.index()]) continue;
        const auto consumers = graph_.consumers(tensor);
        const auto first = std::find_if(consumers.begin(), consumers.end(),
                                        [&](OperatorId other) { return inside[other.index()]; });
        if (*first != op) continue;
        const bool forward = graph_.phase(producer) == Phase::forward;
        sums.in[forward ? 0 : 1] += price(tensor, stage, forward);
        if (forward) sums.inputs += graph_.bytes(tensor).value_or(Bytes(0));
      }
      for (const TensorId tensor : graph_.outputs(op)) {
        const auto consumers = graph_.consumers(tensor);
        const bool leaves = std::any_of(consumers.begin(), consumers.end(),
                                        [&](OperatorId other) { return !inside[other.index()]; });
        const bool forward = graph_.phase(op) == Phase::forward;
        if (leaves) sums.out[forward ? 0 : 1] += price(tensor, stage, !forward);
      }
    }
    return sums;
  }

  [[nodiscard]] Duration sync(const Stage& stage, Bytes weights) const {
    const std::vector<DeviceId> devices = devices_of(stage);
    const auto r = static_cast<std::int64_t>(devices.size());
    const auto& c = problem_.machine().device_class(problem_.machine().class_of(stage.device));
    if (r == 1 || !training_ || !c.pays_transfers) return Duration::zero();
    const model::Link link = same_server(devices.front(), r - 1) ? c.server->link : *c.link;
    const Wide piece = (weights.count() + r - 1) / r;
    const Wide moving =
        (piece * 1'000'000'000'000 + link.bytes_per_second - 1) / link.bytes_per_second;
    return Duration(std::min<std::int64_t>(narrow(2 * (r - 1) * (moving + link.latency.count())),
                                           base::kMaxDuration.count()));
  }

  [[nodiscard]] Duration combine(Duration in, Duration compute, Duration out) const {
    switch (problem_.transfers()) {
      case model::Transfers::half_duplex:
        return std::max(in + out, compute);
      case model::Transfers::full_duplex:
        return std::max({in, compute, out});
      case model::Transfers::serial:
        break;
    }
    return in + compute + out;
  }

  // What a device spends on average on each micro-batch of the stage's stream.
  [[nodiscard]] Duration average(Duration each, std::int64_t r, Duration once) const {
    const std::int64_t batch = training_ ? micro_batches_ : r;
    const Wide busy = Wide(each.count()) * (batch / r) + once.count();
    return Duration(narrow((busy + batch - 1) / batch));
  }

  [[nodiscard]] DeviceLoad load_of(const Stage& stage, const Sums& sums) const {
    const auto r = static_cast<std::int64_t>(devices_of(stage).size());
    DeviceLoad load;
    load.in = sums.in[0] + sums.in[1];
    load.compute = sums.compute[0] + sums.compute[1];
    load.out = sums.out[0] + sums.out[1];
    load.sync = sync(stage, sums.weights);
    if (problem_.schedule() == Schedule::gpipe) {
      load.forward = average(combine(sums.in[0], sums.compute[0], sums.out[0]), r, {});
      load.backward = average(combine(sums.in[1], sums.compute[1], sums.out[1]), r, load.sync);
      load.load = load.forward + load.backward;
    } else {
      load.load = average(combine(load.in, load.compute, load.out), r, load.sync);
    }
    return load;
  }

  // The stage after one: its micro-batches in flight, and the devices that take turns with them.
  struct Next {
    std::int64_t window = 0;  // 0: there is none
    std::int64_t replicas = 0;
  };
  // Turns of one of r devices from a micro-batch's forward pass to its backward pass, both counted.
  // What overlaps takes a turn: a transfer out and one in, of each stage, each way.
  [[nodiscard]] std::int64_t turns_until_back(const Next& next, std::int64_t r) const {
    const auto turns = [r](std::int64_t n) { return n / r + (n % r != 0 ? 1 : 0); };
    if (problem_.transfers() == model::Transfers::serial) return turns(next.window) + 1;
    return next.window == 0 ? 1 : turns(next.window + 2 * next.replicas) + 3;
  }

  [[nodiscard]] StageChoice holding_of(const Stage& stage, const Sums& sums,
                                       const Next& next) const {
    StageChoice held = sums.held;
    held.replicas = stage.choice->replicas;
    held.recompute = stage.choice->recompute;
    if (!training_) return held;
    const auto r = static_cast<std::int64_t>(devices_of(stage).size());
    const std::int64_t share = micro_batches_ / r;
    const std::int64_t waiting = turns_until_back(next, r);
    const Schedule schedule = problem_.schedule();
    held.in_flight = schedule == Schedule::gpipe   ? share
                     : schedule == Schedule::flush ? std::min(waiting, share)
                                                   : waiting;
    held.versions = schedule == Schedule::two_bw        ? 2
                    : schedule == Schedule::one_f_one_b ? held.in_flight
                                                        : 1;
    held.older_weights = Bytes(narrow(Wide(held.versions - 1) * sums.weights.count()));
    const std::int64_t stashes = held.recompute ? 1 : held.in_flight;
    held.activations = Bytes(
        narrow(Wide(held.in_flight) * sums.inputs.count() + Wide(stashes) * sums.stash.count()));
    return held;
  }

  // Replaces the next stage by this one.
  Fault check_stage(const Stage& stage, std::size_t s, Next& next) {
    const Sums sums = add_up(stage);
    const StageChoice held = holding_of(stage, sums, next);
    const auto replicas = static_cast<std::int64_t>(devices_of(stage).size());
    next = {held.in_flight * replicas, replicas};
    const StageChoice& said = *stage.choice;
    if (!(said == held)) {
      return fmt::format(
          "stage {} says that each device has {} micro-batches in flight, {} versions of the "
          "weights, and holds {} + {} + {} bytes (resident, older weights, activations); it is {}, "
          "{} and {} + {} + {}",
          s, said.in_flight, said.versions, said.resident.count(), said.older_weights.count(),
          said.activations.count(), held.in_flight, held.versions, held.resident.count(),
          held.older_weights.count(), held.activations.count());
    }
    DeviceLoad load = load_of(stage, sums);
    load.memory = held.resident + held.older_weights + held.activations;
    for (const DeviceId device : devices_of(stage)) {
      const DeviceLoad& given = plan_.devices[device.index()];
      if (!(given == load)) {
        return fmt::format(
            "the load of {} is given as {} ps with {} ps of synchronising and {} bytes; it is {} "
            "ps with {} ps and {} bytes",
            name(device), given.load.count(), given.sync.count(), given.memory.count(),
            load.load.count(), load.sync.count(), load.memory.count());
      }
      used_.insert(device);
    }
    const auto limit = problem_.memory(problem_.machine().class_of(stage.device));
    if (limit && load.memory > *limit) {
      return fmt::format("{} holds {} bytes and has {}: {} bytes short", name(stage.device),
                         load.memory.count(), limit->count(), (load.memory - *limit).count());
    }
    load_ = std::max(load_, load.load);
    forward_ = std::max(forward_, load.forward);
    backward_ = std::max(backward_, load.backward);
    return std::nullopt;
  }

  Fault check_unused_and_objective() const {
    for (std::size_t d = 0; d < plan_.devices.size(); ++d) {
      if (!used_.contains(DeviceId(d)) && !(plan_.devices[d] == DeviceLoad{})) {
        return fmt::format("{} has no stage, but a load or memory", name(DeviceId(d)));
      }
    }
    const bool by_phase = problem_.schedule() == Schedule::gpipe;
    const Duration objective = by_phase ? forward_ + backward_ : load_;
    if (plan_.objective == objective) return std::nullopt;
    return fmt::format("the objective is given as {} ps and is {} ps", plan_.objective.count(),
                       objective.count());
  }

  const Problem& problem_;
  const model::Graph& graph_;
  const Plan& plan_;
  bool training_;
  std::int64_t micro_batches_;
  std::set<DeviceId> used_;
  Duration load_{0}, forward_{0}, backward_{0};
};

}  // namespace

Fault find_fault_in_choices(const Problem& problem, const Plan& plan) {
  if (plan.devices.size() != problem.machine().num_devices()) {
    return fmt::format("loads are given for {} devices of {}", plan.devices.size(),
                       problem.machine().num_devices());
  }
  return Examiner(problem, plan).run();
}

}  // namespace cleave::check
