// cleave check GRAPH PLAN: whether all that a plan claims is true, recomputed from the definitions.

#include "cleave/check/check.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cleave/report/text.h"
#include "command.h"

namespace cleave::app {

namespace {

struct Arguments {
  std::string graph;
  std::string plan;
};

int run(const Arguments& arguments) {
  auto graph = load_planned_graph(arguments.graph, arguments.plan);
  if (!graph) return fail(graph.error());
  auto file = io::read_plan(arguments.plan, *graph);
  if (!file) return fail(file.error());
  const auto& [problem, plan] = *file;
  if (auto holds = check::verify(problem, plan); !holds) {
    return fail({holds.error().code, holds.error().message, arguments.plan});
  }
  const std::string text =
      plan.has_placement() ? fmt::format("the plan holds: {}\n\n{}", report::describe_answer(plan),
                                         report::plan_tables(problem, plan, stdout_colours()))
                           : fmt::format("the plan has no placement to check: {}\n", plan.reason);
  if (auto printed = print(text); !printed) return fail(printed.error());
  return kDone;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("check", "recompute all that a plan claims");
  command->add_option("GRAPH", arguments->graph, "the model that was planned")
      ->type_name("")
      ->required();
  command->add_option("PLAN", arguments->plan, "the plan (plan.json)")->type_name("")->required();
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
