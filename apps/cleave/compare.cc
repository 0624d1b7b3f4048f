// cleave compare GRAPH: the answer beside what everybody else would do.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/report/text.h"
#include "cleave/simulate/simulate.h"
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

// What a plan asks of the devices and of a sample.
struct Pipeline {
  std::string_view placement;
  base::Duration objective{0};
  double gap = 0;
  std::size_t stages = 0;
  std::size_t most_visits = 0;           // of a device by one sample
  std::optional<base::Duration> sample;  // alone in the pipeline; none: too many slices to simulate
};

Pipeline describe_pipeline(const model::Problem& problem, const model::Plan& plan) {
  Pipeline pipeline{to_string(problem.question().placement),
                    plan.objective,
                    plan.gap(),
                    plan.stages.size(),
                    0,
                    std::nullopt};
  std::vector<std::size_t> visits(problem.machine().num_devices(), 0);
  for (const model::Stage& stage : plan.stages) {
    pipeline.most_visits = std::max(pipeline.most_visits, ++visits[stage.device.index()]);
  }
  const auto alone = simulate::simulate(problem, plan, {.micro_batches = 1, .batch = 1});
  if (alone) pipeline.sample = alone->makespan;
  return pipeline;
}

// The answer beside the pipeline that visits no device twice; without the latter where there is
// none.
base::Result<std::vector<Pipeline>> compare_with_contiguous(const Task& task,
                                                            const base::Limits& limits,
                                                            const model::Plan& answer) {
  model::Question question = task.problem.question();
  question.placement = model::PlacementRule::contiguous;
  const auto problem = model::Problem::create(task.problem.shared_graph(), task.problem.machine(),
                                              std::move(question));
  if (!problem) return problem.error();
  const auto plan = solve::solve(*problem, limits);
  if (!plan) return plan.error();
  std::vector<Pipeline> pipelines{describe_pipeline(task.problem, answer)};
  if (plan->has_placement()) pipelines.push_back(describe_pipeline(*problem, *plan));
  return pipelines;
}

std::string table_of(const std::vector<Pipeline>& pipelines) {
  using Align = report::Table::Align;
  report::Table table({{"pipeline", Align::left},
                       {"time per sample"},
                       {"gap"},
                       {"stages"},
                       {"visits of a device"},
                       {"one sample alone"}});
  for (const Pipeline& p : pipelines) {
    table.add({std::string(p.placement), report::format_time(p.objective),
               report::format_percent(p.gap), std::to_string(p.stages),
               std::to_string(p.most_visits), p.sample ? report::format_time(*p.sample) : "-"});
  }
  return table.text();
}

// Whether the plan beats what needs no planner.
std::string give_verdict(const model::Plan& plan, const std::vector<Rival>& simple) {
  const Rival* best = report::best_feasible(simple);
  if (best == nullptr) return "Splitting is needed: no device holds the whole model.";
  if (plan.objective < *best->objective) {
    return fmt::format("Splitting pays: {}.", report::describe_advantage(plan, *best));
  }
  const std::string note = best->note.empty() ? "" : fmt::format(" ({})", best->note);
  return fmt::format("Splitting does not pay: {} takes {} per sample{}, this plan {}.", best->name,
                     report::format_time(*best->objective), note,
                     report::format_time(plan.objective));
}

nlohmann::ordered_json to_json(const std::vector<Pipeline>& pipelines) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Pipeline& p : pipelines) {
    nlohmann::ordered_json entry{{"placement", p.placement},
                                 {"objective_ms", base::to_ms(p.objective)},
                                 {"gap", p.gap},
                                 {"stages", p.stages},
                                 {"most_visits", p.most_visits},
                                 {"sample_ms", nullptr}};
    if (p.sample) entry["sample_ms"] = base::to_ms(*p.sample);
    list.push_back(std::move(entry));
  }
  return list;
}

std::string to_json(const std::string& plan, const std::vector<Rival>& rivals,
                    const std::vector<Pipeline>& pipelines, const std::string& verdict) {
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
  nlohmann::ordered_json object{{"plan", nlohmann::ordered_json::parse(plan)},
                                {"alternatives", std::move(alternatives)},
                                {"verdict", verdict}};
  if (!pipelines.empty()) object["pipelines"] = to_json(pipelines);
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
  std::vector<Pipeline> pipelines;
  if (task->problem.question().objective == model::Objective::throughput &&
      task->problem.question().placement == model::PlacementRule::any) {
    auto both = compare_with_contiguous(*task, limits, *plan);
    if (!both) return fail(both.error());
    pipelines = std::move(both).value();
    if (pipelines.size() > 1) {
      rivals.insert(rivals.begin(), Rival{"contiguous", "", pipelines[1].objective, true});
    }
  }
  rivals.insert(rivals.end(), experts.begin(), experts.end());
  const std::string verdict =
      give_verdict(*plan, to_rivals(task->problem, solve::simple_alternatives(task->problem)));
  const std::string text =
      arguments.json
          ? to_json(io::plan_to_json(task->problem, *plan,
                                     provenance(arguments.graph, *task, arguments.request), false),
                    rivals, pipelines, verdict)
          : fmt::format("{}\n\n{}\n{}{}\n", report::describe_answer(*plan),
                        report::comparison_table(*plan, rivals, stdout_colours()),
                        pipelines.empty() ? "" : table_of(pipelines) + "\n", verdict);
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
