// cleave run DIR: runs the stages that `cleave split` wrote, a process for each.
//
// It is three programs, one inside the other, because a stage that dies or hangs cannot say so
// itself: the one that the user starts becomes mpirun; mpirun starts one for each stage, which
// watches over the process that does the work.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cleave/io/io.h"
#include "cleave/report/text.h"
#include "cleave/runtime/stage.h"
#include "cleave/runtime/supervise.h"
#include "command.h"

namespace cleave::app {

namespace {

using base::Duration;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::filesystem::path folder;
  runtime::StageOptions options{};
  std::optional<int> threads;
  double timeout = 60;
  std::optional<std::string> output;
  bool json = false;
};

struct Folder {
  model::Pipeline pipeline;
  model::Machine machine;
};

base::Result<Folder> read_folder(const std::filesystem::path& folder) {
  const std::filesystem::path manifest = folder / "manifest.json";
  if (std::error_code unknown; !std::filesystem::exists(manifest, unknown)) {
    return base::bad_input("is no folder of stages, as cleave split writes them: no manifest.json",
                           folder.string());
  }
  auto pipeline = io::read_manifest(manifest);
  if (!pipeline) return pipeline.error();
  auto origin = io::read_plan_origin(folder / pipeline->plan_file);
  if (!origin) return origin.error();
  return Folder{std::move(pipeline).value(), std::move(origin->machine)};
}

// This program's own words, as they were typed.
std::vector<std::string> own_words() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  std::error_code error;
  if (!words.empty()) words[0] = std::filesystem::read_symlink("/proc/self/exe", error).string();
  return words;
}

// --- The outermost: becomes mpirun.

int become_mpirun(const Folder& folder) {
  std::vector<std::string> words{"mpirun",
                                 "--quiet",
                                 "--oversubscribe",
                                 "--bind-to",
                                 "none",
                                 "-n",
                                 std::to_string(folder.pipeline.stages.size())};
  for (const std::string& word : own_words()) words.push_back(word);
  if (geteuid() == 0) {  // who runs cleave as root has decided that already
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
  }
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
  return fail(base::bad_input("mpirun cannot be started; install Open MPI (openmpi-bin)"));
}

// --- The middle one: watches over a stage.

std::string title(const model::Pipeline& pipeline, std::size_t stage) {
  return fmt::format("stage {} on {}", stage, pipeline.stages[stage].device);
}

int watch_stage(const Folder& folder, std::size_t stage, const Arguments& arguments) {
  const auto ending = runtime::supervise(own_words(), arguments.options.patience);
  if (!ending) return fail(ending.error());
  const std::string name = title(folder.pipeline, stage);
  using Kind = runtime::Ending::Kind;
  switch (ending->kind) {
    case Kind::exited:
      return ending->number;
    case Kind::killed:
      return fail({base::ErrorCode::internal,
                   fmt::format("{} died of signal {}", name, ending->number),
                   {}});
    case Kind::silent:
      return fail(
          {base::ErrorCode::internal,
           fmt::format("{} has not answered for {} s and was ended; --timeout gives it more", name,
                       arguments.timeout),
           {}});
  }
  return kFailed;
}

// --- The innermost: runs a stage, and reports in rank 0.

struct Row {
  std::string device;
  Duration predicted;
  runtime::StageTimes measured;
};

// How much longer than predicted, such as "+3.1%".
std::string difference(Duration measured, Duration predicted) {
  if (predicted.count() == 0) return "-";
  return fmt::format("{:+.1f}%", 100 * (base::to_ms(measured) / base::to_ms(predicted) - 1));
}

Json to_json(const model::Pipeline& pipeline, const std::vector<Row>& rows,
             const Arguments& arguments) {
  Json stages = Json::array();
  for (const Row& row : rows) {
    stages.push_back({{"device", row.device},
                      {"predicted_ms", base::to_ms(row.predicted)},
                      {"measured_ms", base::to_ms(row.measured.load())},
                      {"compute_ms", base::to_ms(row.measured.compute)},
                      {"wait_ms", base::to_ms(row.measured.wait)}});
  }
  const runtime::StageTimes& last = rows.back().measured;
  return {{"format", "cleave.run/1"},
          {"version", CLEAVE_VERSION},
          {"model", pipeline.model_file},
          {"samples", arguments.options.samples},
          {"warmup", arguments.options.warmup},
          {"queue", arguments.options.queue},
          {"predicted_ms", base::to_ms(pipeline.period)},
          {"measured_ms", base::to_ms(last.period)},
          {"median_ms", base::to_ms(last.median_period)},
          {"difference", base::to_ms(last.period) / base::to_ms(pipeline.period) - 1},
          {"stages", stages}};
}

std::string to_text(const model::Pipeline& pipeline, const std::vector<Row>& rows,
                    const Arguments& arguments) {
  report::Table table({{"stage"},
                       {"device", report::Table::Align::left},
                       {"predicted"},
                       {"measured"},
                       {"", report::Table::Align::left},
                       {"difference"},
                       {"computing"},
                       {"waiting"}});
  const runtime::StageTimes& last = rows.back().measured;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    model::DeviceLoad load;  // what is not computing is handing over
    load.compute = row.measured.compute;
    load.load = row.measured.load();
    const double share = base::to_ms(load.load) / base::to_ms(last.period);
    const std::string bar = report::format_bar(share, 24);
    table.add({std::to_string(i), row.device, report::format_time(row.predicted),
               report::format_time(load.load), bar, difference(load.load, row.predicted),
               report::format_time(load.compute), report::format_time(row.measured.wait)});
    if (stdout_colours() == report::Colours::none) continue;
    table.paint(4, report::paint_bar(bar, load, true));
  }
  return fmt::format(
      "{} per sample, {} predicted ({}); half of the samples took at most {}\n\n{}\n"
      "{} samples after {} to warm up, {} stages\n",
      report::format_time(last.period), report::format_time(pipeline.period),
      difference(last.period, pipeline.period), report::format_time(last.median_period),
      table.text(), arguments.options.samples, arguments.options.warmup, rows.size());
}

int report_run(const model::Pipeline& pipeline, const std::vector<runtime::StageTimes>& times,
               const Arguments& arguments) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < times.size(); ++i) {
    rows.push_back({pipeline.stages[i].device, pipeline.stages[i].predicted.load, times[i]});
  }
  const std::string json = to_json(pipeline, rows, arguments).dump(2) + "\n";
  if (arguments.output) {
    if (auto written = io::write_file(*arguments.output, json); !written) {
      return fail(written.error());
    }
  }
  const auto printed = print(arguments.json ? json : to_text(pipeline, rows, arguments));
  return printed ? kDone : fail(printed.error());
}

int fail_stage(const model::Pipeline& pipeline, std::size_t stage, const base::Error& error) {
  const int code = fail({error.code, error.to_string(), title(pipeline, stage)});
  return code == kBadInput ? kBadInput : kFailed;
}

// Does not return where it fails: leaving MPI would wait for the others, which wait for this one.
int work(const Folder& folder, std::size_t stage, Arguments& arguments,
         runtime::SignOfLife& alive) {
  const model::Pipeline& pipeline = folder.pipeline;
  const auto give_up = [&](const base::Error& error) {
    std::_Exit(fail_stage(pipeline, stage, error));
  };
  const auto device = folder.machine.find_device(pipeline.stages[stage].device);
  const auto cores = device ? folder.machine.cores(*device) : std::span<const int>();
  if (auto bound = runtime::bind_to_cores(cores); !bound) give_up(bound.error());
  const int cores_count = std::max(1, static_cast<int>(cores.size()));
  arguments.options.threads = arguments.threads.value_or(cores_count);
  arguments.options.alive = [&] { alive.give(); };

  auto processes = runtime::Processes::join();
  if (!processes) give_up(processes.error());
  const auto times = runtime::run_stage(pipeline, arguments.folder, *processes, arguments.options);
  if (!times) give_up(times.error());
  return processes->rank() == 0 ? report_run(pipeline, *times, arguments) : kDone;
}

int run(Arguments& arguments) {
  if (arguments.output) {
    if (auto writable = check_output(*arguments.output); !writable) return fail(writable.error());
  }
  arguments.options.patience = std::chrono::duration<double>(arguments.timeout);
  const auto folder = read_folder(arguments.folder);
  if (!folder) return fail(folder.error());
  if (!runtime::Processes::launched()) return become_mpirun(*folder);

  const int count = runtime::Processes::announced_count();
  const auto stage = static_cast<std::size_t>(runtime::Processes::announced_rank());
  if (static_cast<std::size_t>(count) != folder->pipeline.stages.size()) {
    // One sentence is enough. A second failure would have mpirun stop the process that says it.
    if (stage > 0) return kDone;
    return fail(base::bad_input(fmt::format("there are {0} stages and {1} processes; start it with "
                                            "mpirun -n {0}, or without mpirun",
                                            folder->pipeline.stages.size(), count),
                                arguments.folder.string()));
  }
  auto alive = runtime::SignOfLife::find();
  return alive ? work(*folder, stage, arguments, *alive) : watch_stage(*folder, stage, arguments);
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  runtime::StageOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand(
      "run", "run the stages that split wrote, and measure them against what was predicted");
  command->add_option("DIR", arguments->folder, "the folder that cleave split wrote")
      ->type_name("")
      ->required();
  const auto whole = [command](const std::string& name, auto& value, const std::string& help) {
    command->add_option(name, value, help)->type_name("N")->check(CLI::Range(1, 1'000'000'000));
  };
  whole("--samples", options.samples, "samples to measure [at least 1; default 50]");
  whole("--warmup", options.warmup, "samples before them [at least 1; default 10]");
  whole("--queue", options.queue,
        "samples that may wait before and behind a stage [at least 1; default 2]");
  command
      ->add_option("--threads", arguments->threads,
                   "of each stage; without it, as many as its device has cores, or 1")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--timeout", arguments->timeout,
                   "a stage that takes longer for a sample, or to load, is ended [default 60]")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 1e6));
  command->add_option("--seed", options.seed, "of the inputs [at least 0; default 1]")
      ->type_name("N");
  command->add_option("-o,--output", arguments->output, "write the figures (JSON) to this file")
      ->type_name("FILE");
  command->add_flag("--json", arguments->json, "print JSON instead of a table");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
