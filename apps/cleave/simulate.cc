// cleave simulate GRAPH PLAN: runs a plan on paper, micro-batch by micro-batch.

#include "cleave/simulate/simulate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "cleave/check/check.h"
#include "cleave/report/text.h"
#include "cleave/simulate/trace.h"
#include "command.h"

namespace cleave::app {

namespace {

using simulate::DeviceUse;
using simulate::Timeline;

struct Arguments {
  std::string graph;
  std::string plan;
  std::optional<std::string> schedule;
  simulate::Options options;
  std::optional<std::string> trace;
};

double share_of(base::Duration part, base::Duration whole) {
  if (whole == base::Duration::zero()) return 0.0;
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

// One row a device in the order of the pipeline: the devices that have a stage.
std::string uses_table(const model::Problem& problem, const model::Plan& plan,
                       const Timeline& timeline) {
  using Align = report::Table::Align;
  report::Table table({{"device", Align::left},
                       {"busy"},
                       {"", Align::left},
                       {"in"},
                       {"compute"},
                       {"out"},
                       {"bubble"},
                       {"in flight"},
                       {"weights"},
                       {"memory"}});
  std::vector<bool> shown(timeline.devices.size(), false);
  for (const model::Stage& stage : plan.stages) {
    if (shown[stage.device.index()]) continue;
    shown[stage.device.index()] = true;
    const DeviceUse& use = timeline.devices[stage.device.index()];
    const double busy = share_of(use.busy, timeline.makespan);
    const std::string bar = report::format_bar(busy, 24);
    table.add({problem.machine().device_name(stage.device), report::format_percent(busy), bar,
               report::format_time(use.in), report::format_time(use.compute),
               report::format_time(use.out), report::format_time(timeline.makespan - use.busy),
               std::to_string(use.in_flight),
               use.versions == 0 ? "-" : std::to_string(use.versions),
               report::format_bytes(use.memory)});
    if (stdout_colours() == report::Colours::none) continue;
    model::DeviceLoad load;
    load.in = use.in;
    load.compute = use.compute;
    load.out = use.out;
    load.load = use.busy;
    report::paint_load(table, 2, bar, load, problem.transfers() == model::Transfers::serial);
  }
  return table.text();
}

std::string describe(const model::Problem& problem, const model::Plan& plan,
                     const Timeline& timeline) {
  if (problem.question().objective == model::Objective::latency) {
    return fmt::format("{} for the sample; the plan says {}\n\n{}",
                       report::format_time(timeline.makespan), report::format_time(plan.objective),
                       uses_table(problem, plan, timeline));
  }
  const base::Duration time = timeline.rate.per_micro_batch();
  const double difference =
      plan.objective == base::Duration::zero() ? 0.0 : share_of(time, plan.objective) - 1.0;
  std::string batches;
  if (timeline.batch > 0) batches = fmt::format(" in batches of {}", timeline.batch);
  return fmt::format(
      "{} per micro-batch ({}: {} micro-batches{} in {}); the plan says {}, {:+.2f}%\n\n{}",
      report::format_time(time), to_string(timeline.schedule), timeline.micro_batches, batches,
      report::format_time(timeline.makespan), report::format_time(plan.objective),
      100.0 * difference, uses_table(problem, plan, timeline));
}

int run(Arguments& arguments) {
  if (arguments.schedule) {
    arguments.options.schedule = simulate::find_schedule(*arguments.schedule);
  }
  if (arguments.trace) {
    if (auto writable = check_output(*arguments.trace); !writable) return fail(writable.error());
  }
  auto graph = load_planned_graph(arguments.graph, arguments.plan);
  if (!graph) return fail(graph.error());
  auto file = io::read_plan(arguments.plan, *graph);
  if (!file) return fail(file.error());
  const auto& [problem, plan] = *file;
  if (auto holds = check::verify(problem, plan); !holds) {
    return fail({holds.error().code, holds.error().message, arguments.plan});
  }
  const auto timeline = simulate::simulate(problem, plan, arguments.options);
  if (!timeline) return fail(timeline.error());
  if (arguments.trace) {
    const std::string text = simulate::to_chrome_trace(problem, *timeline);
    if (auto written = io::write_file(*arguments.trace, text); !written) {
      return fail(written.error());
    }
  }
  if (auto printed = print(describe(problem, plan, *timeline)); !printed) {
    return fail(printed.error());
  }
  return kDone;
}

}  // namespace

void add_simulate(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  simulate::Options& options = arguments->options;
  CLI::App* command = app.add_subcommand("simulate", "run a plan on paper, event by event");
  command->add_option("GRAPH", arguments->graph, "the model that was planned")
      ->type_name("")
      ->required();
  command->add_option("PLAN", arguments->plan, "the plan (plan.json)")->type_name("")->required();
  command
      ->add_option("--schedule", arguments->schedule,
                   "how micro-batches follow one another; without it, as it was planned "
                   "[inference|gpipe|1f1b|flush|2bw]")
      ->type_name("NAME")
      ->check(CLI::IsMember({"inference", "gpipe", "1f1b", "flush", "2bw"}));
  command
      ->add_option("--micro-batches", options.micro_batches,
                   "micro-batches to run; without it, 8 times the depth, or 4 batches")
      ->type_name("N");
  command
      ->add_option("--batch", options.batch,
                   "micro-batches a batch (gpipe, flush, 2bw); without it, twice the depth")
      ->type_name("N");
  command
      ->add_option(
          "--jitter", options.jitter,
          "each run of an operator takes 1 ± this times its time [0 to below 1; default 0]")
      ->type_name("RATIO");
  command->add_option("--seed", options.seed, "of the jitter [at least 0; default 1]")
      ->type_name("N");
  command
      ->add_option("--bus", options.bus,
                   "all transfers share a bus that carries so many at once; without it, each "
                   "device's link is its own")
      ->type_name("N");
  command
      ->add_option("--trace", arguments->trace,
                   "write the timeline to this file, for Perfetto or chrome://tracing")
      ->type_name("FILE");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
