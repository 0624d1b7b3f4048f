#include "cleave/model/problem.h"

#include <fmt/format.h>

#include <regex>
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
  return value == PlacementRule::contiguous ? "contiguous" : "any";
}

namespace {

struct Target {
  std::optional<ClassId> device_class;
  std::optional<DeviceId> device;
  [[nodiscard]] bool covers(const Machine& machine, DeviceId d) const {
    return device ? *device == d : machine.class_of(d) == *device_class;
  }
};

base::Result<Target> find_target(const Machine& machine, const DeviceRule& rule,
                                 std::string_view what) {
  Target target{machine.find_class(rule.device), machine.find_device(rule.device)};
  if (target.device_class || target.device) return target;
  std::string known;
  for (const DeviceClass& c : machine.classes()) {
    known += fmt::format("{}{} ({}0 to {}{})", known.empty() ? "" : ", ", c.name, c.name, c.name,
                         c.count - 1);
  }
  return base::bad_input(
      fmt::format("{} '{}={}' names a device the machine does not have; it has {}", what,
                  rule.pattern, rule.device, known));
}

base::Result<std::vector<OperatorId>> find_matches(const Graph& graph, const DeviceRule& rule,
                                                   std::string_view what) {
  std::vector<OperatorId> matches;
  try {
    const std::regex pattern(rule.pattern, std::regex::ECMAScript | std::regex::optimize);
    for (std::size_t v = 0; v < graph.num_operators(); ++v) {
      const OperatorId op(v);
      if (std::regex_search(graph.name(op), pattern) || std::regex_search(graph.id(op), pattern)) {
        matches.push_back(op);
      }
    }
  } catch (const std::regex_error& error) {
    return base::bad_input(fmt::format("{} '{}={}': the pattern is not a regular expression ({})",
                                       what, rule.pattern, rule.device, error.what()));
  }
  if (matches.empty()) {
    return base::bad_input(
        fmt::format("{} '{}={}' matches no operator", what, rule.pattern, rule.device));
  }
  return matches;
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

}  // namespace

Duration Problem::transfer(TensorId tensor, ClassId c) const {
  const DeviceClass& device_class = machine().device_class(c);
  if (!device_class.pays_transfers) return Duration::zero();
  if (const auto bytes = graph().bytes(tensor); device_class.link && bytes) {
    return *link_time(*device_class.link, *bytes);
  }
  return graph().transfer(tensor).value_or(Duration::zero());
}

base::Result<Problem> Problem::create(std::shared_ptr<const Graph> graph, Machine machine,
                                      Question question) {
  auto data = std::make_shared<Data>(Data{std::move(graph),
                                          std::move(machine),
                                          std::move(question),
                                          Schedule::inference,
                                          {},
                                          {},
                                          {},
                                          {}});
  const Graph& g = *data->graph;
  const Machine& m = data->machine;
  const std::size_t n = g.num_operators();

  data->schedule = data->question.schedule.value_or(g.has_backward() ? Schedule::one_f_one_b
                                                                     : Schedule::inference);
  if (data->schedule == Schedule::inference && g.has_backward()) {
    return base::bad_input(
        "the graph has backward operators, so schedule 'inference' does not "
        "apply; use 1f1b or gpipe");
  }

  for (const DeviceClass& c : m.classes()) {
    const auto column = g.find_time_column(c.times);
    if (!column) {
      std::string known;
      for (const std::string& name : g.time_columns()) {
        known += (known.empty() ? "'" : ", '") + name + "'";
      }
      return base::bad_input(fmt::format(
          "device class '{}' takes operator times from '{}', but the graph has times for {} only; "
          "set 'times' of the class to one of them",
          c.name, c.times, known));
    }
    data->column_of_class.push_back(*column);
  }

  // Every tensor needs a price on every class that pays for transfers.
  for (std::size_t c = 0; c < m.num_classes(); ++c) {
    const DeviceClass& device_class = m.classes()[c];
    if (!device_class.pays_transfers) continue;
    Duration total{0};
    for (std::size_t x = 0; x < g.num_tensors(); ++x) {
      const TensorId tensor(x);
      const auto bytes = g.bytes(tensor);
      const auto given = g.transfer(tensor);
      std::optional<Duration> price = given;
      if (device_class.link && bytes) {
        price = link_time(*device_class.link, *bytes);
        if (price) price = std::min(*price, base::kMaxDuration);
      } else if (!given) {
        return base::bad_input(fmt::format(
            "a tensor of operator '{}' has {}, but device class '{}' {}; give the tensor a "
            "transfer "
            "time or the class a link",
            g.id(g.producer(tensor)),
            bytes ? "a size and no transfer time" : "neither a size nor a transfer time",
            device_class.name, device_class.link ? "prices tensors by size" : "describes no link"));
      }
      if (!price || *price > base::kMaxDuration / 4 - total) {
        return base::bad_input(fmt::format(
            "moving all tensors to device class '{}' takes longer than can be represented (at a "
            "tensor of operator '{}')",
            device_class.name, g.id(g.producer(tensor))));
      }
      total += *price;
    }
  }

  // allowed[v][d] as classes of devices with equal columns.
  const std::size_t devices = m.num_devices();
  std::vector<std::vector<bool>> by_rule;  // one column a distinct set of rules, over operators
  std::vector<std::size_t> column_of_device(devices);
  {
    std::vector<std::vector<std::int32_t>> signature(devices);  // excluded by which rules
    std::vector<std::pair<bool, std::vector<OperatorId>>> rules;
    std::vector<Target> targets;
    for (const bool pin : {true, false}) {
      for (const DeviceRule& rule : pin ? data->question.pins : data->question.forbids) {
        const std::string_view what = pin ? "pin" : "forbid";
        auto target = find_target(m, rule, what);
        if (!target) return target.error();
        auto matches = find_matches(g, rule, what);
        if (!matches) return matches.error();
        targets.push_back(*target);
        rules.emplace_back(pin, std::move(matches).value());
      }
    }
    for (std::size_t d = 0; d < devices; ++d) {
      for (std::size_t r = 0; r < rules.size(); ++r) {
        const bool covered = targets[r].covers(m, DeviceId(d));
        if (covered != rules[r].first) signature[d].push_back(static_cast<std::int32_t>(r));
      }
    }
    std::vector<std::pair<ClassId, std::vector<std::int32_t>>> known;
    for (std::size_t d = 0; d < devices; ++d) {
      const auto key = std::pair(m.class_of(DeviceId(d)), signature[d]);
      std::size_t k = 0;
      while (k < known.size() && known[k] != key) ++k;
      if (k == known.size()) {
        known.push_back(key);
        data->kinds.push_back(Kind{key.first, {}});
        std::vector<bool> column(n, true);
        for (const std::int32_t r : key.second) {
          for (const OperatorId op : rules[static_cast<std::size_t>(r)].second) {
            column[op.index()] = false;
          }
        }
        by_rule.push_back(std::move(column));
      }
      data->kinds[k].devices.push_back(DeviceId(d));
      data->kind_of.push_back(KindId(k));
    }
  }
  const std::size_t kinds = data->kinds.size();
  data->allowed.assign(n * kinds, false);
  for (std::size_t v = 0; v < n; ++v) {
    bool supported = false;
    bool anywhere = false;
    for (std::size_t k = 0; k < kinds; ++k) {
      const bool runs =
          g.time(OperatorId(v), data->column_of_class[data->kinds[k].device_class.index()])
              .has_value();
      supported = supported || runs;
      data->allowed[v * kinds + k] = runs && by_rule[k][v];
      anywhere = anywhere || data->allowed[v * kinds + k];
    }
    if (!anywhere) {
      const std::string& id = g.id(OperatorId(v));
      return base::bad_input(
          supported ? fmt::format("pins and forbids leave no device for operator '{}'", id)
                    : fmt::format("operator '{}' is supported by no device of this machine", id));
    }
  }
  return Problem(std::move(data));
}

}  // namespace cleave::model
