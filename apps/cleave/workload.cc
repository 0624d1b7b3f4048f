// cleave workload NAME: writes a generated cost graph, or an ONNX model.

#include "cleave/workload/workload.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cleave/onnx/generate.h"
#include "cleave/report/text.h"
#include "command.h"

namespace cleave::app {

namespace {

using workload::Family;
using workload::Parameter;
using workload::Setting;

struct Arguments {
  std::vector<Setting> settings;
  bool training = false;
  Request request;
  std::optional<std::string> output;
};

int run(std::string_view family, const Arguments& arguments) {
  if (arguments.output) {
    if (auto writable = check_output(*arguments.output); !writable) return fail(writable.error());
  }
  std::optional<model::Machine> machine;
  if (arguments.request.devices) {
    auto devices = choose_machine(arguments.request, {});
    if (!devices) return fail(devices.error());
    machine = std::move(devices).value();
  }
  auto graph = workload::generate(family, arguments.settings, arguments.training);
  if (!graph) return fail(graph.error());
  const std::string text = io::graph_to_json(*graph, machine);
  auto written = arguments.output ? io::write_file(*arguments.output, text) : print(text);
  return written ? kDone : fail(written.error());
}

// Parsing fills `settings`, which must outlive the command.
void add_parameters(CLI::App& command, std::span<const Parameter> parameters,
                    std::vector<Setting>& settings) {
  for (const Parameter& p : parameters) {
    const std::string name(p.name);
    command
        .add_option_function<std::int64_t>(
            "--" + name,
            [&settings, name](std::int64_t value) {
              settings.push_back({name, value});
            },
            fmt::format("{} [{} to {}; default {}]", p.help, p.low, p.high, p.value))
        ->type_name("N");
  }
}

void add_family(CLI::App& workloads, const Family& family, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      workloads.add_subcommand(std::string(family.name), std::string(family.summary));
  add_parameters(*command, family.parameters, arguments->settings);
  command->add_flag("--training", arguments->training,
                    "with backward operators and gradients, for planning a training run");
  command
      ->add_option("-d,--devices", arguments->request.devices,
                   "put these devices into the graph file, so that it can be planned alone")
      ->type_name("FILE");
  command
      ->add_option("-o,--output", arguments->output,
                   "write the graph to this file instead of standard output")
      ->type_name("FILE");
  command->callback(
      [arguments, name = family.name, &exit_code] { exit_code = run(name, *arguments); });
}

struct ModelArguments {
  std::vector<Setting> settings;
  std::string file;
};

int run_architecture(std::string_view architecture, const ModelArguments& arguments) {
  if (auto writable = check_output(arguments.file); !writable) return fail(writable.error());
  auto written = onnx::generate_model(architecture, arguments.settings, arguments.file);
  return written ? kDone : fail(written.error());
}

void add_architecture(CLI::App& workloads, const onnx::Architecture& architecture, int& exit_code) {
  auto arguments = std::make_shared<ModelArguments>();
  CLI::App* command =
      workloads.add_subcommand(std::string(architecture.name), std::string(architecture.summary));
  add_parameters(*command, architecture.parameters, arguments->settings);
  command
      ->add_option("--onnx", arguments->file,
                   "write the model to this file; large weights go to FILE.weights")
      ->type_name("FILE")
      ->required();
  command->callback([arguments, name = architecture.name, &exit_code] {
    exit_code = run_architecture(name, *arguments);
  });
}

int list() {
  using Align = report::Table::Align;
  report::Table table({{"workload", Align::left},
                       {"", Align::left},
                       {"default"},
                       {"least"},
                       {"most"},
                       {"", Align::left}});
  const auto add = [&](std::string_view name, std::string_view summary,
                       std::span<const Parameter> parameters) {
    table.add({std::string(name), "", "", "", "", std::string(summary)});
    for (const Parameter& p : parameters) {
      table.add({"", "--" + std::string(p.name), std::to_string(p.value), std::to_string(p.low),
                 std::to_string(p.high), std::string(p.help)});
    }
  };
  for (const Family& f : workload::families()) add(f.name, f.summary, f.parameters);
  for (const auto& a : onnx::architectures()) add(a.name, a.summary, a.parameters);
  if (auto printed = print(table.text()); !printed) return fail(printed.error());
  return kDone;
}

}  // namespace

void add_workload(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("workload", "write a generated cost graph, or an ONNX model");
  auto listed = std::make_shared<bool>(false);
  command->add_flag("--list", *listed, "list the workloads and their parameters");
  command->require_subcommand(0, 1);
  for (const Family& family : workload::families()) add_family(*command, family, exit_code);
  for (const auto& a : onnx::architectures()) add_architecture(*command, a, exit_code);
  command->allow_extras();  // so that a name that is none gets our own sentence
  command->callback([command, listed, &exit_code] {
    const std::vector<std::string> unknown = command->remaining();
    if (!unknown.empty()) {
      exit_code = fail(workload::generate(unknown.front(), {}, false).error());
    } else if (*listed) {
      exit_code = list();
    } else if (command->get_subcommands().empty()) {
      exit_code = fail(base::bad_input("workload needs a name; see cleave workload --list"));
    }
  });
}

}  // namespace cleave::app
