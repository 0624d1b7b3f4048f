// cleave report PLAN: one page that shows a plan, for a browser.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "cleave/check/check.h"
#include "command.h"
#include "page.h"

namespace cleave::app {

namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string plan;
  std::string output = "report.html";
  std::optional<std::string> graph;
};

// The file that the plan names, here or beside the plan: the one with the right checksum, or else
// the first that there is, so that the error can say what is wrong with it.
base::Result<fs::path> find_graph(const fs::path& plan, const io::Provenance& provenance) {
  const fs::path name = fs::path(provenance.graph_file).filename();
  std::optional<fs::path> found;
  for (const fs::path& file : std::array{name, plan.parent_path() / name}) {
    std::error_code error;
    if (name.empty() || !fs::is_regular_file(file, error)) continue;
    const auto checksum = io::checksum(file);
    if (checksum && *checksum == provenance.checksum) return file;
    if (!found) found = file;
  }
  if (found) return *found;
  return base::bad_input(fmt::format("the graph '{}' is neither here nor beside the plan; name it "
                                     "with --graph",
                                     name.string()),
                         plan.string());
}

int run(const Arguments& arguments) {
  if (auto writable = check_output(arguments.output); !writable) return fail(writable.error());
  const auto origin = io::read_plan_origin(arguments.plan);
  if (!origin) return fail(origin.error());
  const auto graph_file = arguments.graph ? base::Result<fs::path>(fs::path(*arguments.graph))
                                          : find_graph(arguments.plan, origin->provenance);
  if (!graph_file) return fail(graph_file.error());
  auto graph = load_planned_graph(*graph_file, arguments.plan);
  if (!graph) return fail(graph.error());
  auto file = io::read_plan(arguments.plan, *graph);
  if (!file) return fail(file.error());
  const auto& [problem, plan] = *file;
  if (auto holds = check::verify(problem, plan); !holds) {
    return fail({holds.error().code, holds.error().message, arguments.plan});
  }
  const std::string page = make_page(problem, plan, origin->provenance);
  if (auto written = io::write_file(arguments.output, page); !written) {
    return fail(written.error());
  }
  if (auto printed = print(fmt::format("the report is in {}\n", arguments.output)); !printed) {
    return fail(printed.error());
  }
  return kDone;
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("report", "show a plan as a page for a browser, one HTML file");
  command->add_option("PLAN", arguments->plan, "the plan (plan.json)")->type_name("")->required();
  command->add_option("-o,--output", arguments->output, "the page [default report.html]")
      ->type_name("FILE");
  command
      ->add_option("--graph", arguments->graph,
                   "the model that was planned; without it, the file that the plan names, here or "
                   "beside the plan")
      ->type_name("FILE");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
