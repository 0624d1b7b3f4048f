// cleave split MODEL -d DEVICES -o DIR: plans an ONNX model and cuts it into files that run.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cleave/check/check.h"
#include "cleave/io/emit.h"
#include "cleave/onnx/stages.h"
#include "cleave/report/text.h"
#include "cleave/solve/solve.h"
#include "command.h"
#include "interrupt.h"
#include "options.h"
#include "output_folder.h"
#include "page.h"
#include "progress_bar.h"
#include "rivals.h"

#ifdef CLEAVE_RUNTIME
#include "cleave/runtime/numeric_check.h"
#endif

namespace cleave::app {

namespace {

namespace fs = std::filesystem;
using model::Pipeline;
using model::PipelineStage;

struct Arguments {
  std::string model;
  Request request = standard_request();
  std::string folder;
  std::optional<std::string> plan;
  bool force = false;
  bool no_check = false;
  bool annotate = false;
  std::vector<std::string> emit;
  bool json = false;
};

// A model and where its operators go.
struct Placed {
  onnx::ModelFile model;
  std::string checksum;
  model::Problem problem;
  model::Plan plan;
  io::Provenance provenance;
  std::string plan_text;  ///< for plan.json; empty: the file that was given is copied
};

base::Result<Placed> plan_model(const Arguments& arguments) {
  const Request& request = arguments.request;
  if (!request.optimizer.empty() || request.replicas || request.micro_batches ||
      request.recompute) {
    return base::bad_input(
        "split makes stages that infer, each on one device; training, replicas, micro-batches and "
        "recomputation are for plan");
  }
  auto file = onnx::read_model(arguments.model, request.dimensions);
  if (!file) return file.error();
  auto machine = choose_machine(request, std::nullopt);
  if (!machine) return machine.error();
  auto reading = to_reading(request);
  if (!reading) return reading.error();
  auto graph = to_graph(arguments.model, *file, *machine, std::move(reading).value());
  if (!graph) return graph.error();
  auto problem = model::Problem::create(graph->graph, *std::move(machine), request.question);
  if (!problem) return problem.error();
  const Task task{*problem, *std::move(graph)};

  Interrupt interrupt;
  base::Limits limits = request.limits;
  limits.stop = interrupt.token();
  auto plan = [&] {
    ProgressBar bar;
    return solve::solve(task.problem, limits, bar.sink());
  }();
  if (!plan) return plan.error();
  io::Provenance origin = provenance(arguments.model, task, request);
  std::string text = io::plan_to_json(task.problem, *plan, origin, false);
  return Placed{*std::move(file), task.file.checksum, task.problem,
                *std::move(plan), std::move(origin),  std::move(text)};
}

base::Result<Placed> read_placed(const Arguments& arguments) {
  const auto origin = io::read_plan_origin(*arguments.plan);
  if (!origin) return origin.error();
  io::ModelReading reading = reading_of(*origin);
  auto file = onnx::read_model(arguments.model, reading.dimensions);
  if (!file) return file.error();
  const auto graph = to_graph(arguments.model, *file, origin->machine, std::move(reading));
  if (!graph) return graph.error();
  auto read = io::read_plan(*arguments.plan, *graph);
  if (!read) return read.error();
  if (auto holds = check::verify(read->problem, read->plan); !holds) {
    return base::Error{holds.error().code, holds.error().message, *arguments.plan};
  }
  return Placed{*std::move(file),      graph->checksum,    read->problem,
                std::move(read->plan), origin->provenance, {}};
}

std::vector<onnx::StageSpec> to_specs(const model::Problem& problem, const model::Plan& plan) {
  std::vector<onnx::StageSpec> specs;
  for (const model::Stage& stage : plan.stages) {
    onnx::StageSpec& spec = specs.emplace_back();
    spec.device = problem.machine().device_name(stage.device);
    for (const base::OperatorId op : stage.operators) {
      spec.operators.push_back(problem.graph().id(op));
    }
  }
  return specs;
}

base::Status fill_checksums(Pipeline& pipeline, const fs::path& folder) {
  const auto fill = [&](const std::string& file, std::string& checksum) -> base::Status {
    auto sum = io::checksum(folder / file);
    if (!sum) return sum.error();
    checksum = *std::move(sum);
    return std::monostate{};
  };
  if (auto done = fill(pipeline.plan_file, pipeline.plan_checksum); !done) return done;
  for (PipelineStage& stage : pipeline.stages) {
    if (auto done = fill(stage.file, stage.checksum); !done) return done;
    if (stage.data_file.empty()) continue;
    if (auto done = fill(stage.data_file, stage.data_checksum); !done) return done;
  }
  return std::monostate{};
}

base::Status write_plan(const Arguments& arguments, const Placed& placed, const fs::path& file) {
  if (!placed.plan_text.empty()) return io::write_file(file, placed.plan_text);
  std::error_code fault;
  if (fs::copy_file(*arguments.plan, file, fault)) return std::monostate{};
  return base::bad_input("cannot copy the plan: " + fault.message(), *arguments.plan);
}

base::Result<std::optional<model::NumericCheck>> check_numbers(const Arguments& arguments,
                                                               const Placed& placed,
                                                               const fs::path& folder,
                                                               const Pipeline& pipeline) {
  using Checked = std::optional<model::NumericCheck>;
  if (arguments.no_check) return Checked();
#ifdef CLEAVE_RUNTIME
  auto check = runtime::check_stages(arguments.model, placed.model.network, folder, pipeline,
                                     arguments.request.limits.seed);
  if (!check) {
    base::Error error = check.error();
    if (error.code == base::ErrorCode::bad_input) error.message += "; --no-check leaves it unrun";
    return error;
  }
  return Checked(*std::move(check));
#else
  (void)placed, (void)folder, (void)pipeline;
  fmt::print(stderr,
             "cleave: note: the stages were not run: this program was built without ONNX "
             "Runtime\n");
  return Checked();
#endif
}

// What was asked for besides the stages. What does not apply to the model is said on stderr.
base::Status write_extras(const Arguments& arguments, const Placed& placed,
                          const std::vector<onnx::StageSpec>& specs, const fs::path& folder) {
  if (arguments.annotate) {
    auto written = onnx::write_annotated(placed.model, specs, folder, "annotated.onnx");
    if (!written) return written;
  }
  for (const io::Emitter& emitter : io::emitters()) {
    if (std::find(arguments.emit.begin(), arguments.emit.end(), emitter.name) ==
        arguments.emit.end()) {
      continue;
    }
    const auto text = emitter.emit(placed.problem, placed.plan);
    if (!text) {
      fmt::print(stderr, "cleave: note: no {}: {}\n", emitter.file, text.error().message);
    } else if (auto written = io::write_file(folder / emitter.file, *text); !written) {
      return written;
    }
  }
  return std::monostate{};
}

// Writes everything into the folder, the manifest last.
base::Result<Pipeline> write_folder(const Arguments& arguments, const Placed& placed,
                                    const fs::path& folder) {
  const std::vector<onnx::StageSpec> specs = to_specs(placed.problem, placed.plan);
  auto pipeline = onnx::write_stages(placed.model, specs, folder);
  if (!pipeline) return pipeline;
  if (auto done = write_extras(arguments, placed, specs, folder); !done) return done.error();
  pipeline->model_file = fs::path(arguments.model).filename().string();
  pipeline->model_checksum = placed.checksum;
  pipeline->plan_file = "plan.json";
  pipeline->version = CLEAVE_VERSION;
  pipeline->period = placed.plan.objective;
  const auto loads = solve::stage_loads(placed.problem, placed.plan);
  for (std::size_t s = 0; s < loads.size(); ++s) pipeline->stages[s].predicted = loads[s];
  if (auto done = write_plan(arguments, placed, folder / pipeline->plan_file); !done) {
    return done.error();
  }
  auto check = check_numbers(arguments, placed, folder, *pipeline);
  if (!check) return check.error();
  pipeline->check = *std::move(check);
  if (auto done = fill_checksums(*pipeline, folder); !done) return done.error();
  const std::string page = make_page(placed.problem, placed.plan, placed.provenance);
  if (auto done = io::write_file(folder / "report.html", page); !done) return done.error();
  if (auto done = io::write_file(folder / "manifest.json", io::manifest_to_json(*pipeline));
      !done) {
    return done.error();
  }
  return pipeline;
}

base::Bytes bytes_of(const std::vector<model::PipelineTensor>& tensors) {
  base::Bytes sum;
  for (const model::PipelineTensor& tensor : tensors) {
    std::int64_t bits = model::bits(tensor.type);
    for (const std::int64_t size : tensor.shape) bits *= size;
    sum += base::Bytes((bits + 7) / 8);
  }
  return sum;
}

std::string describe(const Pipeline& pipeline, const Placed& placed, const std::string& folder) {
  using Align = report::Table::Align;
  report::Table table({{"stage", Align::left},
                       {"device", Align::left},
                       {"operators"},
                       {"memory"},
                       {"reads"},
                       {"hands on"},
                       {"predicted"}});
  for (const PipelineStage& stage : pipeline.stages) {
    table.add(
        {stage.file, stage.device, std::to_string(stage.num_operators),
         report::format_bytes(stage.predicted.memory), report::format_bytes(bytes_of(stage.inputs)),
         report::format_bytes(bytes_of(stage.outputs)), report::format_time(stage.predicted.load)});
  }
  const std::string check =
      pipeline.check ? fmt::format(
                           "the stages compute what the model does: largest difference {:.3g}"
                           " of an output's largest element ({})",
                           pipeline.check->max_relative_error, pipeline.check->runtime)
                     : "the stages were not run";
  return fmt::format("{}\n\n{}\n{}\nwritten to {}\n",
                     describe_against_simple(placed.problem, placed.plan), table.text(), check,
                     folder);
}

int run(Arguments& arguments) {
  if (!is_model(arguments.model)) {
    std::error_code unknown;
    return fail(
        fs::exists(arguments.model, unknown)
            ? base::bad_input("only an ONNX model can be split, and this is none", arguments.model)
            : base::Error{base::ErrorCode::not_found, "cannot read the file", arguments.model});
  }
  auto folder = OutputFolder::create(arguments.folder, arguments.force);
  if (!folder) return fail(folder.error());
  const auto placed = arguments.plan ? read_placed(arguments) : plan_model(arguments);
  if (!placed) return fail(placed.error());
  if (!placed->plan.has_placement()) return finish(placed->plan);
  const auto pipeline = write_folder(arguments, *placed, folder->path());
  if (!pipeline) return fail(pipeline.error());
  if (auto published = folder->publish(); !published) return fail(published.error());
  const std::string text = arguments.json ? io::manifest_to_json(*pipeline)
                                          : describe(*pipeline, *placed, arguments.folder);
  if (auto printed = print(text); !printed) return fail(printed.error());
  return kDone;
}

}  // namespace

void add_split(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("split", "plan an ONNX model and cut it into stages that run");
  command->add_option("MODEL", arguments->model, "the ONNX model")->type_name("")->required();
  command
      ->add_option("-o,--output", arguments->folder,
                   "write stages, plan.json, report.html and manifest.json to this folder")
      ->type_name("DIR")
      ->required();
  CLI::Option* plan =
      command
          ->add_option("--plan", arguments->plan,
                       "split by this plan, instead of searching for one; all options of the "
                       "problem are the plan's")
          ->type_name("FILE");
  command->add_flag("--force", arguments->force, "replace a folder of stages that is there");
  command->add_flag("--no-check", arguments->no_check,
                    "do not run the stages against the model, which needs memory for its weights");
  command->add_flag("--annotate", arguments->annotate,
                    "also write annotated.onnx: the model with each operator's stage and device");
  std::vector<std::string> names;
  for (const io::Emitter& emitter : io::emitters()) names.emplace_back(emitter.name);
  command
      ->add_option("--emit", arguments->emit,
                   fmt::format("also write what another program reads to place the model likewise; "
                               "may repeat [{}]",
                               fmt::join(names, "|")))
      ->type_name("NAME")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(CLI::IsMember(names));
  command->add_flag("--json", arguments->json, "print the manifest instead of a table");
  add_options(*command, arguments->request);
  command->get_option("--devices")->excludes(plan);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
