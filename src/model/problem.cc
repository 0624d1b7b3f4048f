#include "cleave/model/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <utility>

namespace cleave::model {

std::string_view to_string(Objective value) {
  return value == Objective::throughput ? "throughput" : "latency";
}
std::string_view to_string(Schedule value) {
  switch (value) {
    case Schedule::inference:
      return "inference";
    case Schedule::one_f_one_b:
      return "1f1b";
    case Schedule::gpipe:
      return "gpipe";
    case Schedule::flush:
      return "flush";
    case Schedule::two_bw:
      return "2bw";
  }
  return "inference";
}
std::string_view to_string(Transfers value) {
  switch (value) {
    case Transfers::serial:
      return "serial";
    case Transfers::half_duplex:
      return "half-duplex";
    case Transfers::full_duplex:
      return "full-duplex";
  }
  return "serial";
}
std::string_view to_string(PlacementRule value) {
  switch (value) {
    case PlacementRule::contiguous:
      return "contiguous";
    case PlacementRule::any:
      return "any";
    case PlacementRule::slots:
      return "slots";
  }
  return "contiguous";
}
std::string describe_placement(const Question& question) {
  const std::string_view rule = to_string(question.placement);
  return question.placement == PlacementRule::slots ? fmt::format("{}={}", rule, question.slots)
                                                    : std::string(rule);
}

std::string_view to_string(Recompute value) {
  switch (value) {
    case Recompute::never:
      return "never";
    case Recompute::always:
      return "always";
    case Recompute::choose:
      return "choose";
  }
  return "never";
}

namespace {

// A pin or forbid with its device and operators found.
struct Rule {
  bool pin;
  std::optional<ClassId> device_class;
  std::optional<DeviceId> device;
  std::vector<OperatorId> operators;

  [[nodiscard]] bool names(const Machine& machine, DeviceId d) const {
    return device ? *device == d : machine.class_of(d) == *device_class;
  }
  // Whether the rule keeps its operators off the device.
  [[nodiscard]] bool excludes(const Machine& machine, DeviceId d) const {
    return names(machine, d) != pin;
  }
};

std::string quote(const DeviceRule& rule, bool pin) {
  return fmt::format("{} '{}={}'", pin ? "pin" : "forbid", rule.pattern, rule.device);
}

base::Error unknown_device(const Machine& machine, const DeviceRule& rule, bool pin) {
  std::string known;
  for (const DeviceClass& c : machine.classes()) {
    known += (known.empty() ? "" : ", ") + c.name;
    if (!c.pool) known += fmt::format(" ({}0 to {}{})", c.name, c.name, c.count - 1);
  }
  return base::bad_input(fmt::format("{} names a device the machine does not have; it has {}",
                                     quote(rule, pin), known));
}

// A backtracking matcher can take exponential time and a stack as deep as the name is long.
#ifdef __GLIBCXX__
constexpr auto kSyntax = std::regex::ECMAScript | std::regex_constants::__polynomial;
#else
constexpr auto kSyntax = std::regex::ECMAScript;
#endif
constexpr std::size_t kMaxPattern = 1000;
constexpr std::size_t kMaxMatchedName = 4096;

base::Result<std::vector<OperatorId>> find_matches(const Graph& graph, const DeviceRule& rule,
                                                   bool pin) {
  if (rule.pattern.size() > kMaxPattern) {
    return base::bad_input(
        fmt::format("the pattern of a {} has {} characters; at most {} are taken",
                    pin ? "pin" : "forbid", rule.pattern.size(), kMaxPattern));
  }
  std::vector<OperatorId> matches;
  try {
    const std::regex pattern(rule.pattern, kSyntax);
    for (std::size_t v = 0; v < graph.num_operators(); ++v) {
      const OperatorId op(v);
      if (std::max(graph.name(op).size(), graph.id(op).size()) > kMaxMatchedName) {
        return base::bad_input(fmt::format(
            "{} cannot be matched against operator number {}, whose name or id has more than {} "
            "characters",
            quote(rule, pin), v, kMaxMatchedName));
      }
      if (std::regex_search(graph.name(op), pattern) || std::regex_search(graph.id(op), pattern)) {
        matches.push_back(op);
      }
    }
  } catch (const std::regex_error& error) {
    return base::bad_input(fmt::format("{}: the pattern is not a regular expression ({})",
                                       quote(rule, pin), error.what()));
  }
  if (matches.empty()) return base::bad_input(quote(rule, pin) + " matches no operator");
  return matches;
}

base::Result<std::vector<Rule>> find_rules(const Graph& graph, const Machine& machine,
                                           const Question& question) {
  std::vector<Rule> rules;
  for (const bool pin : {true, false}) {
    for (const DeviceRule& rule : pin ? question.pins : question.forbids) {
      const auto device_class = machine.find_class(rule.device);
      const auto device = machine.find_device(rule.device);
      if (!device_class && !device) return unknown_device(machine, rule, pin);
      auto matches = find_matches(graph, rule, pin);
      if (!matches) return matches.error();
      rules.push_back(Rule{pin, device_class, device, std::move(matches).value()});
    }
  }
  return rules;
}

// What only one of the objectives knows.
base::Status check_objective(const Question& question) {
  if (question.objective == Objective::throughput) {
    if (question.placement == PlacementRule::slots) {
      return base::bad_input("placement 'slots' is for objective 'latency'; use contiguous or any");
    }
    if (question.workers) return base::bad_input("workers are for objective 'latency'");
    return std::monostate{};
  }
  if (question.slots < 1) {
    return base::bad_input(
        fmt::format("an accelerator with {} slots holds no call; at least 1 is "
                    "needed",
                    question.slots));
  }
  if (question.workers.value_or(1) < 1) {
    return base::bad_input(
        fmt::format("a pool of {} workers does nothing; at least 1 is needed", *question.workers));
  }
  if (question.schedule.value_or(Schedule::inference) != Schedule::inference) {
    return base::bad_input(fmt::format(
        "schedule '{}' is for a stream of samples, and objective 'latency' is about one; leave the "
        "schedule out",
        to_string(*question.schedule)));
  }
  return std::monostate{};
}

std::size_t count_slots(const Graph& graph, const Question& question) {
  const std::size_t most = graph.num_operators();
  switch (question.placement) {
    case PlacementRule::contiguous:
      return 1;
    case PlacementRule::any:
      return most;
    case PlacementRule::slots:
      return std::min(most, static_cast<std::size_t>(question.slots));
  }
  return 1;
}

base::Result<Schedule> choose_schedule(const Graph& graph, const Question& question) {
  if (question.objective == Objective::latency) return Schedule::inference;
  const Schedule fitting = graph.has_backward() ? Schedule::one_f_one_b : Schedule::inference;
  const Schedule chosen = question.schedule.value_or(fitting);
  if (chosen == Schedule::inference && graph.has_backward()) {
    return base::bad_input(
        "the graph has backward operators, so schedule 'inference' does not apply; use 1f1b or "
        "gpipe");
  }
  if ((chosen == Schedule::flush || chosen == Schedule::two_bw) && !question.stages) {
    return base::bad_input(fmt::format(
        "schedule '{}' is about batches: say how many micro-batches each has", to_string(chosen)));
  }
  return chosen;
}

// The column of operator times of every class.
base::Result<std::vector<std::size_t>> find_columns(const Graph& graph, const Machine& machine) {
  std::vector<std::size_t> columns;
  for (const DeviceClass& c : machine.classes()) {
    const auto column = graph.find_time_column(c.times);
    if (!column) {
      return base::bad_input(fmt::format(
          "device class '{}' takes operator times from '{}', but the graph has times for '{}' "
          "only; set 'times' of the class to one of them",
          c.name, c.times, fmt::join(graph.time_columns(), "', '")));
    }
    columns.push_back(*column);
  }
  return columns;
}

__extension__ using Wide = __int128;

// latency + bytes / bandwidth, rounded up to whole picoseconds; nullopt on overflow.
std::optional<Duration> link_time(const Link& link, Bytes bytes) {
  constexpr Wide kPicosecondsPerSecond = 1'000'000'000'000;
  const Wide rate = link.bytes_per_second;
  const Wide moving = (Wide(bytes.count()) * kPicosecondsPerSecond + rate - 1) / rate;
  const Wide total = moving + link.latency.count();
  if (total > base::kMaxDuration.count()) return std::nullopt;
  return Duration(static_cast<std::int64_t>(total));
}

base::Error no_price(const Graph& graph, TensorId tensor, const DeviceClass& device_class) {
  const std::string& id = graph.id(graph.producer(tensor));
  if (device_class.link) {
    return base::bad_input(
        fmt::format("a tensor of operator '{}' has neither a size nor a transfer time; device "
                    "class '{}' needs one of them",
                    id, device_class.name));
  }
  return base::bad_input(fmt::format(
      "a tensor of operator '{}' has no transfer time, and device class '{}' describes no link "
      "that would price it by size",
      id, device_class.name));
}

// Every tensor needs a price on every class that pays for transfers, and the prices a finite sum.
base::Status check_prices(const Graph& graph, const DeviceClass& device_class,
                          const std::optional<Link>& link) {
  Duration total{0};
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    const auto bytes = graph.bytes(tensor);
    const bool by_size = link && bytes;
    if (!by_size && !graph.transfer(tensor)) return no_price(graph, tensor, device_class);
    const auto price = by_size ? link_time(*link, *bytes) : graph.transfer(tensor);
    if (!price || *price > base::kMaxDuration / 4 - total) {
      return base::bad_input(fmt::format(
          "moving all tensors to device class '{}' takes longer than can be represented (at a "
          "tensor of operator '{}')",
          device_class.name, graph.id(graph.producer(tensor))));
    }
    total += *price;
  }
  return std::monostate{};
}

// The machine's devices, told apart by what they may hold.
struct Kinds {
  std::vector<Kind> kinds;
  std::vector<KindId> kind_of;             // [devices]
  std::vector<std::vector<bool>> allowed;  // [kinds][operators]
};

Kinds find_kinds(const Graph& graph, const Machine& machine,
                 const std::vector<std::size_t>& columns, const std::vector<Rule>& rules) {
  Kinds found;
  const auto allowed_on = [&](ClassId c, const std::vector<std::size_t>& excluding) {
    std::vector<bool> allowed(graph.num_operators());
    for (std::size_t v = 0; v < allowed.size(); ++v) {
      allowed[v] = graph.time(OperatorId(v), columns[c.index()]).has_value();
    }
    for (const std::size_t r : excluding) {
      for (const OperatorId op : rules[r].operators) allowed[op.index()] = false;
    }
    return allowed;
  };
  const auto kind_with = [&](ClassId c, std::vector<bool> allowed) {
    for (std::size_t k = 0; k < found.kinds.size(); ++k) {
      if (found.kinds[k].device_class == c && found.allowed[k] == allowed) return KindId(k);
    }
    found.kinds.push_back(Kind{c, {}});
    found.allowed.push_back(std::move(allowed));
    return KindId(found.kinds.size() - 1);
  };
  // Most devices are excluded by the same rules as another, which spares the look at operators.
  std::map<std::pair<ClassId, std::vector<std::size_t>>, KindId> by_rules;
  for (std::size_t d = 0; d < machine.num_devices(); ++d) {
    const DeviceId device(d);
    const ClassId c = machine.class_of(device);
    std::vector<std::size_t> excluding;
    for (std::size_t r = 0; r < rules.size(); ++r) {
      if (rules[r].excludes(machine, device)) excluding.push_back(r);
    }
    const auto [it, first] = by_rules.try_emplace({c, std::move(excluding)});
    if (first) it->second = kind_with(c, allowed_on(c, it->first.second));
    found.kinds[it->second.index()].devices.push_back(device);
    found.kind_of.push_back(it->second);
  }
  return found;
}

base::Error no_device(const Graph& graph, OperatorId op, const std::vector<std::size_t>& columns) {
  const bool supported = std::any_of(columns.begin(), columns.end(), [&](std::size_t column) {
    return graph.time(op, column).has_value();
  });
  const std::string& id = graph.id(op);
  return base::bad_input(
      supported ? fmt::format("pins and forbids leave no device for operator '{}'", id)
                : fmt::format("operator '{}' is supported by no device of this machine", id));
}

// A backward pass that is the mirror image of the forward pass: what is in flight follows from it.
base::Status check_mirrored(const Graph& graph) {
  const auto fault = [&](OperatorId op, std::string_view what) {
    return base::bad_input(fmt::format(
        "operator '{}' {}; where micro-batches in flight count, the backward pass has to mirror "
        "the forward pass: make the training graph from the forward graph",
        graph.id(op), what));
  };
  std::vector<bool> leads(graph.num_groups(), false);
  for (std::size_t g = 0; g < graph.num_groups(); ++g) {
    for (const OperatorId op : graph.members(GroupId(g))) {
      leads[g] = leads[g] || graph.phase(op) == Phase::forward;
    }
  }
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    if (graph.phase(op) == Phase::forward) continue;
    if (!graph.group(op) || !leads[graph.group(op)->index()]) {
      return fault(op, "is a backward operator without a forward one in its colocation group");
    }
  }
  std::set<std::pair<GroupId, GroupId>> mirrored;  // from consumer to producer
  const auto group = [&](OperatorId op) { return graph.group(op).value_or(GroupId()); };
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    if (graph.phase(producer) == Phase::backward) continue;
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      if (graph.phase(consumer) == Phase::forward)
        mirrored.emplace(group(consumer), group(producer));
    }
  }
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const OperatorId producer = graph.producer(TensorId(x));
    for (const OperatorId consumer : graph.consumers(TensorId(x))) {
      const bool backward = graph.phase(producer) == Phase::backward;
      if (!backward && graph.phase(consumer) == Phase::forward) continue;
      if (group(producer).valid() && group(producer) == group(consumer)) continue;
      if (!backward) return fault(producer, "feeds a backward operator outside its group");
      if (graph.phase(consumer) == Phase::forward) return fault(producer, "feeds a forward one");
      if (!mirrored.contains({group(producer), group(consumer)})) {
        return fault(producer, "sends a gradient where no forward tensor came from");
      }
    }
  }
  return std::monostate{};
}

base::Status check_replication(const Graph& graph, const Machine& machine,
                               const StageChoices& stages) {
  if (static_cast<std::size_t>(stages.max_replicas) > machine.num_devices()) {
    return base::bad_input(fmt::format("a stage may have {} replicas, but there are {} devices",
                                       stages.max_replicas, machine.num_devices()));
  }
  if (stages.max_replicas == 1 || !graph.has_backward()) return std::monostate{};
  for (const DeviceClass& c : machine.classes()) {
    if (c.pays_transfers && !c.link) {
      return base::bad_input(fmt::format(
          "replicas synchronise their weights, but device class '{}' describes no link to do it by",
          c.name));
    }
  }
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    if (graph.weights(OperatorId(v)) > Bytes(0)) return std::monostate{};
  }
  return base::bad_input(
      "replicas synchronise their weights, but no operator states any; give weight_bytes, or make "
      "the training graph from the forward graph");
}

base::Status check_stages(const Graph& graph, const Machine& machine, const Question& question,
                          std::size_t kinds) {
  const StageChoices& stages = *question.stages;
  if (question.objective != Objective::throughput ||
      question.placement != PlacementRule::contiguous) {
    return base::bad_input(
        "replicas, recomputation and micro-batches are for contiguous pipelines: objective "
        "throughput, placement contiguous");
  }
  if (stages.max_replicas < 1 || stages.micro_batches < 1) {
    return base::bad_input(
        fmt::format("{} replicas and {} micro-batches are asked for; at least 1 each is needed",
                    stages.max_replicas, stages.micro_batches));
  }
  if (stages.micro_batches > StageChoices::kMaxMicroBatches) {
    return base::bad_input(fmt::format("a batch of {} micro-batches is more than {}",
                                       stages.micro_batches, StageChoices::kMaxMicroBatches));
  }
  const bool servers = std::any_of(machine.classes().begin(), machine.classes().end(),
                                   [](const DeviceClass& c) { return c.server.has_value(); });
  if (servers && kinds > 1) {
    return base::bad_input(
        "servers with faster links inside are planned for only where all devices are alike: one "
        "class, and no pins or forbids that tell its devices apart");
  }
  if (auto status = check_replication(graph, machine, stages); !status) return status;
  return graph.has_backward() ? check_mirrored(graph) : std::monostate{};
}

}  // namespace

Duration Problem::transfer(TensorId tensor, ClassId c) const {
  const DeviceClass& device_class = machine().device_class(c);
  if (!device_class.pays_transfers) return Duration::zero();
  if (const auto bytes = graph().bytes(tensor); device_class.link && bytes) {
    return *link_time(*device_class.link, *bytes);
  }
  return *graph().transfer(tensor);
}

Duration Problem::transfer_in_server(TensorId tensor, ClassId c) const {
  const DeviceClass& device_class = machine().device_class(c);
  const auto bytes = graph().bytes(tensor);
  if (!device_class.server || !device_class.pays_transfers || !bytes) return transfer(tensor, c);
  return *link_time(device_class.server->link, *bytes);
}

base::Result<Problem> Problem::create(std::shared_ptr<const Graph> graph, Machine machine,
                                      Question question) {
  if (const auto status = check_objective(question); !status) return status.error();
  if (question.objective == Objective::latency) machine = machine.pooled();
  const auto schedule = choose_schedule(*graph, question);
  if (!schedule) return schedule.error();
  auto columns = find_columns(*graph, machine);
  if (!columns) return columns.error();
  for (const DeviceClass& c : machine.classes()) {
    if (!c.pays_transfers) continue;
    if (const auto status = check_prices(*graph, c, c.link); !status) return status.error();
    if (!c.server) continue;
    if (const auto status = check_prices(*graph, c, c.server->link); !status) {
      return status.error();
    }
  }
  const auto rules = find_rules(*graph, machine, question);
  if (!rules) return rules.error();

  Kinds found = find_kinds(*graph, machine, *columns, *rules);
  const std::size_t kinds = found.kinds.size();
  if (question.stages) {
    if (const auto status = check_stages(*graph, machine, question, kinds); !status) {
      return status.error();
    }
  }
  std::vector<bool> allowed(graph->num_operators() * kinds);
  for (std::size_t v = 0; v < graph->num_operators(); ++v) {
    bool anywhere = false;
    for (std::size_t k = 0; k < kinds; ++k) {
      allowed[v * kinds + k] = found.allowed[k][v];
      anywhere = anywhere || found.allowed[k][v];
    }
    if (!anywhere) return no_device(*graph, OperatorId(v), *columns);
  }
  const std::size_t slots = count_slots(*graph, question);
  return Problem(std::make_shared<Data>(Data{std::move(graph), std::move(machine),
                                             std::move(question), *schedule, slots,
                                             std::move(found.kinds), std::move(found.kind_of),
                                             std::move(allowed), std::move(columns).value()}));
}

}  // namespace cleave::model
