#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "cleave/io/io.h"
#include "io/file.h"
#include "io/json_writer.h"
#include "io/machine.h"
#include "io/parse.h"
#include "io/profile.h"
#include "io/reader.h"
#include "io/text.h"

namespace cleave::io {
namespace {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::StopReason;
using model::DeviceLoad;
using model::DeviceRule;
using model::Objective;
using model::PlacementRule;
using model::Plan;
using model::PlanStatus;
using model::Problem;
using model::Question;
using model::Recompute;
using model::Schedule;
using model::Stage;
using model::StageChoice;
using model::Transfers;
using Layout = JsonWriter::Layout;

constexpr std::string_view kFormat = "cleave.plan/1";

// Writing.

void write_real(JsonWriter& out, double value) {
  constexpr double kUnlimited = std::numeric_limits<double>::max();
  if (std::isfinite(value) && value < kUnlimited) {
    out.real(value);
  } else {
    out.null();
  }
}

template <class T>
void write_limit(JsonWriter& out, T value, T unlimited) {
  if (value == unlimited) {
    out.null();
  } else {
    out.whole(value);
  }
}

void write_outcome(JsonWriter& out, const Problem& problem, const Plan& plan) {
  out.key("status").string(to_string(plan.status));
  out.key("reason");
  if (plan.reason.empty()) {
    out.null();
  } else {
    out.string(plan.reason);
  }
  out.key("objective").string(to_string(problem.question().objective));
  out.key("objective_ms");
  if (plan.has_placement()) {
    out.milliseconds(plan.objective);
  } else {
    out.null();
  }
  out.key("lower_bound_ms");
  if (plan.status == PlanStatus::infeasible) {
    out.null();
  } else {
    out.milliseconds(plan.bound.value);
  }
  out.key("gap");
  if (plan.has_placement()) {
    write_real(out, plan.gap());
  } else {
    out.null();
  }
  out.key("bound_method").string(plan.bound.method);
  out.key("limit").string(to_string(plan.limit));
  out.key("solver").string(plan.solver);
  out.key("effort").whole(plan.effort);
}

void write_step(JsonWriter& out, const model::SearchStep& step, bool with_seconds) {
  out.begin_object(Layout::line);
  out.key("effort").whole(step.effort);
  out.key("objective_ms");
  if (step.incumbent) {
    out.milliseconds(*step.incumbent);
  } else {
    out.null();
  }
  out.key("lower_bound_ms").milliseconds(step.lower_bound);
  if (with_seconds) {
    out.key("seconds");
    write_real(out, step.seconds);
  }
  out.end();
}

void write_device(JsonWriter& out, const Problem& problem, DeviceId device,
                  const DeviceLoad& load) {
  const model::DeviceClass& c = problem.machine().device_class(problem.machine().class_of(device));
  out.begin_object(Layout::line);
  out.key("name").string(problem.machine().device_name(device));
  out.key("class").string(c.name);
  out.key("load_ms").milliseconds(load.load);
  out.key("in_ms").milliseconds(load.in);
  out.key("compute_ms").milliseconds(load.compute);
  out.key("out_ms").milliseconds(load.out);
  if (problem.schedule() == Schedule::gpipe) {
    out.key("forward_ms").milliseconds(load.forward);
    out.key("backward_ms").milliseconds(load.backward);
  }
  if (problem.question().stages) out.key("sync_ms").milliseconds(load.sync);
  out.key("memory_bytes").whole(load.memory.count());
  out.key("memory_limit_bytes");
  if (c.memory) {
    out.whole(c.memory->count());
  } else {
    out.null();
  }
  out.end();
}

void write_choice(JsonWriter& out, const Problem& problem, const StageChoice& choice) {
  out.key("replicas").begin_array();
  for (const DeviceId device : choice.replicas) out.string(problem.machine().device_name(device));
  out.end();
  out.key("recompute").boolean(choice.recompute);
  out.key("in_flight").whole(choice.in_flight);
  out.key("weight_versions").whole(choice.versions);
  out.key("resident_bytes").whole(choice.resident.count());
  out.key("older_weights_bytes").whole(choice.older_weights.count());
  out.key("activation_bytes").whole(choice.activations.count());
}

void write_stage(JsonWriter& out, const Problem& problem, const Stage& stage) {
  out.begin_object(Layout::line);
  out.key("device").string(problem.machine().device_name(stage.device));
  out.key("operators").begin_array();
  for (const OperatorId op : stage.operators) out.string(problem.graph().id(op));
  out.end();
  if (problem.question().objective == Objective::latency) {
    out.key("start_ms").milliseconds(stage.start);
    out.key("finish_ms").milliseconds(stage.finish);
  }
  if (stage.choice) write_choice(out, problem, *stage.choice);
  out.end();
}

void write_rules(JsonWriter& out, const std::vector<DeviceRule>& rules) {
  out.begin_array();
  for (const DeviceRule& rule : rules) {
    out.begin_object(Layout::line);
    out.key("pattern").string(rule.pattern);
    out.key("device").string(rule.device);
    out.end();
  }
  out.end();
}

void write_question(JsonWriter& out, const Problem& problem) {
  const Question& question = problem.question();
  out.begin_object();
  out.key("objective").string(to_string(question.objective));
  out.key("placement").string(describe_placement(question));
  out.key("schedule").string(to_string(problem.schedule()));
  out.key("transfers").string(to_string(question.transfers));
  if (question.workers) out.key("workers").whole(*question.workers);
  out.key("pins");
  write_rules(out, question.pins);
  out.key("forbids");
  write_rules(out, question.forbids);
  if (question.stages) {
    out.key("stages").begin_object(Layout::line);
    out.key("max_replicas").whole(question.stages->max_replicas);
    out.key("micro_batches").whole(question.stages->micro_batches);
    out.key("recompute").string(to_string(question.stages->recompute));
    out.end();
  }
  out.end();
}

void write_limits(JsonWriter& out, const base::Limits& limits) {
  out.begin_object(Layout::line);
  out.key("seconds");
  write_real(out, limits.time.count());
  out.key("memory_bytes");
  write_limit(out, limits.memory.count(), base::Bytes::max().count());
  out.key("states");
  write_limit(out, limits.states, std::numeric_limits<std::uint64_t>::max());
  out.key("gap");
  write_real(out, limits.gap);
  out.key("threads").whole(limits.threads);
  out.key("seed").whole(limits.seed);
  out.end();
}

void write_reading(JsonWriter& out, const std::optional<ModelReading>& reading) {
  if (!reading) {
    out.null();
    return;
  }
  out.begin_object(Layout::line);
  out.key("dimensions").begin_object();
  for (const auto& [name, size] : reading->dimensions) out.key(name).whole(size);
  out.end();
  out.key("colocate_above_bytes").whole(reading->colocate_above.count());
  if (reading->profile) {
    out.key("profile");
    write_profile(out, *reading->profile);
  }
  out.end();
}

void write_problem(JsonWriter& out, const Problem& problem, const Provenance& provenance) {
  out.begin_object();
  out.key("graph").begin_object();
  out.key("file").string(provenance.graph_file);
  out.key("checksum").string(provenance.checksum);
  out.end();
  out.key("reading");
  write_reading(out, provenance.reading);
  if (provenance.training) {
    out.key("training").begin_object(Layout::line);
    out.key("optimizer").string(provenance.training->optimizer);
    out.key("precision").string(provenance.training->precision);
    out.key("backward_percent").whole(provenance.training->backward_percent);
    out.end();
  }
  out.key("machine");
  write_machine(out, problem.machine());
  out.key("question");
  write_question(out, problem);
  out.key("limits");
  write_limits(out, provenance.limits);
  out.key("version").string(provenance.version);
  out.end();
}

// Reading.

std::vector<DeviceRule> read_rules(Reader& in, const Value& list) {
  std::vector<DeviceRule> rules;
  for (const Value value : in.elements(list)) {
    rules.push_back(DeviceRule{in.string(in.required(value, "pattern")),
                               in.string(in.required(value, "device"))});
  }
  return rules;
}

constexpr std::int64_t kMaxNumber = std::numeric_limits<int>::max();

void read_placement_rule(Reader& in, const Value& value, Question& question) {
  if (!in.expect(value, Kind::string)) return;
  constexpr std::string_view kSlots = "slots=";
  if (!value.text().starts_with(kSlots)) {
    question.placement = in.choice(value, {PlacementRule::contiguous, PlacementRule::any});
    return;
  }
  const std::string_view digits = value.text().substr(kSlots.size());
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), question.slots);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    in.fail(value, fmt::format("{} is not of the form slots=Q", in_quotes(value.text())));
  }
  question.placement = PlacementRule::slots;
}

Question read_question(Reader& in, const Value& value) {
  Question question;
  question.objective =
      in.choice(in.required(value, "objective"), {Objective::throughput, Objective::latency});
  read_placement_rule(in, in.required(value, "placement"), question);
  question.schedule = in.choice(in.required(value, "schedule"),
                                {Schedule::inference, Schedule::one_f_one_b, Schedule::gpipe,
                                 Schedule::flush, Schedule::two_bw});
  question.transfers =
      in.choice(in.required(value, "transfers"),
                {Transfers::serial, Transfers::half_duplex, Transfers::full_duplex});
  if (const auto workers = in.optional(value, "workers")) {
    question.workers = static_cast<int>(in.whole(*workers, "the number of workers", kMaxNumber));
  }
  question.pins = read_rules(in, in.required(value, "pins"));
  question.forbids = read_rules(in, in.required(value, "forbids"));
  if (const auto stages = in.optional(value, "stages")) {
    question.stages = model::StageChoices{
        static_cast<int>(in.whole(in.required(*stages, "max_replicas"), "the number of replicas")),
        in.whole(in.required(*stages, "micro_batches"), "the number of micro-batches"),
        in.choice(in.required(*stages, "recompute"),
                  {Recompute::never, Recompute::always, Recompute::choose})};
  }
  return question;
}

std::optional<ModelReading> read_reading(Reader& in, const Value& problem) {
  const auto value = in.optional(problem, "reading");
  if (!value) return std::nullopt;
  ModelReading reading;
  const Value dimensions = in.required(*value, "dimensions");
  if (!in.expect(dimensions, Kind::object)) return std::nullopt;
  for (const auto& [name, size] : dimensions.members()) {
    reading.dimensions[std::string(name)] =
        in.whole(size, "the size", std::numeric_limits<std::int64_t>::max());
  }
  reading.colocate_above = in.bytes(in.required(*value, "colocate_above_bytes"));
  if (const auto profile = in.optional(*value, "profile")) {
    reading.profile = std::make_shared<const model::Profile>(read_profile(in, *profile));
  }
  return reading;
}

base::Limits read_limits(Reader& in, const Value& value) {
  base::Limits limits;
  if (const auto seconds = in.optional(value, "seconds")) {
    limits.time = std::chrono::duration<double>(in.real(*seconds));
  }
  if (const auto memory = in.optional(value, "memory_bytes")) limits.memory = in.bytes(*memory);
  if (const auto states = in.optional(value, "states")) limits.states = in.unsigned_whole(*states);
  limits.gap = in.real(in.required(value, "gap"));
  limits.threads = static_cast<int>(in.whole(in.required(value, "threads"), "the number"));
  limits.seed = in.unsigned_whole(in.required(value, "seed"));
  return limits;
}

std::optional<TrainingReading> read_training(Reader& in, const Value& problem) {
  const auto value = in.optional(problem, "training");
  if (!value) return std::nullopt;
  TrainingReading training;
  training.optimizer = in.string(in.required(*value, "optimizer"));
  training.precision = in.string(in.required(*value, "precision"));
  training.backward_percent =
      in.whole(in.required(*value, "backward_percent"), "the share of the backward time");
  return training;
}

Provenance read_provenance(Reader& in, const Value& problem) {
  const Value graph = in.required(problem, "graph");
  Provenance provenance;
  provenance.graph_file = in.string(in.required(graph, "file"));
  provenance.checksum = in.string(in.required(graph, "checksum"));
  provenance.version = in.string(in.required(problem, "version"));
  provenance.limits = read_limits(in, in.required(problem, "limits"));
  provenance.reading = read_reading(in, problem);
  provenance.training = read_training(in, problem);
  return provenance;
}

std::optional<Problem> read_problem(Reader& in, const Value& value, const GraphFile& graph) {
  const Value checksum = in.required(in.required(value, "graph"), "checksum");
  if (in.expect(checksum, Kind::string) && checksum.text() != graph.checksum) {
    in.fail(checksum, fmt::format("the plan was made for a graph with checksum {}, but this graph "
                                  "has {}; give the graph that the plan was made for",
                                  in_quotes(checksum.text()), in_quotes(graph.checksum)));
  }
  auto machine = read_machine(in, in.required(value, "machine"));
  const Value asked = in.required(value, "question");
  Question question = read_question(in, asked);
  if (in.failed()) return std::nullopt;
  auto problem = Problem::create(graph.graph, *std::move(machine), std::move(question));
  if (problem) return *std::move(problem);
  in.fail(asked, problem.error());
  return std::nullopt;
}

DeviceId read_device(Reader& in, const Value& value, const model::Machine& machine) {
  if (!in.expect(value, Kind::string)) return {};
  if (const auto device = machine.find_device(value.text())) return *device;
  in.fail(value, fmt::format("the plan's machine has no device {}", in_quotes(value.text())));
  return {};
}

StageChoice read_choice(Reader& in, const Value& value, const Problem& problem) {
  StageChoice choice;
  for (const Value device : in.elements(in.required(value, "replicas"))) {
    choice.replicas.push_back(read_device(in, device, problem.machine()));
  }
  choice.recompute = in.boolean(in.required(value, "recompute"));
  choice.in_flight = in.whole(in.required(value, "in_flight"), "the number in flight");
  choice.versions = in.whole(in.required(value, "weight_versions"), "the number of versions");
  choice.resident = in.bytes(in.required(value, "resident_bytes"));
  choice.older_weights = in.bytes(in.required(value, "older_weights_bytes"));
  choice.activations = in.bytes(in.required(value, "activation_bytes"));
  return choice;
}

std::vector<Stage> read_stages(Reader& in, const Value& list, const Problem& problem) {
  std::vector<Stage> stages;
  for (const Value value : in.elements(list)) {
    Stage& stage = stages.emplace_back();
    stage.device = read_device(in, in.required(value, "device"), problem.machine());
    const Value operators = in.required(value, "operators");
    for (const Value id : in.elements(operators)) {
      if (!in.expect(id, Kind::string)) return {};
      const auto op = problem.graph().find(id.text());
      if (!op) in.fail(id, fmt::format("no operator has the id {}", in_quotes(id.text())));
      if (in.failed()) return {};
      stage.operators.push_back(*op);
    }
    if (!in.failed() && stage.operators.empty()) in.fail(operators, "the stage has no operators");
    if (problem.question().objective == Objective::latency) {
      stage.start = in.milliseconds(in.required(value, "start_ms"));
      stage.finish = in.milliseconds(in.required(value, "finish_ms"));
    }
    if (problem.question().stages) stage.choice = read_choice(in, value, problem);
  }
  return stages;
}

model::Placement place(Reader& in, const Value& list, const std::vector<Stage>& stages,
                       const model::Graph& graph) {
  model::Placement placement(graph.num_operators());
  for (const Stage& stage : stages) {
    for (const OperatorId op : stage.operators) {
      if (placement[op.index()].valid()) {
        in.fail(list, fmt::format("operator {} is in two stages", in_quotes(graph.id(op))));
      }
      placement[op.index()] = stage.device;
    }
  }
  for (std::size_t v = 0; v < placement.size(); ++v) {
    if (!placement[v].valid()) {
      in.fail(list, fmt::format("operator {} is in no stage", in_quotes(graph.id(OperatorId(v)))));
      break;
    }
  }
  return placement;
}

DeviceLoad read_load(Reader& in, const Value& value, const Problem& problem, DeviceId device) {
  const Value name = in.required(value, "name");
  const std::string expected = problem.machine().device_name(device);
  if (in.expect(name, Kind::string) && name.text() != expected) {
    in.fail(name,
            fmt::format("expected device {}, found {}", in_quotes(expected), name.describe()));
  }
  DeviceLoad load;
  load.load = in.milliseconds(in.required(value, "load_ms"));
  load.in = in.milliseconds(in.required(value, "in_ms"));
  load.compute = in.milliseconds(in.required(value, "compute_ms"));
  load.out = in.milliseconds(in.required(value, "out_ms"));
  load.memory = in.bytes(in.required(value, "memory_bytes"));
  if (problem.question().stages) load.sync = in.milliseconds(in.required(value, "sync_ms"));
  if (problem.schedule() == Schedule::gpipe) {
    load.forward = in.milliseconds(in.required(value, "forward_ms"));
    load.backward = in.milliseconds(in.required(value, "backward_ms"));
  }
  return load;
}

std::vector<DeviceLoad> read_loads(Reader& in, const Value& list, const Problem& problem) {
  std::vector<DeviceLoad> loads;
  for (const Value value : in.elements(list)) {
    if (loads.size() == problem.machine().num_devices()) {
      in.fail(value, "there are more devices here than in the plan's machine");
      return {};
    }
    loads.push_back(read_load(in, value, problem, DeviceId(loads.size())));
    if (in.failed()) return {};
  }
  if (!in.failed() && loads.size() < problem.machine().num_devices()) {
    in.fail(list, fmt::format("{} devices are listed, but the plan's machine has {}", loads.size(),
                              problem.machine().num_devices()));
  }
  return loads;
}

std::vector<model::SearchStep> read_history(Reader& in, const Value& list) {
  std::vector<model::SearchStep> history;
  for (const Value value : in.elements(list)) {
    model::SearchStep& step = history.emplace_back();
    step.effort = in.unsigned_whole(in.required(value, "effort"));
    step.lower_bound = in.milliseconds(in.required(value, "lower_bound_ms"));
    if (const auto time = in.optional(value, "objective_ms")) {
      step.incumbent = in.milliseconds(*time);
    }
    if (const auto seconds = in.optional(value, "seconds")) step.seconds = in.real(*seconds);
    if (in.failed()) return {};
  }
  return history;
}

void read_placement(Reader& in, const Value& root, const Problem& problem, Plan& plan) {
  const Value stages = in.required(root, "stages");
  plan.objective = in.milliseconds(in.required(root, "objective_ms"));
  plan.devices = read_loads(in, in.required(root, "devices"), problem);
  plan.stages = read_stages(in, stages, problem);
  if (!in.failed()) plan.placement = place(in, stages, plan.stages, problem.graph());
}

Plan read_outcome(Reader& in, const Value& root, const Problem& problem) {
  Plan plan;
  plan.status = in.choice(in.required(root, "status"), {PlanStatus::optimal, PlanStatus::feasible,
                                                        PlanStatus::infeasible, PlanStatus::none});
  if (const auto reason = in.optional(root, "reason")) plan.reason = in.string(*reason);
  if (plan.status != PlanStatus::infeasible) {
    plan.bound.value = in.milliseconds(in.required(root, "lower_bound_ms"));
  }
  plan.bound.method = in.string(in.required(root, "bound_method"));
  plan.limit =
      in.choice(in.required(root, "limit"),
                {StopReason::finished, StopReason::time, StopReason::memory, StopReason::states,
                 StopReason::effort, StopReason::size, StopReason::gap, StopReason::cancelled});
  plan.solver = in.string(in.required(root, "solver"));
  plan.effort = in.unsigned_whole(in.required(root, "effort"));
  if (const auto seconds = in.optional(root, "seconds")) plan.seconds = in.real(*seconds);
  if (const auto history = in.optional(root, "history")) {
    plan.history = read_history(in, *history);
  }
  if (plan.status == PlanStatus::optimal || plan.status == PlanStatus::feasible) {
    read_placement(in, root, problem, plan);
  } else if (const Value stages = in.required(root, "stages"); !in.elements(stages).empty()) {
    in.fail(stages, fmt::format("a plan whose status is {} has no stages", to_string(plan.status)));
  }
  return plan;
}

}  // namespace

std::string plan_to_json(const Problem& problem, const Plan& plan, const Provenance& provenance,
                         bool with_seconds) {
  JsonWriter out;
  out.begin_object();
  out.key("format").string(kFormat);
  write_outcome(out, problem, plan);
  if (with_seconds) {
    out.key("seconds");
    write_real(out, plan.seconds);
  }
  out.key("history").begin_array();
  for (const model::SearchStep& step : plan.history) write_step(out, step, with_seconds);
  out.end();
  out.key("devices").begin_array();
  for (std::size_t d = 0; d < plan.devices.size(); ++d) {
    write_device(out, problem, DeviceId(d), plan.devices[d]);
  }
  out.end();
  out.key("stages").begin_array();
  for (const Stage& stage : plan.stages) write_stage(out, problem, stage);
  out.end();
  out.key("problem");
  write_problem(out, problem, provenance);
  out.end();
  return std::move(out).take();
}

base::Result<PlanFile> parse_plan(std::string_view text, std::string_view name,
                                  const GraphFile& graph) {
  if (auto fault = find_unreadable(text, name)) return *std::move(fault);
  const auto document = parse_json(text, name);
  if (!document) return document.error();
  const Value root = (*document)->root();
  Reader in;
  in.format(root, kFormat);
  auto problem = read_problem(in, in.required(root, "problem"), graph);
  if (!problem) return in.error();
  Plan plan = read_outcome(in, root, *problem);
  if (in.failed()) return in.error();
  return PlanFile{*std::move(problem), std::move(plan)};
}

base::Result<PlanOrigin> read_plan_origin(const std::filesystem::path& file) {
  const auto text = read_text(file);
  if (!text) return text.error();
  if (auto fault = find_unreadable(*text, file.string())) return *std::move(fault);
  const auto document = parse_json(*text, file.string());
  if (!document) return document.error();
  Reader in;
  in.format((*document)->root(), kFormat);
  const Value problem = in.required((*document)->root(), "problem");
  auto machine = read_machine(in, in.required(problem, "machine"));
  Provenance provenance = read_provenance(in, problem);
  if (in.failed()) return in.error();
  return PlanOrigin{*std::move(machine), std::move(provenance)};
}

base::Result<PlanFile> read_plan(const std::filesystem::path& file, const GraphFile& graph) {
  const auto text = read_text(file);
  if (!text) return text.error();
  return parse_plan(*text, file.string(), graph);
}

}  // namespace cleave::io
