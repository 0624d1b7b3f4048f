#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/io/io.h"
#include "same_graph.h"
#include "support/random_draft.h"

namespace cleave::io {
namespace {

using base::Bytes;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::Plan;
using model::PlanStatus;
using model::Problem;

constexpr std::string_view kGraph = R"({
  "format": "cleave.graph/1", "time_columns": ["accelerator", "cpu"],
  "operators": [{"id": "a", "times_ms": {"accelerator": 1, "cpu": 5}},
                {"id": "b", "times_ms": {"accelerator": 2, "cpu": 5}},
                {"id": "c", "times_ms": {"cpu": 0.5}}],
  "tensors": [{"producer": "a", "consumers": ["b", "c"], "transfer_ms": 0.25}],
  "machine": [{"class": "accelerator", "count": 2, "memory": 1000},
              {"class": "cpu", "pays_transfers": false}]})";

GraphFile example_graph() {
  auto file = parse_graph(kGraph, "graph.json");
  if (!file) std::abort();
  return *std::move(file);
}

Problem example_problem(const GraphFile& file) {
  model::Question question;
  question.pins = {{"^c$", "cpu"}};
  auto problem = Problem::create(file.graph, *file.machine, question);
  if (!problem) std::abort();
  return *std::move(problem);
}

Plan example_plan() {
  Plan plan;
  plan.status = PlanStatus::feasible;
  plan.placement = {DeviceId(0), DeviceId(1), DeviceId(2)};
  plan.objective = Duration(2'250'000'000);
  plan.bound = {Duration(2'000'000'001), "work"};
  plan.limit = base::StopReason::time;
  plan.solver = "contiguous";
  plan.effort = 1234;
  plan.seconds = 0.125;
  plan.history = {{7, 0.0625, std::nullopt, Duration(1'000'000'000)},
                  {1234, 0.125, Duration(2'250'000'000), Duration(2'000'000'001)}};
  plan.devices.resize(3);
  plan.devices[0].compute = Duration(1'000'000'000);
  plan.devices[0].out = Duration(250'000'000);
  plan.devices[0].load = Duration(1'250'000'000);
  plan.devices[1].in = Duration(250'000'000);
  plan.devices[1].compute = Duration(2'000'000'000);
  plan.devices[1].load = Duration(2'250'000'000);
  plan.devices[1].memory = Bytes(7);
  plan.devices[2].compute = plan.devices[2].load = Duration(500'000'000);
  plan.stages = {{DeviceId(0), {OperatorId(0)}},
                 {DeviceId(1), {OperatorId(1)}},
                 {DeviceId(2), {OperatorId(2)}}};
  return plan;
}

Provenance example_provenance(const GraphFile& file) {
  Provenance provenance;
  provenance.graph_file = "graph.json";
  provenance.checksum = file.checksum;
  provenance.version = "0.1.0";
  provenance.limits.time = std::chrono::duration<double>(1.5);
  return provenance;
}

TEST(Plan, IsWrittenAsDocumented) {
  const GraphFile file = example_graph();
  const std::string text = plan_to_json(example_problem(file), example_plan(),
                                        example_provenance(file), /*with_seconds=*/false);
  EXPECT_EQ(text, R"({
  "format": "cleave.plan/1",
  "status": "feasible",
  "reason": null,
  "objective": "throughput",
  "objective_ms": 2.25,
  "lower_bound_ms": 2.000000001,
  "gap": 0.11111111066666667,
  "bound_method": "work",
  "limit": "time",
  "solver": "contiguous",
  "effort": 1234,
  "history": [
    {"effort": 7, "objective_ms": null, "lower_bound_ms": 1},
    {"effort": 1234, "objective_ms": 2.25, "lower_bound_ms": 2.000000001}
  ],
  "devices": [
    {"name": "accelerator0", "class": "accelerator", "load_ms": 1.25, "in_ms": 0, "compute_ms": 1, "out_ms": 0.25, "memory_bytes": 0, "memory_limit_bytes": 1000},
    {"name": "accelerator1", "class": "accelerator", "load_ms": 2.25, "in_ms": 0.25, "compute_ms": 2, "out_ms": 0, "memory_bytes": 7, "memory_limit_bytes": 1000},
    {"name": "cpu0", "class": "cpu", "load_ms": 0.5, "in_ms": 0, "compute_ms": 0.5, "out_ms": 0, "memory_bytes": 0, "memory_limit_bytes": null}
  ],
  "stages": [
    {"device": "accelerator0", "operators": ["a"]},
    {"device": "accelerator1", "operators": ["b"]},
    {"device": "cpu0", "operators": ["c"]}
  ],
  "problem": {
    "graph": {
      "file": "graph.json",
      "checksum": ")" +
                      file.checksum +
                      R"("
    },
    "reading": null,
    "machine": [
      {"class": "accelerator", "count": 2, "memory": 1000},
      {"class": "cpu", "count": 1, "pays_transfers": false}
    ],
    "question": {
      "objective": "throughput",
      "placement": "contiguous",
      "schedule": "inference",
      "transfers": "serial",
      "pins": [
        {"pattern": "^c$", "device": "cpu"}
      ],
      "forbids": []
    },
    "limits": {"seconds": 1.5, "memory_bytes": null, "states": null, "gap": 0, "threads": 1, "seed": 1},
    "version": "0.1.0"
  }
}
)");
}

void expect_same_plan(const Plan& a, const Plan& b) {
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.placement, b.placement);
  if (a.has_placement()) {
    EXPECT_EQ(a.objective, b.objective);
  }
  if (a.status != PlanStatus::infeasible) {
    EXPECT_EQ(a.bound.value, b.bound.value);
  }
  EXPECT_EQ(a.bound.method, b.bound.method);
  EXPECT_EQ(a.limit, b.limit);
  EXPECT_EQ(a.solver, b.solver);
  EXPECT_EQ(a.effort, b.effort);
  EXPECT_EQ(a.seconds, b.seconds);
  EXPECT_EQ(a.history, b.history);
  EXPECT_EQ(a.devices, b.devices);
  ASSERT_EQ(a.stages.size(), b.stages.size());
  for (std::size_t s = 0; s < a.stages.size(); ++s) {
    EXPECT_EQ(a.stages[s].device, b.stages[s].device);
    EXPECT_EQ(a.stages[s].operators, b.stages[s].operators);
  }
}

// A plan that nobody would make, with values from the whole range.
Plan random_plan(const Problem& problem, base::Random& random) {
  const auto time = [&] {
    return Duration(random.between(0, base::kMaxDuration.count()) >> random.below(62));
  };
  Plan plan;
  plan.status = static_cast<PlanStatus>(random.below(4));
  plan.bound = {time(), "bound \"x\""};
  plan.limit = static_cast<base::StopReason>(random.below(6));
  plan.effort = random.bits() >> random.below(64);
  plan.seconds = random.unit() * 100;
  for (std::uint64_t step = random.below(4); step > 0; --step) {
    const auto incumbent = random.chance(0.5) ? std::optional(time()) : std::nullopt;
    plan.history.push_back({random.bits(), random.unit(), incumbent, time()});
  }
  if (plan.status == PlanStatus::infeasible || plan.status == PlanStatus::none) {
    plan.reason = "operator 'a' is 7 bytes too large";
    return plan;
  }
  plan.objective = time();
  plan.placement.resize(problem.graph().num_operators());
  for (const OperatorId op : problem.graph().topological_order()) {
    const DeviceId device(static_cast<std::size_t>(random.below(problem.machine().num_devices())));
    plan.placement[op.index()] = device;
    plan.stages.push_back({device, {op}});
  }
  plan.devices.resize(problem.machine().num_devices());
  for (model::DeviceLoad& load : plan.devices) {
    load.in = time();
    load.compute = time();
    load.out = time();
    load.load = time();
    load.memory = Bytes(random.between(0, Bytes::max().count()));
    if (problem.schedule() == model::Schedule::gpipe) {
      load.forward = time();
      load.backward = time();
    }
  }
  return plan;
}

TEST(Plan, RandomPlansReadBackEqual) {
  base::Random random(7);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = support::build(support::random_draft(seed));
    ASSERT_TRUE(problem) << problem.error().message;
    const auto file = parse_graph(graph_to_json(problem->graph()), "graph.json");
    ASSERT_TRUE(file) << file.error().to_string();
    const Plan plan = random_plan(*problem, random);
    const Provenance provenance = example_provenance(*file);
    const std::string text = plan_to_json(*problem, plan, provenance);
    const auto read = parse_plan(text, "plan.json", *file);
    ASSERT_TRUE(read) << read.error().to_string() << "\n" << text;
    expect_same_plan(plan, read->plan);
    expect_same(problem->graph(), read->problem.graph());
    EXPECT_EQ(problem->schedule(), read->problem.schedule());
    for (std::size_t v = 0; v < problem->graph().num_operators(); ++v) {
      for (std::size_t d = 0; d < problem->machine().num_devices(); ++d) {
        EXPECT_EQ(problem->allowed(OperatorId(v), DeviceId(d)),
                  read->problem.allowed(OperatorId(v), DeviceId(d)));
      }
    }
    EXPECT_EQ(plan_to_json(read->problem, read->plan, provenance), text);
  }
}

struct Change {
  const char* name;
  const char* from;  // what stands in the example, once
  const char* to;
  const char* place;
  const char* message;
};

TEST(Plan, WhatIsWrongIsNamed) {
  const GraphFile file = example_graph();
  const std::string text =
      plan_to_json(example_problem(file), example_plan(), example_provenance(file));
  const std::vector<Change> changes = {
      {"another format", "cleave.plan/1", "cleave.plan/9", "p, /format",
       "the format is 'cleave.plan/9'; this version reads cleave.plan/1"},
      {"another graph", "sha256:", "sha256:0", "p, /problem/graph/checksum",
       "the plan was made for a graph with checksum 'sha256:0"},
      {"an unknown status", "\"feasible\"", "\"fine\"", "p, /status",
       "the string 'fine' is not one of optimal, feasible, infeasible, none"},
      {"a status without stages", "\"feasible\"", "\"infeasible\"", "p, /stages",
       "a plan whose status is infeasible has no stages"},
      {"no objective", "\"objective_ms\": 2.25", "\"objective_ms\": null", "p",
       "the field 'objective_ms' is null, but needed"},
      {"a negative bound", "2.000000001", "-2", "p, /lower_bound_ms", "the time -2 is negative"},
      {"an unknown limit", "\"limit\": \"time\"", "\"limit\": 3", "p, /limit",
       "expected a string, found the number 3"},
      {"half an effort", "\"effort\": 1234,\n", "\"effort\": 12.5,\n", "p, /effort",
       "12.5 is not a whole number"},
      {"a step without a bound", "\"lower_bound_ms\": 1,", "\"lower_bound_ms\": null,",
       "p, /history/0", "the field 'lower_bound_ms' is null, but needed"},
      {"negative seconds", "\"seconds\": 0.125", "\"seconds\": -1", "p, /seconds", "-1 is not"},
      {"an unknown device", "\"device\": \"accelerator1\"", "\"device\": \"gpu1\"",
       "p, /stages/1/device", "the plan's machine has no device 'gpu1'"},
      {"an unknown operator", "[\"b\"]", "[\"z\"]", "p, /stages/1/operators/0",
       "no operator has the id 'z'"},
      {"an operator twice", "[\"b\"]", "[\"b\", \"a\"]", "p, /stages",
       "operator 'a' is in two stages"},
      {"an empty stage", "[\"b\"]", "[]", "p, /stages/1/operators", "the stage has no operators"},
      {"a missing operator", "[\"b\"]", "[\"a\"]", "p, /stages", "operator 'a' is in two stages"},
      {"devices in another order", "\"name\": \"accelerator1\"", "\"name\": \"cpu0\"",
       "p, /devices/1/name", "expected device 'accelerator1', found the string 'cpu0'"},
      {"an unknown schedule", "\"inference\"", "\"daily\"", "p, /problem/question/schedule",
       "the string 'daily' is not one of inference, 1f1b, gpipe"},
      {"a rule that matches nothing", "^c$", "^x$", "p, /problem/question",
       "pin '^x$=cpu' matches no operator"},
      {"a machine without the times", "\"class\": \"cpu\", \"count\"",
       "\"class\": \"gpu\", \"count\"", "p, /problem/question", "takes operator times from 'gpu'"},
  };
  for (const Change& change : changes) {
    SCOPED_TRACE(change.name);
    std::string changed = text;
    const std::size_t at = changed.find(change.from);
    ASSERT_NE(at, std::string::npos);
    changed.replace(at, std::string_view(change.from).size(), change.to);
    const auto read = parse_plan(changed, "p", file);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, base::ErrorCode::bad_input);
    EXPECT_EQ(read.error().place, change.place) << read.error().to_string();
    EXPECT_NE(read.error().message.find(change.message), std::string::npos)
        << read.error().to_string();
  }
}

TEST(Plan, OfAnotherGraphNamesBothChecksums) {
  const GraphFile file = example_graph();
  GraphFile other = example_graph();
  other.checksum = "sha256:other";
  const auto read = parse_plan(
      plan_to_json(example_problem(file), example_plan(), example_provenance(file)), "p", other);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find(file.checksum), std::string::npos);
  EXPECT_NE(read.error().message.find("sha256:other"), std::string::npos);
}

TEST(Plan, MissingFieldsAreNamed) {
  const GraphFile file = example_graph();
  const std::string text =
      plan_to_json(example_problem(file), example_plan(), example_provenance(file));
  for (const char* field : {"format", "status", "objective_ms", "lower_bound_ms", "bound_method",
                            "limit", "solver", "effort", "devices", "stages", "problem", "graph",
                            "checksum", "machine", "question", "placement", "schedule", "pins"}) {
    SCOPED_TRACE(field);
    std::string changed = text;
    changed.replace(changed.find(fmt::format("\"{}\":", field)) + 1, 1, "_");
    const auto read = parse_plan(changed, "p", file);
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().message.find(fmt::format("the field '{}' is missing", field)),
              std::string::npos)
        << read.error().to_string();
  }
}

TEST(Plan, TruncatedAnywhereIsAnError) {
  const GraphFile file = example_graph();
  const std::string text =
      plan_to_json(example_problem(file), example_plan(), example_provenance(file));
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    EXPECT_FALSE(parse_plan(std::string_view(text).substr(0, size), "p", file)) << size;
  }
}

// a on the first accelerator, then b there in a call of its own, beside c on the pool.
Plan latency_plan() {
  Plan plan = example_plan();
  plan.placement = {DeviceId(0), DeviceId(0), DeviceId(2)};
  plan.stages = {{DeviceId(0), {OperatorId(0)}, Duration(0), Duration(1'250'000'000)},
                 {DeviceId(2), {OperatorId(2)}, Duration(1'250'000'000), Duration(1'750'000'000)},
                 {DeviceId(0), {OperatorId(1)}, Duration(1'250'000'000), Duration(3'500'000'000)}};
  return plan;
}

TEST(Plan, KeepsTheRowAndTheQuestionOfLatency) {
  const GraphFile file = example_graph();
  model::Question question;
  question.objective = model::Objective::latency;
  question.placement = model::PlacementRule::slots;
  question.slots = 2;
  question.workers = 3;
  const Problem problem = Problem::create(file.graph, *file.machine, question).value();
  const std::string text =
      plan_to_json(problem, latency_plan(), example_provenance(file), /*with_seconds=*/false);
  EXPECT_NE(text.find(R"({"device": "cpu", "operators": ["c"], "start_ms": 1.25, )"
                      R"("finish_ms": 1.75})"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("placement": "slots=2")"), std::string::npos);
  const auto read = parse_plan(text, "plan.json", file);
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->problem.question().slots, 2);
  EXPECT_EQ(read->problem.question().workers, 3);
  EXPECT_EQ(read->problem.slots(), 2u);
  ASSERT_EQ(read->plan.stages.size(), 3u);
  EXPECT_EQ(read->plan.stages[2].start, Duration(1'250'000'000));
  EXPECT_EQ(read->plan.stages[2].finish, Duration(3'500'000'000));
  EXPECT_EQ(read->plan.placement, latency_plan().placement);
  EXPECT_EQ(plan_to_json(read->problem, read->plan, example_provenance(file), false), text);
}

TEST(Plan, SaysWhatIsWrongWithTheRule) {
  const GraphFile file = example_graph();
  model::Question question;
  question.objective = model::Objective::latency;
  const Problem problem = Problem::create(file.graph, *file.machine, question).value();
  const std::string text =
      plan_to_json(problem, latency_plan(), example_provenance(file), /*with_seconds=*/false);
  for (const std::string rule : {"slots=", "slots=2x", "slots=0", "slots", "slots=99999999999"}) {
    std::string spoilt = text;
    const std::string_view placement = R"("placement": "contiguous")";
    spoilt.replace(spoilt.find(placement), placement.size(), R"("placement": ")" + rule + '"');
    const auto read = parse_plan(spoilt, "plan.json", file);
    ASSERT_FALSE(read.ok()) << rule;
    EXPECT_NE(read.error().to_string().find("/problem/question"), std::string::npos)
        << read.error().to_string();
  }
}

}  // namespace
}  // namespace cleave::io
