#include "simulate/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace cleave::simulate {

using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;
using model::Plan;
using model::Problem;
using model::Transfers;

namespace {

using Index = std::uint32_t;
constexpr Index kNone = static_cast<Index>(-1);

struct Item {
  Index wave = 0;
  bool late = false;  // only receives, at the end of the wave
  Index stage = 0;

  // Position on a sample's way: backward waves pass the stages in reverse.
  friend bool operator<(const Item& a, const Item& b) {
    if (a.wave != b.wave) return a.wave < b.wave;
    if (a.late != b.late) return b.late;
    return a.wave % 2 == 0 ? a.stage < b.stage : b.stage < a.stage;
  }
};

// [operators]: the stage.
base::Result<std::vector<Index>> locate(const Problem& problem, const Plan& plan) {
  const Graph& graph = problem.graph();
  std::vector<Index> stage_of(graph.num_operators(), kNone);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const model::Stage& stage = plan.stages[s];
    if (!stage.device.valid() || stage.device.index() >= problem.machine().num_devices()) {
      return base::bad_input(fmt::format("stage {} is on a device that the machine lacks", s));
    }
    for (const OperatorId op : stage.operators) {
      if (!op.valid() || op.index() >= stage_of.size()) {
        return base::bad_input(fmt::format("stage {} names an operator that the graph lacks", s));
      }
      if (stage_of[op.index()] != kNone) {
        return base::bad_input(fmt::format("operator '{}' is in two stages", graph.id(op)));
      }
      if (!problem.time(op, problem.machine().class_of(stage.device))) {
        return base::bad_input(fmt::format("operator '{}' is on {}, which does not support it",
                                           graph.id(op),
                                           problem.machine().device_name(stage.device)));
      }
      stage_of[op.index()] = static_cast<Index>(s);
    }
  }
  const auto missing = std::find(stage_of.begin(), stage_of.end(), kNone);
  if (missing != stage_of.end()) {
    const OperatorId op(static_cast<std::size_t>(missing - stage_of.begin()));
    return base::bad_input(fmt::format("operator '{}' is in no stage", graph.id(op)));
  }
  return stage_of;
}

// [operators]: the first wave in which all inputs can be there.
std::vector<Index> find_waves(const Graph& graph, const std::vector<Index>& stage_of) {
  std::vector<Index> waves(graph.num_operators());
  for (const OperatorId op : graph.topological_order()) {
    const Phase phase = graph.phase(op);
    Index wave = phase == Phase::forward ? 0 : 1;
    for (const TensorId tensor : graph.inputs(op)) {
      const OperatorId producer = graph.producer(tensor);
      const Index earlier = waves[producer.index()];
      const Item from{earlier, false, stage_of[producer.index()]};
      const Item to{earlier, false, stage_of[op.index()]};
      if (graph.phase(producer) != phase) {
        wave = std::max(wave, earlier + 1);
      } else {
        wave = std::max(wave, to < from ? earlier + 2 : earlier);
      }
    }
    waves[op.index()] = wave;
  }
  return waves;
}

class Writer {
 public:
  Writer(const Problem& problem, const Plan& plan, const std::vector<Index>& stage_of)
      : problem_(problem),
        graph_(problem.graph()),
        plan_(plan),
        stage_of_(stage_of),
        waves_(find_waves(graph_, stage_of)) {}

  Program write() && {
    for (const OperatorId op : graph_.topological_order()) {
      Parts& parts = items_[item_of(op)];
      parts.operators.push_back(op);
      parts.compute += problem_.time(op, class_of(device_of(op))).value_or(Duration::zero());
    }
    for (std::size_t x = 0; x < graph_.num_tensors(); ++x) move(TensorId(x));
    for (Index s = 0; s < plan_.stages.size(); ++s) add_choices(s);
    add_tasks();
    add_needs();
    Program program;
    program.tasks = std::move(tasks_);
    program.num_stages = plan_.stages.size();
    program.in_flight = in_flight();
    program.num_resources = problem_.machine().num_devices() * resources_per_device();
    program.num_waves = 1 + *std::max_element(waves_.begin(), waves_.end());
    program.has_late_receipts =
        std::any_of(items_.begin(), items_.end(), [](const auto& item) { return item.first.late; });
    return program;
  }

 private:
  struct Parts {
    Duration in{0};
    Duration compute{0};
    Duration fixed{0};  // of `compute`, what is not the operators'
    Duration out{0};
    std::vector<OperatorId> operators;
    Index in_task = kNone;
    Index compute_task = kNone;
    Index out_task = kNone;
  };
  // A tensor on its way to a device, and the item it is moved in for.
  struct Receipt {
    TensorId tensor;
    DeviceId device;
    Item item;
  };

  [[nodiscard]] DeviceId device_of(OperatorId op) const {
    return plan_.stages[stage_of_[op.index()]].device;
  }
  [[nodiscard]] ClassId class_of(DeviceId device) const {
    return problem_.machine().class_of(device);
  }
  [[nodiscard]] Item item_of(OperatorId op) const {
    return {waves_[op.index()], false, stage_of_[op.index()]};
  }

  // What the backward pass takes besides, where the stage recomputes or synchronises.
  void add_choices(Index s) {
    const auto& choice = plan_.stages[s].choice;
    if (!choice || !graph_.has_backward()) return;
    const auto forward = items_.find(Item{0, false, s});
    const auto backward = items_.find(Item{1, false, s});
    if (forward == items_.end() || backward == items_.end()) return;
    if (choice->recompute) {
      backward->second.compute += forward->second.compute;
      // Jitter strikes the second run of an operator as the first.
      auto& again = backward->second.operators;
      const auto& operators = forward->second.operators;
      again.insert(again.end(), operators.begin(), operators.end());
    }
    const Duration sync = synchronisation(s);
    const std::int64_t share = problem_.question().stages->micro_batches / replicas(s);
    backward->second.fixed = Duration((sync.count() + share - 1) / share);
    backward->second.compute += backward->second.fixed;
    if (problem_.transfers() == Transfers::half_duplex) {
      delay_one(s, {&Parts::in, &Parts::out}, backward->second.fixed);
    } else if (problem_.transfers() == Transfers::full_duplex) {
      delay_one(s, {&Parts::in}, backward->second.fixed);
      delay_one(s, {&Parts::out}, backward->second.fixed);
    }
  }
  // What synchronises does nothing else meanwhile: a link loses that time too. gpipe synchronises
  // in its backward phase.
  void delay_one(Index s, std::initializer_list<Duration Parts::*> transfers, Duration time) {
    for (const Index wave : {1U, 0U}) {
      if (wave == 0 && problem_.schedule() == model::Schedule::gpipe) return;
      Parts& parts = items_.at(Item{wave, false, s});
      for (Duration Parts::*transfer : transfers) {
        if (parts.*transfer == Duration::zero()) continue;
        parts.*transfer += time;
        return;
      }
    }
  }
  [[nodiscard]] std::int64_t replicas(Index s) const {
    const auto& choice = plan_.stages[s].choice;
    return choice ? 1 + static_cast<std::int64_t>(choice->replicas.size()) : 1;
  }
  // Once a batch: 2(r - 1) steps of the ring, each of which moves an r-th of the weights.
  [[nodiscard]] Duration synchronisation(Index s) const {
    const auto& device_class = problem_.machine().device_class(class_of(plan_.stages[s].device));
    const std::int64_t r = replicas(s);
    if (r == 1 || !device_class.pays_transfers) return Duration::zero();
    std::int64_t weights = 0;
    for (const OperatorId op : plan_.stages[s].operators) weights += graph_.weights(op).count();
    const model::Link& link = places_[s].together ? device_class.server->link : *device_class.link;
    __extension__ using Wide = __int128;
    const Wide piece = (weights + r - 1) / r;
    const Wide step =
        (piece * 1'000'000'000'000 + link.bytes_per_second - 1) / link.bytes_per_second +
        link.latency.count();
    return Duration(static_cast<std::int64_t>(2 * (r - 1) * step));
  }

  // Where a stage is, in servers: all in one, and with a neighbour there before or after it.
  struct Place {
    bool together = false;
    bool before = false;
    bool after = false;
  };
  [[nodiscard]] std::vector<Place> find_places() const {
    std::vector<Place> places;
    for (const model::Stage& stage : plan_.stages) {
      Place& place = places.emplace_back();
      const ClassId c = class_of(stage.device);
      const auto& server = problem_.machine().device_class(c).server;
      if (!server || !stage.choice) continue;
      const std::int64_t base = problem_.machine().first_device(c).value();
      const std::int64_t first = stage.device.value() - base;
      const auto& others = stage.choice->replicas;
      const std::int64_t last = others.empty() ? first : others.back().value() - base;
      place.together = first / server->devices == last / server->devices;
      place.before = place.together && first % server->devices > 0;
      place.after = place.together && (last + 1) % server->devices > 0;
    }
    return places;
  }
  // Time to move a tensor that the producer's wave sends, or brings, over a border of the stage.
  [[nodiscard]] Duration price(TensorId tensor, Index s, bool leaves) const {
    const bool forward = graph_.phase(graph_.producer(tensor)) == Phase::forward;
    const bool inside = forward == leaves ? places_[s].after : places_[s].before;
    const ClassId c = class_of(plan_.stages[s].device);
    return inside ? problem_.transfer_in_server(tensor, c) : problem_.transfer(tensor, c);
  }

  [[nodiscard]] std::vector<std::int64_t> in_flight() const {
    std::vector<std::int64_t> counts(plan_.stages.size());
    // Rounds of the stage's own that a transfer takes; none where it is part of an item.
    const std::int64_t hop = problem_.transfers() == Transfers::serial ? 0 : 1;
    std::int64_t away = 0;  // micro-batches gone to the next stage and not come back
    for (Index s = static_cast<Index>(counts.size()); s-- > 0;) {
      const std::int64_t r = replicas(s);
      counts[s] = away == 0 ? 1 : (away + r - 1) / r + 1 + 2 * hop;
      away = (counts[s] + 2 * hop) * r;
    }
    return counts;
  }

  // Books the transfers of a tensor: once out of its device, once into each other one.
  void move(TensorId tensor) {
    const OperatorId producer = graph_.producer(tensor);
    const DeviceId sender = device_of(producer);
    std::map<DeviceId, Item> first;  // consuming item on each other device
    for (const OperatorId consumer : graph_.consumers(tensor)) {
      if (device_of(consumer) == sender) continue;
      const Item item = item_of(consumer);
      const auto [at, added] = first.try_emplace(device_of(consumer), item);
      if (!added) at->second = std::min(at->second, item);
    }
    if (first.empty()) return;
    items_[item_of(producer)].out += price(tensor, stage_of_[producer.index()], true);
    const Index wave = waves_[producer.index()];
    for (auto [device, item] : first) {
      const Duration time = price(tensor, item.stage, false);
      if (time == Duration::zero()) continue;
      if (item.wave % 2 != wave % 2) item = {wave, true, item.stage};
      items_[item].in += time;
      receipts_.push_back({tensor, device, item});
    }
  }

  [[nodiscard]] Index resources_per_device() const {
    switch (problem_.transfers()) {
      case Transfers::serial:
        return 1;
      case Transfers::half_duplex:
        return 2;
      case Transfers::full_duplex:
        return 3;
    }
    return 1;
  }
  [[nodiscard]] Index resource_of(DeviceId device, Activity activity) const {
    const Index per_device = resources_per_device();
    const auto first = static_cast<Index>(device.index()) * per_device;
    if (per_device == 2) return first + (activity == Activity::compute ? 0 : 1);
    return first + (per_device == 3 ? static_cast<Index>(activity) : 0);
  }

  void add_tasks() {
    Index number = 0;
    for (auto& [item, parts] : items_) {
      if (parts.in > Duration::zero()) parts.in_task = add(item, number, Activity::in, parts.in);
      if (!item.late) {
        parts.compute_task = add(item, number, Activity::compute, parts.compute);
        tasks_.back().operators = std::move(parts.operators);
        tasks_.back().fixed = parts.fixed;
      }
      if (parts.out > Duration::zero()) {
        parts.out_task = add(item, number, Activity::out, parts.out);
      }
      ++number;
    }
  }
  Index add(const Item& item, Index number, Activity activity, Duration duration) {
    Task task;
    const model::Stage& stage = plan_.stages[item.stage];
    task.workers.push_back({stage.device, resource_of(stage.device, activity)});
    if (stage.choice) {
      for (const DeviceId device : stage.choice->replicas) {
        task.workers.push_back({device, resource_of(device, activity)});
      }
    }
    task.stage = item.stage;
    task.item = number;
    task.phase = item.wave % 2 == 0 ? Phase::forward : Phase::backward;
    task.activity = activity;
    task.duration = duration;
    tasks_.push_back(std::move(task));
    return static_cast<Index>(tasks_.size() - 1);
  }

  void add_needs() {
    for (const Receipt& receipt : receipts_) {
      const Index in = items_.at(receipt.item).in_task;
      tasks_[in].needs.push_back(source_of(receipt.tensor));
      received_.emplace(std::pair(receipt.tensor, receipt.device), in);
    }
    for (std::size_t x = 0; x < graph_.num_tensors(); ++x) {
      for (const OperatorId consumer : graph_.consumers(TensorId(x))) need(TensorId(x), consumer);
    }
    for (auto& [item, parts] : items_) {
      if (parts.in_task != kNone && parts.compute_task != kNone) {
        tasks_[parts.compute_task].needs.push_back(parts.in_task);
      }
      if (parts.out_task != kNone) tasks_[parts.out_task].needs.push_back(parts.compute_task);
    }
    for (Task& task : tasks_) {
      std::sort(task.needs.begin(), task.needs.end());
      task.needs.erase(std::unique(task.needs.begin(), task.needs.end()), task.needs.end());
    }
  }

  // What has to be done before the tensor is in host memory.
  [[nodiscard]] Index source_of(TensorId tensor) const {
    const Parts& parts = items_.at(item_of(graph_.producer(tensor)));
    return parts.out_task != kNone ? parts.out_task : parts.compute_task;
  }

  void need(TensorId tensor, OperatorId consumer) {
    const OperatorId producer = graph_.producer(tensor);
    const Index compute = items_.at(item_of(consumer)).compute_task;
    Index before = kNone;
    if (device_of(consumer) == device_of(producer)) {
      before = items_.at(item_of(producer)).compute_task;
    } else {
      const auto receipt = received_.find(std::pair(tensor, device_of(consumer)));
      before = receipt != received_.end() ? receipt->second : source_of(tensor);
    }
    if (before != compute) tasks_[compute].needs.push_back(before);
  }

  const Problem& problem_;
  const Graph& graph_;
  const Plan& plan_;
  const std::vector<Index>& stage_of_;
  const std::vector<Index> waves_;
  std::vector<Place> places_ = find_places();  // [stages]
  std::map<Item, Parts> items_;                // in the order in which a sample passes them
  std::vector<Receipt> receipts_;
  std::map<std::pair<TensorId, DeviceId>, Index> received_;  // the tasks that do it
  std::vector<Task> tasks_;
};

}  // namespace

base::Result<Program> write_program(const Problem& problem, const Plan& plan) {
  const auto stage_of = locate(problem, plan);
  if (!stage_of) return stage_of.error();
  return Writer(problem, plan, *stage_of).write();
}

}  // namespace cleave::simulate
