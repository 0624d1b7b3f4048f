// cleave schedules: which schedule trains a model of repeated blocks fastest on a cluster.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cleave/estimate/estimate.h"
#include "cleave/hybrid/plan.h"
#include "cleave/hybrid/repeats.h"
#include "cleave/report/text.h"
#include "command.h"
#include "options.h"

namespace cleave::app {

namespace {

using hybrid::BlockModel;
using hybrid::Candidate;
using hybrid::Layout;
using hybrid::Row;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::optional<std::string> graph;
  Request request = standard_request();
  hybrid::Transformer transformer{0, 0, 0, 50257, 1024};
  hybrid::Request asked;
  std::optional<std::int64_t> micro_batch;
  std::optional<std::int64_t> graph_samples;
  std::optional<std::string> batch_dimension;
  std::optional<std::string> recompute;
  bool json = false;
};

// The cluster is the only class of devices that move data.
base::Result<model::DeviceClass> choose_class(const model::Machine& machine) {
  std::optional<model::DeviceClass> chosen;
  for (const model::DeviceClass& c : machine.classes()) {
    if (!c.pays_transfers) continue;
    if (chosen) {
      return base::bad_input(fmt::format("equal stages need equal devices; there are '{}' and '{}'",
                                         chosen->name, c.name));
    }
    chosen = c;
  }
  if (!chosen) return base::bad_input("there are no devices that pay for transfers");
  return *chosen;
}

// Sizes of micro-batch to choose among, in samples.
std::vector<std::int64_t> sizes_to_try(const Arguments& arguments) {
  if (arguments.micro_batch) return {*arguments.micro_batch};
  return {1, 2, 4, 8, 16};
}

base::Result<std::vector<BlockModel>> describe_transformer(const Arguments& arguments,
                                                           const model::DeviceClass& devices) {
  const auto rate = estimate::rate_of(devices, model::ElementType::float16);
  if (!rate) return rate.error();
  std::vector<BlockModel> models;
  for (const std::int64_t size : sizes_to_try(arguments)) {
    auto model =
        hybrid::describe(arguments.transformer, {rate->operations_per_second, rate->launch}, size);
    if (!model) return model.error();
    models.push_back(std::move(model).value());
  }
  return models;
}

base::Result<BlockModel> describe_graph(const model::Graph& graph,
                                        const model::DeviceClass& devices,
                                        const hybrid::Sizing& sizing) {
  const auto column = graph.find_time_column(devices.times);
  if (!column) {
    return base::bad_input(fmt::format("the graph has no times for '{}'", devices.times));
  }
  const auto repeats = hybrid::find_repeats(graph);
  if (!repeats) return repeats.error();
  return hybrid::describe(graph, *repeats, *column, sizing);
}

struct Input {
  hybrid::Cluster cluster;
  std::vector<BlockModel> models;
};

base::Result<Input> load_transformer(const Arguments& arguments) {
  const auto machine = choose_machine(arguments.request, {});
  if (!machine) return machine.error();
  const auto devices = choose_class(*machine);
  if (!devices) return devices.error();
  const auto cluster = hybrid::cluster_of(*devices);
  if (!cluster) return cluster.error();
  auto models = describe_transformer(arguments, *devices);
  if (!models) return models.error();
  return Input{*cluster, std::move(models).value()};
}

// The graph at each size: made anew where the model says which dimension is the batch, else scaled.
base::Result<Input> load_graph(const Arguments& arguments) {
  Input input;
  std::optional<Task> task;
  for (const std::int64_t size : sizes_to_try(arguments)) {
    hybrid::Sizing sizing{arguments.graph_samples.value_or(1), size};
    Request request = arguments.request;
    if (arguments.batch_dimension) {
      request.dimensions[*arguments.batch_dimension] = size;
      sizing.of_graph = size;
    }
    if (!task || arguments.batch_dimension) {
      auto loaded = load_task(*arguments.graph, request);
      if (!loaded) return loaded.error();
      task = std::move(loaded).value();
    }
    const auto devices = choose_class(task->problem.machine());
    if (!devices) return devices.error();
    const auto cluster = hybrid::cluster_of(*devices);
    if (!cluster) return cluster.error();
    input.cluster = *cluster;
    // A class that does not say how fast it is has no launches either.
    const auto rate = estimate::rate_of(*devices, model::ElementType::float32);
    if (rate) sizing.launch = rate->launch;
    auto model = describe_graph(task->problem.graph(), *devices, sizing);
    if (!model) return model.error();
    input.models.push_back(std::move(model).value());
  }
  return input;
}

base::Result<Input> load(const Arguments& arguments) {
  if (arguments.graph.has_value() == (arguments.transformer.layers > 0)) {
    return base::bad_input("schedules needs either a GRAPH or the --layers of a transformer");
  }
  if (arguments.graph_samples && (!arguments.graph || arguments.batch_dimension)) {
    return base::bad_input(
        "--graph-samples says what a GRAPH was made for; it goes with neither --layers nor "
        "--batch-dim");
  }
  if (arguments.batch_dimension && !arguments.graph) {
    return base::bad_input("--batch-dim names a dimension of an ONNX model; there is none");
  }
  return arguments.graph ? load_graph(arguments) : load_transformer(arguments);
}

std::string_view to_string(Layout layout) {
  return layout == Layout::stages_together ? "stages" : "replicas";
}

std::string table_of(const std::vector<Row>& rows, const Row& winner) {
  using Align = report::Table::Align;
  report::Table table({{"method", Align::left},
                       {"width"},
                       {"depth"},
                       {"together", Align::left},
                       {"micro-batch"},
                       {"number"},
                       {"flushes"},
                       {"recompute", Align::left},
                       {"samples/s"},
                       {"slower"},
                       {"memory"},
                       {"", Align::left}});
  const double best = hybrid::samples_per_second(*winner.candidate);
  for (const Row& row : rows) {
    if (!row.found()) {
      table.add({std::string(hybrid::to_string(row.method)), "", "", "", "", "", "", "", "", "",
                 row.candidate ? report::format_bytes(row.candidate->figures.memory()) : "",
                 row.reason});
      continue;
    }
    const Candidate& c = *row.candidate;
    const double rate = hybrid::samples_per_second(c);
    table.add({std::string(hybrid::to_string(row.method)), std::to_string(c.choice.grid.width),
               std::to_string(c.choice.grid.depth), std::string(to_string(c.choice.grid.layout)),
               std::to_string(c.samples), std::to_string(c.figures.micro_batches),
               row.method == hybrid::Method::two_bw ? "0" : std::to_string(c.choice.rounds),
               c.choice.recompute ? "yes" : "no", fmt::format("{:.2f}", rate),
               fmt::format("{:.2f}x", best / rate), report::format_bytes(c.figures.memory()), ""});
  }
  return table.text();
}

std::string describe(const std::vector<Row>& rows) {
  const Row& winner = *hybrid::fastest(rows);
  return fmt::format("{} is fastest: {:.2f} samples per second, {} a batch of {}\n\n{}",
                     hybrid::to_string(winner.method),
                     hybrid::samples_per_second(*winner.candidate),
                     report::format_time(winner.candidate->figures.batch_time),
                     winner.candidate->choice.batch, table_of(rows, winner));
}

Json to_json(const Row& row) {
  Json object{{"method", hybrid::to_string(row.method)},
              {"candidates", row.considered},
              {"fits", row.found()},
              {"reason", row.reason}};
  if (!row.candidate) return object;
  const Candidate& c = *row.candidate;
  object.update(Json{{"width", c.choice.grid.width},
                     {"depth", c.choice.grid.depth},
                     {"together", to_string(c.choice.grid.layout)},
                     {"micro_batch", c.samples},
                     {"micro_batches", c.figures.micro_batches},
                     {"rounds", c.choice.rounds},
                     {"recompute", c.choice.recompute},
                     {"samples_per_second", hybrid::samples_per_second(c)},
                     {"batch_ms", base::to_ms(c.figures.batch_time)},
                     {"period_ms", base::to_ms(c.figures.period)},
                     {"all_reduce_ms", base::to_ms(c.figures.all_reduce)},
                     {"weight_bytes", c.figures.weights.count()},
                     {"state_bytes", c.figures.state.count()},
                     {"activation_bytes", c.figures.activations.count()}});
  return object;
}

std::string to_json(const std::vector<Row>& rows) {
  Json methods = Json::array();
  for (const Row& row : rows) methods.push_back(to_json(row));
  return Json{{"fastest", hybrid::to_string(hybrid::fastest(rows)->method)},
              {"methods", std::move(methods)}}
             .dump(2) +
         "\n";
}

int run(Arguments& arguments) {
  if (arguments.recompute) arguments.asked.recompute = *arguments.recompute == "always";
  const auto input = load(arguments);
  if (!input) return fail(input.error());
  const auto rows = hybrid::plan(input->models, input->cluster, arguments.asked);
  if (!rows) return fail(rows.error());
  const std::string text = arguments.json ? to_json(*rows) : describe(*rows);
  if (auto printed = print(text); !printed) return fail(printed.error());
  return kDone;
}

void add_transformer(CLI::App& command, hybrid::Transformer& transformer) {
  const auto add = [&](const char* flag, std::int64_t& value, const char* help) {
    command.add_option(flag, value, help)->type_name("N")->group("A transformer without a file");
  };
  add("--layers", transformer.layers, "layers, each a block");
  add("--hidden", transformer.hidden, "width of a token's state");
  add("--heads", transformer.heads, "attention heads");
  add("--vocabulary", transformer.vocabulary, "tokens there are [default 50257]");
  add("--sequence", transformer.sequence, "tokens of a sample [default 1024]");
}

}  // namespace

void add_schedules(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "schedules", "which schedule trains a model of repeated blocks fastest on a cluster");
  command
      ->add_option(
          "GRAPH", arguments->graph,
          "the model, with repeated blocks: a training graph, or with --training a forward "
          "graph or ONNX")
      ->type_name("");
  command
      ->add_option("-d,--devices", arguments->request.devices,
                   "the devices, in YAML; without it, the graph file's own")
      ->type_name("FILE");
  command->add_option("--batch", arguments->asked.batch, "samples between updates of the weights")
      ->type_name("N")
      ->required();
  command
      ->add_option("--micro-batch", arguments->micro_batch,
                   "samples of a micro-batch; without it the best of 1, 2, 4, 8 and 16")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  command
      ->add_option(
          "--graph-samples", arguments->graph_samples,
          "samples that the graph's times and tensors are for; they are scaled [default 1]")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  command
      ->add_option("--batch-dim", arguments->batch_dimension,
                   "the dimension of an ONNX model that is the batch: in place of scaling, times "
                   "and tensors are worked out at each size")
      ->type_name("NAME");
  command->add_option("--width", arguments->asked.width, "replicas; without it, the best")
      ->type_name("N");
  command
      ->add_option("--depth", arguments->asked.depth,
                   "stages, or devices that split operators; without it, the best")
      ->type_name("N");
  command
      ->add_option("--recompute", arguments->recompute,
                   "whether activations are computed again; without it, as is best [never|always]")
      ->type_name("NAME")
      ->check(CLI::IsMember({"never", "always"}));
  command->add_flag("--json", arguments->json, "print JSON instead of a table");
  add_transformer(*command, arguments->transformer);
  add_graph_options(*command, arguments->request);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
