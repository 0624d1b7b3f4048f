// cleave plan GRAPH: the best placement that can be found, with a proven bound.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "cleave/report/text.h"
#include "cleave/solve/solve.h"
#include "command.h"
#include "interrupt.h"
#include "options.h"
#include "page.h"
#include "progress_bar.h"
#include "rivals.h"

namespace cleave::app {

namespace {

struct Arguments {
  std::string graph;
  Request request = standard_request();
  std::optional<std::string> output;
  std::optional<std::string> report;
  std::optional<std::string> proof;
  bool json = false;
  bool timing = false;
};

std::string describe(const model::Problem& problem, const model::Plan& plan) {
  return fmt::format("{}\n\n{}\n{}, {} states, {:.2f} s\n", describe_against_simple(problem, plan),
                     report::plan_tables(problem, plan, stdout_colours()), plan.solver, plan.effort,
                     plan.seconds);
}

bool has_proofs(const model::Problem& problem) {
  const model::Question& question = problem.question();
  return question.objective == model::Objective::throughput &&
         question.placement == model::PlacementRule::any && !question.stages;
}

// Writes the proof of the bound, where there is one; says what of the bound it does not prove.
base::Status write_proof(const std::string& file, const model::Plan& plan,
                         const io::Provenance& origin) {
  if (!plan.proof) {
    fmt::print(stderr, "cleave: note: there is no bound to prove, so no proof was written\n");
    return std::monostate{};
  }
  if (plan.proof->bound < plan.bound.value) {
    fmt::print(stderr,
               "cleave: note: the proof is of {:.6f} ms ({}): nothing is written that would prove "
               "the bound of {:.6f} ms ({})\n",
               base::to_ms(plan.proof->bound), plan.proof->method, base::to_ms(plan.bound.value),
               plan.bound.method);
  }
  return io::write_file(file, io::proof_to_json(*plan.proof, origin));
}

int run(Arguments& arguments) {
  for (const auto& file : {arguments.output, arguments.report, arguments.proof}) {
    if (!file) continue;
    if (auto writable = check_output(*file); !writable) return fail(writable.error());
  }
  auto task = load_task(arguments.graph, arguments.request);
  if (!task) return fail(task.error());

  if (arguments.proof && !has_proofs(task->problem)) {
    return fail(base::bad_input(
        "--proof is for --objective throughput with --placement any and without choices of stages: "
        "other bounds come from searches that leave nothing short to check again"));
  }

  Interrupt interrupt;
  base::Limits limits = arguments.request.limits;
  limits.stop = interrupt.token();
  auto plan = [&] {
    ProgressBar bar;
    return solve::solve(task->problem, limits, bar.sink());
  }();
  if (!plan) return fail(plan.error());

  const io::Provenance origin = provenance(arguments.graph, *task, arguments.request);
  const bool wants_json = arguments.json || arguments.output;
  const std::string json =
      wants_json ? io::plan_to_json(task->problem, *plan, origin, arguments.timing) : std::string();
  if (arguments.output) {
    if (auto written = io::write_file(*arguments.output, json); !written) {
      return fail(written.error());
    }
  }
  if (arguments.proof) {
    if (auto written = write_proof(*arguments.proof, *plan, origin); !written) {
      return fail(written.error());
    }
  }
  if (arguments.report) {
    const std::string page = make_page(task->problem, *plan, origin);
    if (auto written = io::write_file(*arguments.report, page); !written) {
      return fail(written.error());
    }
  }
  std::string text = json;
  if (!arguments.json) text = plan->has_placement() ? describe(task->problem, *plan) : "";
  if (auto printed = print(text); !printed) return fail(printed.error());
  return finish(*plan);
}

}  // namespace

void add_plan(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("plan", "place a model on devices, with a proven bound");
  command
      ->add_option("GRAPH", arguments->graph,
                   "the model: ONNX, or a cost graph in any known format")
      ->type_name("")
      ->required();
  command->add_option("-o,--output", arguments->output, "write the plan (plan.json) to this file")
      ->type_name("FILE");
  command
      ->add_option("--report", arguments->report,
                   "show the plan as a page for a browser, in this file")
      ->type_name("FILE");
  command
      ->add_option("--proof", arguments->proof,
                   "write what cleave check needs to prove the lower bound again to this file "
                   "(--placement any)")
      ->type_name("FILE");
  command->add_flag("--json", arguments->json, "print the plan as JSON instead of a table");
  command->add_flag("--timing", arguments->timing,
                    "put the wall-clock seconds into the plan, which then differs between runs");
  add_options(*command, arguments->request);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
