#include "report/page_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace cleave::report {

using base::Bytes;
using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::DeviceLoad;
using model::Graph;
using model::Plan;
using model::Problem;
using Json = nlohmann::ordered_json;

namespace {

Json number(std::optional<Duration> time) { return time ? Json(time->count()) : Json(nullptr); }
Json number(std::optional<Bytes> bytes) { return bytes ? Json(bytes->count()) : Json(nullptr); }

Json answer_of(const Page& page) {
  const Plan& plan = page.plan;
  const bool compares = plan.has_placement() && page.simple != nullptr;
  const bool bounded = plan.status != model::PlanStatus::infeasible;
  return {{"sentence", describe_answer(plan)},
          {"advantage", compares ? Json(describe_advantage(plan, *page.simple)) : Json(nullptr)},
          {"status", to_string(plan.status)},
          {"objective", plan.has_placement() ? number(plan.objective) : Json(nullptr)},
          {"bound", bounded ? number(plan.bound.value) : Json(nullptr)},
          {"gap", plan.has_placement() ? Json(format_percent(plan.gap())) : Json(nullptr)},
          {"bound_method", plan.bound.method},
          {"latency", page.problem.question().objective == model::Objective::latency}};
}

// How the transfer model makes a load of its parts.
std::string describe_load(const DeviceLoad& load, model::Transfers transfers) {
  const auto share = [&](Duration part) {
    const auto whole = static_cast<double>(std::max<std::int64_t>(load.load.count(), 1));
    return fmt::format("{:.0f}%", 100 * static_cast<double>(part.count()) / whole);
  };
  if (load.load == Duration::zero()) return "idle";
  switch (transfers) {
    case model::Transfers::serial:
      return fmt::format("{} computing, {} moving data", share(load.compute),
                         share(load.in + load.out));
    case model::Transfers::half_duplex:
      return load.compute >= load.in + load.out ? "computing; moving data hides behind it"
                                                : "moving data; computing hides behind it";
    case model::Transfers::full_duplex:
      if (load.compute >= std::max(load.in, load.out)) {
        return "computing; moving data hides behind it";
      }
      return load.in >= load.out ? "moving data in; the rest hides behind it"
                                 : "moving data out; the rest hides behind it";
  }
  return {};
}

// What about each device sets the pace of the whole; empty where nothing does.
std::vector<std::string> mark_bottlenecks(const Problem& problem, const Plan& plan) {
  std::vector<std::string> marks(plan.devices.size());
  if (problem.question().objective != model::Objective::throughput) return marks;
  const auto mark = [&](Duration DeviceLoad::*part, std::string_view text) {
    Duration most{0};
    for (const DeviceLoad& load : plan.devices) most = std::max(most, load.*part);
    for (std::size_t d = 0; d < marks.size(); ++d) {
      if (most == Duration::zero() || plan.devices[d].*part != most) continue;
      marks[d] += marks[d].empty() ? "" : ", ";
      marks[d] += text;
    }
  };
  if (problem.schedule() == model::Schedule::gpipe) {
    mark(&DeviceLoad::forward, "slowest forward pass");
    mark(&DeviceLoad::backward, "slowest backward pass");
  } else {
    mark(&DeviceLoad::load, "bottleneck");
  }
  return marks;
}

Json devices_of(const Problem& problem, const Plan& plan) {
  const std::vector<std::string> marks = mark_bottlenecks(problem, plan);
  const bool phases = problem.schedule() == model::Schedule::gpipe;
  Json devices = Json::array();
  for (std::size_t d = 0; d < plan.devices.size(); ++d) {
    const DeviceId device(d);
    const DeviceLoad& load = plan.devices[d];
    const ClassId c = problem.machine().class_of(device);
    Json entry{{"name", problem.machine().device_name(device)},
               {"class", problem.machine().device_class(c).name},
               {"load", number(load.load)},
               {"in", number(load.in)},
               {"compute", number(load.compute)},
               {"out", number(load.out)},
               {"memory", number(load.memory)},
               {"memory_limit", number(problem.memory(c))},
               {"mark", marks[d]},
               {"limited_by", describe_load(load, problem.transfers())}};
    if (phases) {
      entry["forward"] = number(load.forward);
      entry["backward"] = number(load.backward);
    }
    devices.push_back(std::move(entry));
  }
  return devices;
}

Json stages_of(const Plan& plan, bool latency) {
  Json stages = Json::array();
  for (const model::Stage& stage : plan.stages) {
    Json operators = Json::array();
    for (const OperatorId op : stage.operators) operators.push_back(op.value());
    Json entry{{"device", stage.device.value()}, {"operators", std::move(operators)}};
    if (latency) {
      entry["start"] = number(stage.start);
      entry["finish"] = number(stage.finish);
    }
    stages.push_back(std::move(entry));
  }
  return stages;
}

// Columns, by OperatorId. A name that is the id is left out.
Json operators_of(const Problem& problem, const Plan& plan) {
  const Graph& graph = problem.graph();
  Json ids = Json::array();
  Json names = Json::array();
  Json times = Json::array();
  Json memory = Json::array();
  Json backward = Json::array();
  for (std::size_t v = 0; v < graph.num_operators(); ++v) {
    const OperatorId op(v);
    const ClassId c = problem.machine().class_of(plan.placement[v]);
    ids.push_back(graph.id(op));
    names.push_back(graph.name(op) == graph.id(op) ? Json(0) : Json(graph.name(op)));
    times.push_back(number(problem.time(op, c)));
    memory.push_back(graph.memory(op).count());
    if (graph.phase(op) == model::Phase::backward) backward.push_back(v);
  }
  return {{"ids", std::move(ids)},
          {"names", std::move(names)},
          {"times", std::move(times)},
          {"memory", std::move(memory)},
          {"backward", std::move(backward)}};
}

// Columns; the consumers of all tensors one after another, so many for each.
Json tensors_of(const Graph& graph) {
  Json producers = Json::array();
  Json bytes = Json::array();
  Json counts = Json::array();
  Json consumers = Json::array();
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    producers.push_back(graph.producer(tensor).value());
    bytes.push_back(number(graph.bytes(tensor)));
    counts.push_back(graph.consumers(tensor).size());
    for (const OperatorId op : graph.consumers(tensor)) consumers.push_back(op.value());
  }
  return {{"producers", std::move(producers)},
          {"bytes", std::move(bytes)},
          {"counts", std::move(counts)},
          {"consumers", std::move(consumers)}};
}

// Columns; an entry for each tensor and each other device that consumes it.
Json crossings_of(const Problem& problem, const Plan& plan) {
  const Graph& graph = problem.graph();
  Json tensors = Json::array();
  Json targets = Json::array();
  Json out = Json::array();
  Json in = Json::array();
  std::vector<DeviceId> reached;
  for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
    const TensorId tensor(x);
    const DeviceId from = plan.placement[graph.producer(tensor).index()];
    reached.clear();
    for (const OperatorId op : graph.consumers(tensor)) {
      const DeviceId to = plan.placement[op.index()];
      if (to != from) reached.push_back(to);
    }
    std::sort(reached.begin(), reached.end());
    reached.erase(std::unique(reached.begin(), reached.end()), reached.end());
    for (const DeviceId to : reached) {
      tensors.push_back(x);
      targets.push_back(to.value());
      out.push_back(number(problem.transfer(tensor, problem.machine().class_of(from))));
      in.push_back(number(problem.transfer(tensor, problem.machine().class_of(to))));
    }
  }
  return {{"tensors", std::move(tensors)},
          {"targets", std::move(targets)},
          {"out", std::move(out)},
          {"in", std::move(in)}};
}

// Slices in columns; a start is told by its distance from the one before.
Json slices_of(const simulate::Timeline& timeline) {
  Json starts = Json::array();
  Json lengths = Json::array();
  Json devices = Json::array();
  Json stages = Json::array();
  Json micro_batches = Json::array();
  Json kinds = Json::array();
  Duration before{0};
  const std::size_t count = std::min(timeline.slices.size(), kMostSlices);
  for (std::size_t i = 0; i < count; ++i) {
    const simulate::Slice& slice = timeline.slices[i];
    starts.push_back((slice.start - before).count());
    lengths.push_back((slice.end - slice.start).count());
    devices.push_back(slice.device.value());
    stages.push_back(slice.stage);
    micro_batches.push_back(slice.micro_batch);
    constexpr int kActivities = 3;
    kinds.push_back(static_cast<int>(slice.activity) +
                    (slice.phase == model::Phase::backward ? kActivities : 0));
    before = slice.start;
  }
  return {{"starts", std::move(starts)},   {"lengths", std::move(lengths)},
          {"devices", std::move(devices)}, {"stages", std::move(stages)},
          {"kinds", std::move(kinds)},     {"micro_batches", std::move(micro_batches)}};
}

Json timeline_of(const Page& page) {
  if (page.timeline == nullptr) return nullptr;
  const simulate::Timeline& timeline = *page.timeline;
  Json uses = Json::array();
  for (const simulate::DeviceUse& use : timeline.devices) {
    uses.push_back({{"busy", number(use.busy)},
                    {"bubble", number(timeline.makespan - use.busy)},
                    {"in_flight", use.in_flight},
                    {"versions", use.versions}});
  }
  return {{"schedule", to_string(timeline.schedule)},
          {"micro_batches", timeline.micro_batches},
          {"batch", timeline.batch},
          {"depth", timeline.depth},
          {"makespan", number(timeline.makespan)},
          {"rate", number(timeline.rate.per_micro_batch())},
          {"num_slices", timeline.slices.size()},
          {"uses", std::move(uses)},
          {"slices", slices_of(timeline)}};
}

Json rivals_of(const Page& page) {
  Json rivals = Json::array();
  for (const Rival& rival : page.rivals) {
    rivals.push_back({{"name", rival.name},
                      {"objective", number(rival.objective)},
                      {"feasible", rival.feasible},
                      {"note", rival.note}});
  }
  return rivals;
}

Json history_of(const Plan& plan) {
  Json steps = Json::array();
  for (const model::SearchStep& step : plan.history) {
    steps.push_back({{"effort", step.effort},
                     {"incumbent", number(step.incumbent)},
                     {"bound", number(step.lower_bound)}});
  }
  return steps;
}

std::string describe_rules(const std::vector<model::DeviceRule>& rules) {
  std::string text;
  for (const model::DeviceRule& rule : rules) {
    text += fmt::format("{}{}={}", text.empty() ? "" : "\n", rule.pattern, rule.device);
  }
  return text;
}

// What was asked and with what, a label and a value each.
Json inputs_of(const Page& page) {
  const Problem& problem = page.problem;
  const model::Question& question = problem.question();
  const base::Limits& limits = page.provenance.limits;
  Json inputs = Json::array();
  const auto add = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) inputs.push_back({{"label", label}, {"value", value}});
  };
  add("model", page.provenance.graph_file);
  add("checksum", page.provenance.checksum);
  add("size", fmt::format("{} operators, {} tensors", problem.graph().num_operators(),
                          problem.graph().num_tensors()));
  add("objective", std::string(to_string(question.objective)));
  add("placement", describe_placement(question));
  if (question.workers) add("workers", fmt::format("{}", *question.workers));
  add("schedule", std::string(to_string(problem.schedule())));
  add("transfers", std::string(to_string(question.transfers)));
  add("pins", describe_rules(question.pins));
  add("forbids", describe_rules(question.forbids));
  const base::Limits unlimited;
  if (limits.time != unlimited.time) add("time limit", fmt::format("{} s", limits.time.count()));
  if (limits.memory != unlimited.memory) add("memory limit", format_bytes(limits.memory));
  if (limits.states != unlimited.states) add("state limit", fmt::format("{}", limits.states));
  if (limits.gap > 0) add("accepted gap", format_percent(limits.gap));
  add("threads", fmt::format("{}", limits.threads));
  add("seed", fmt::format("{}", limits.seed));
  add("solver", page.plan.solver);
  add("bound by", page.plan.bound.method);
  add("effort", fmt::format("{} search states", page.plan.effort));
  add("cleave", page.provenance.version);
  return inputs;
}

}  // namespace

Json page_data(const Page& page) {
  Json data{{"format", "cleave.report/1"},
            {"model", page.provenance.graph_file},
            {"answer", answer_of(page)},
            {"serial", page.problem.transfers() == model::Transfers::serial},
            {"rivals", rivals_of(page)},
            {"history", history_of(page.plan)},
            {"inputs", inputs_of(page)},
            {"machine", io::devices_to_json(page.problem.machine())},
            {"command", page.command},
            {"timeline", timeline_of(page)},
            {"timeline_note", page.timeline_note}};
  if (!page.plan.has_placement()) return data;
  data["devices"] = devices_of(page.problem, page.plan);
  const bool latency = page.problem.question().objective == model::Objective::latency;
  data["stages"] = stages_of(page.plan, latency);
  data["operators"] = operators_of(page.problem, page.plan);
  data["tensors"] = tensors_of(page.problem.graph());
  data["crossings"] = crossings_of(page.problem, page.plan);
  return data;
}

}  // namespace cleave::report
