// cleave compare GRAPH: the answer beside what everybody else would do.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cleave/report/text.h"
#include "cleave/solve/solve.h"
#include "command.h"
#include "interrupt.h"
#include "options.h"
#include "progress_bar.h"
#include "rivals.h"

namespace cleave::app {

namespace {

using report::Rival;

struct Arguments {
  std::string graph;
  Request request = standard_request();
  std::vector<std::string> experts;
  bool json = false;
};

base::Result<Rival> read_expert(const std::string& file, const model::Problem& problem) {
  auto placement = io::read_split(file, problem);
  if (!placement) return placement.error();
  std::string name = fmt::format("expert {}", std::filesystem::path(file).filename().string());
  return to_rival(problem, solve::judge(problem, std::move(name), std::move(placement).value()));
}

// What the pipeline is worth without visiting a device twice, and how often the answer does. Stages
// are runs of operators that a device works on in one go.
base::Result<Rival> plan_contiguously(const Task& task, const base::Limits& limits,
                                      const model::Plan& answer) {
  model::Question question = task.problem.question();
  question.placement = model::PlacementRule::contiguous;
  const auto problem = model::Problem::create(task.problem.shared_graph(), task.problem.machine(),
                                              std::move(question));
  if (!problem) return problem.error();
  const auto plan = solve::solve(*problem, limits);
  if (!plan) return plan.error();
  Rival rival;
  rival.name = "contiguous";
  rival.note = plan->reason;
  if (!plan->has_placement()) return rival;
  rival.objective = plan->objective;
  rival.feasible = true;
  rival.note = fmt::format(
      "gap {} (cleave: {}), {} stages (cleave: {})", report::format_percent(plan->gap()),
      report::format_percent(answer.gap()), plan->stages.size(), answer.stages.size());
  return rival;
}

// Whether the plan beats what needs no planner.
std::string give_verdict(const model::Plan& plan, const std::vector<Rival>& simple) {
  const Rival* best = report::best_feasible(simple);
  if (best == nullptr) return "Splitting is needed: no device holds the whole model.";
  if (plan.objective < *best->objective) {
    return fmt::format("Splitting pays: {}.", report::describe_advantage(plan, *best));
  }
  return fmt::format("Splitting does not pay: {} takes {} per sample, this plan {}.", best->name,
                     report::format_time(*best->objective), report::format_time(plan.objective));
}

std::string to_json(const std::string& plan, const std::vector<Rival>& rivals,
                    const std::string& verdict) {
  nlohmann::ordered_json alternatives = nlohmann::ordered_json::array();
  for (const Rival& rival : rivals) {
    nlohmann::ordered_json entry{{"name", rival.name}};
    if (rival.objective) {
      entry["objective_ms"] = base::to_ms(*rival.objective);
    } else {
      entry["objective_ms"] = nullptr;
    }
    entry["feasible"] = rival.feasible;
    entry["note"] = rival.note;
    alternatives.push_back(std::move(entry));
  }
  const nlohmann::ordered_json object{{"plan", nlohmann::ordered_json::parse(plan)},
                                      {"alternatives", std::move(alternatives)},
                                      {"verdict", verdict}};
  return object.dump(2) + "\n";
}

int run(Arguments& arguments) {
  auto task = load_task(arguments.graph, arguments.request);
  if (!task) return fail(task.error());
  std::vector<Rival> experts;
  for (const std::string& file : arguments.experts) {
    auto expert = read_expert(file, task->problem);
    if (!expert) return fail(expert.error());
    experts.push_back(std::move(expert).value());
  }

  Interrupt interrupt;
  base::Limits limits = arguments.request.limits;
  limits.stop = interrupt.token();
  auto plan = [&] {
    ProgressBar bar;
    return solve::solve(task->problem, limits, bar.sink());
  }();
  if (!plan) return fail(plan.error());
  if (!plan->has_placement()) return finish(*plan);

  std::vector<Rival> rivals =
      to_rivals(task->problem, solve::alternatives(task->problem, limits.seed));
  if (task->problem.question().objective == model::Objective::throughput &&
      task->problem.question().placement == model::PlacementRule::any) {
    auto contiguous = plan_contiguously(*task, limits, *plan);
    if (!contiguous) return fail(contiguous.error());
    rivals.insert(rivals.begin(), std::move(contiguous).value());
  }
  rivals.insert(rivals.end(), experts.begin(), experts.end());
  const std::string verdict =
      give_verdict(*plan, to_rivals(task->problem, solve::simple_alternatives(task->problem)));
  const std::string text =
      arguments.json
          ? to_json(io::plan_to_json(task->problem, *plan,
                                     provenance(arguments.graph, *task, arguments.request), false),
                    rivals, verdict)
          : fmt::format("{}\n\n{}\n{}\n", report::describe_answer(*plan),
                        report::comparison_table(*plan, rivals, stdout_colours()), verdict);
  if (auto printed = print(text); !printed) return fail(printed.error());
  return kDone;
}

}  // namespace

void add_compare(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("compare", "plan, and show what everybody else would do beside it");
  command
      ->add_option("GRAPH", arguments->graph,
                   "the model: ONNX, or a cost graph in any known format")
      ->type_name("")
      ->required();
  command
      ->add_option("--expert", arguments->experts,
                   "a split made by hand, in the paper's format, to compare as well; may repeat")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_flag("--json", arguments->json, "print JSON instead of a table");
  add_options(*command, arguments->request);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
