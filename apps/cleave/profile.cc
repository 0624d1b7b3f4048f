// cleave profile MODEL: measures a model's operators on this machine's cores.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cleave/onnx/read.h"
#include "cleave/onnx/stages.h"
#include "cleave/report/text.h"
#include "cleave/runtime/measure.h"
#include "cleave/runtime/scratch_folder.h"
#include "command.h"
#include "options.h"
#include "segments.h"

namespace cleave::app {

namespace {

using base::Duration;

struct Arguments {
  std::string model;
  Request request = standard_request();
  runtime::MeasureOptions options{};
  std::int64_t segments = 4;
  std::optional<int> threads;
  std::optional<std::string> output;
  bool json = false;
};

// All cores, each a device.
base::Result<model::Machine> all_cores() {
  model::DeviceClass c;
  c.name = "core";
  c.count = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  for (int core = 0; core < c.count; ++core) c.cores.push_back(core);
  return model::Machine::create({c});
}

std::vector<runtime::NamedShape> input_shapes(const model::Network& network) {
  std::vector<runtime::NamedShape> shapes;
  for (const model::ValueId id : network.inputs) {
    const model::NetworkValue& value = network.values[id.index()];
    shapes.push_back({value.name, value.shape});
  }
  return shapes;
}

// ONNX Runtime's times under the ids of the network: "NAME", and "NAME#2" for a further one.
std::vector<model::MeasuredOperator> to_operators(const model::Network& network,
                                                  const runtime::Measurement& measurement) {
  std::vector<model::MeasuredOperator> operators;
  for (const model::NetworkOperator& op : network.operators) {
    if (op.constant) continue;
    std::string name = op.id;
    std::size_t number = 0;
    if (!measurement.operators.contains(name)) {
      const std::size_t mark = name.rfind('#');
      if (mark == std::string::npos) continue;
      number = std::strtoul(name.c_str() + mark + 1, nullptr, 10) - 1;
      name.resize(mark);
    }
    const auto found = measurement.operators.find(name);
    if (found == measurement.operators.end() || number >= found->second.size()) continue;
    operators.push_back({op.id, found->second[number]});
  }
  return operators;
}

// Cuts the model by its operators' times, and runs each segment as a model of its own.
base::Result<std::vector<model::MeasuredSegment>> measure_segments(
    const onnx::ModelFile& model, const std::vector<model::MeasuredOperator>& operators,
    const runtime::MeasureOptions& options, std::int64_t count) {
  std::vector<model::MeasuredSegment> segments;
  if (count == 0) return segments;
  const auto specs = cut_evenly(model.network, operators, count);
  if (specs.empty()) return segments;
  const auto folder = runtime::ScratchFolder::create();
  if (!folder) return folder.error();
  const auto written = onnx::write_stages(model, specs, folder->path());
  if (!written) return written.error();
  std::vector<std::filesystem::path> files;
  for (const model::PipelineStage& stage : written->stages) {
    files.push_back(folder->path() / stage.file);
  }
  const auto times = runtime::measure_chain(files, input_shapes(model.network), options);
  if (!times) return times.error();
  for (std::size_t s = 0; s < specs.size(); ++s) {
    segments.push_back({specs[s].operators.front(), specs[s].operators.back(), (*times)[s]});
  }
  return segments;
}

base::Result<model::MeasuredColumn> measure_class(const model::DeviceClass& c,
                                                  const onnx::ModelFile& model,
                                                  const Arguments& arguments) {
  runtime::MeasureOptions options = arguments.options;
  const std::size_t each = c.cores.size() / static_cast<std::size_t>(c.count);
  for (auto first = c.cores.begin(); first != c.cores.end();
       first += static_cast<std::ptrdiff_t>(each)) {
    options.devices.emplace_back(first, first + static_cast<std::ptrdiff_t>(each));
  }
  options.threads = arguments.threads.value_or(static_cast<int>(each));
  const auto measured = runtime::measure(arguments.model, input_shapes(model.network), options);
  if (!measured) return measured.error();
  model::MeasuredColumn column{c.times,         c.count,
                               options.threads, to_operators(model.network, *measured),
                               measured->whole, {}};
  auto segments = measure_segments(model, column.operators, options, arguments.segments);
  if (!segments) {
    base::Error error = segments.error();
    error.message += "; --segments 0 measures no segments";
    return error;
  }
  column.segments = std::move(segments).value();
  return column;
}

base::Result<model::Profile> measure_all(const model::Machine& machine,
                                         const onnx::ModelFile& model, const Arguments& arguments) {
  auto checksum = io::checksum(arguments.model);
  if (!checksum) return checksum.error();
  model::Profile profile{std::filesystem::path(arguments.model).filename().string(),
                         std::move(checksum).value(),
                         arguments.request.dimensions,
                         CLEAVE_VERSION,
                         runtime::runtime_name(),
                         {}};
  for (const model::DeviceClass& c : machine.classes()) {
    const bool known = std::any_of(profile.columns.begin(), profile.columns.end(),
                                   [&](const auto& column) { return column.times == c.times; });
    if (c.cores.empty() || known) continue;
    auto column = measure_class(c, model, arguments);
    if (!column) return column.error();
    profile.columns.push_back(std::move(column).value());
  }
  if (profile.columns.empty()) {
    return base::bad_input(
        "no class of the devices has processor cores, and nothing else can be measured here; give "
        "one `cores`");
  }
  return profile;
}

std::string format_factor(Duration together, Duration one_by_one) {
  if (one_by_one.count() == 0) return "-";
  return fmt::format("{:.3f}", base::to_ms(together) / base::to_ms(one_by_one));
}

// Adds a row for each segment.
void add_segments(const model::MeasuredColumn& column, const model::Network& network,
                  report::Table& table) {
  std::map<std::string_view, Duration> times;
  for (const auto& op : column.operators) times.emplace(op.id, op.time);
  std::size_t operators = 0;
  Duration sum{0};
  auto segment = column.segments.begin();
  for (const model::NetworkOperator& op : network.operators) {
    if (op.constant) continue;
    ++operators;
    if (const auto found = times.find(op.id); found != times.end()) sum += found->second;
    if (op.id != segment->last) continue;
    table.add({segment->first, segment->last, column.times, std::to_string(operators),
               report::format_time(sum), report::format_time(segment->time),
               format_factor(segment->time, sum)});
    operators = 0;
    sum = Duration(0);
    ++segment;
  }
}

std::string describe_segments(const model::Profile& profile, const model::Network& network) {
  using Align = report::Table::Align;
  report::Table table({{"segment from", Align::left},
                       {"to", Align::left},
                       {"times", Align::left},
                       {"operators"},
                       {"one by one"},
                       {"together"},
                       {"factor"}});
  bool any = false;
  for (const model::MeasuredColumn& column : profile.columns) {
    if (column.segments.empty()) continue;
    any = true;
    add_segments(column, network, table);
  }
  return any ? "\n" + table.text() : "";
}

std::string describe(const model::Profile& profile, const model::Network& network) {
  const auto placed = std::count_if(network.operators.begin(), network.operators.end(),
                                    [](const auto& op) { return !op.constant; });
  report::Table table({{"times", report::Table::Align::left},
                       {"devices"},
                       {"threads"},
                       {"operators"},
                       {"of"},
                       {"one by one"},
                       {"whole"},
                       {"factor"}});
  for (const model::MeasuredColumn& column : profile.columns) {
    Duration sum{0};
    for (const auto& op : column.operators) sum += op.time;
    table.add({column.times, std::to_string(column.devices), std::to_string(column.threads),
               std::to_string(column.operators.size()), std::to_string(placed),
               report::format_time(sum), report::format_time(column.whole),
               format_factor(column.whole, sum)});
  }
  return table.text() + describe_segments(profile, network);
}

int run(Arguments& arguments) {
  if (arguments.output) {
    if (auto writable = check_output(*arguments.output); !writable) return fail(writable.error());
  }
  if (!is_model(arguments.model)) {
    return fail(
        base::bad_input("is no ONNX model; cost graphs bring their own times", arguments.model));
  }
  const auto model = onnx::read_model(arguments.model, arguments.request.dimensions);
  if (!model) return fail(model.error());
  const auto machine =
      arguments.request.devices ? choose_machine(arguments.request, std::nullopt) : all_cores();
  if (!machine) return fail(machine.error());
  const auto profile = measure_all(*machine, *model, arguments);
  if (!profile) return fail(profile.error());
  const std::string json = io::profile_to_json(*profile);
  if (arguments.output) {
    if (auto written = io::write_file(*arguments.output, json); !written) {
      return fail(written.error());
    }
  }
  const auto printed = print(arguments.json ? json : describe(*profile, model->network));
  return printed ? kDone : fail(printed.error());
}

}  // namespace

void add_profile(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "profile", "measure a model's operators on this machine's processor cores");
  command->add_option("MODEL", arguments->model, "the ONNX model")->type_name("")->required();
  command
      ->add_option("-d,--devices", arguments->request.devices,
                   "devices with cores; without it, each core of this machine is one of class core")
      ->type_name("FILE");
  command->add_option("-o,--output", arguments->output, "write the profile (JSON) to this file")
      ->type_name("FILE");
  command->add_flag("--json", arguments->json, "print the profile instead of a summary");
  add_dimensions(*command, arguments->request);
  command
      ->add_option("--rounds", arguments->options.rounds,
                   "runs of the model, as the file has it and optimised [at least 1; default 20]")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  command
      ->add_option("--segments", arguments->segments,
                   "cut the model into so many of about equal work, and measure each as a model of "
                   "its own; 0: none [0 to 1024; default 4]")
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
  command
      ->add_option("--threads", arguments->threads,
                   "of each device; without it, as many as it has cores")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command->add_option("--seed", arguments->options.seed, "of the inputs [at least 0; default 1]")
      ->type_name("N");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
