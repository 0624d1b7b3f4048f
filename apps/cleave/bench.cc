// cleave bench paper: the published inputs, each planned in a process of its own, with
// whole-process time and memory.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "cleave/io/io.h"
#include "cleave/report/text.h"
#include "cleave/solve/solve.h"
#include "command.h"
#include "interrupt.h"
#include "measured_process.h"
#include "options.h"

namespace cleave::app {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::string data;
  Request request = standard_request();
  bool baselines = false;
  bool json = false;
};

bool is_latency(const Request& request) {
  return request.question.objective == model::Objective::latency;
}

// Whether devices may be visited more than once, and nothing else is asked for.
bool is_free(const Request& request) {
  return !is_latency(request) && request.question.placement == model::PlacementRule::any;
}

// Whether a search without a limit may not end, and whether the answers are compared in any case.
bool is_open_ended(const Request& request) { return is_latency(request) || is_free(request); }

// The folder of inputs for the objective: of the data folder, or of its part "paper".
base::Result<fs::path> find_inputs(const fs::path& data, const Request& request) {
  const std::string_view name = is_latency(request) ? "latency-inputs" : "throughput-inputs";
  std::error_code error;
  for (const fs::path& folder : {data / name, data / "paper" / name}) {
    if (fs::is_directory(folder, error)) return folder;
  }
  return base::bad_input(fmt::format("has no folder {0}, nor paper/{0}", name), data.string());
}

base::Result<std::vector<fs::path>> list_inputs(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".json") files.push_back(it->path());
  }
  if (error) return base::bad_input(error.message(), folder.string());
  if (files.empty()) return base::bad_input("holds no .json file", folder.string());
  std::sort(files.begin(), files.end());
  return files;
}

Json milliseconds(std::optional<base::Duration> time) {
  return time ? Json(base::to_ms(*time)) : Json(nullptr);
}

// Run in the child.
std::string plan_input(const fs::path& file, const Request& request) {
  auto task = load_task(file, request);
  if (!task) return Json{{"error", task.error().to_string()}}.dump();
  Interrupt interrupt;
  base::Limits limits = request.limits;
  limits.stop = interrupt.token();
  const auto plan = solve::solve(task->problem, limits);
  if (!plan) return Json{{"error", plan.error().to_string()}}.dump();
  int accelerators = 0;
  for (const model::DeviceClass& c : task->problem.machine().classes()) {
    if (c.pays_transfers) accelerators += c.count;
  }
  const bool placed = plan->has_placement();
  return Json{{"operators", task->problem.graph().num_operators()},
              {"accelerators", accelerators},
              {"status", to_string(plan->status)},
              {"objective_ms", placed ? milliseconds(plan->objective) : Json(nullptr)},
              {"lower_bound_ms", milliseconds(plan->bound.value)},
              {"bound_method", plan->bound.method},
              {"gap", placed ? Json(plan->gap()) : Json(nullptr)},
              {"states", plan->effort}}
      .dump();
}

// The split made by hand that was published with the input: of layers only, and not for all.
std::optional<fs::path> find_expert(const fs::path& input) {
  const fs::path folder = input.parent_path();
  if (folder.filename() != "LayerGraphs") return std::nullopt;
  const fs::path file = folder.parent_path().parent_path() / "human-experts" /
                        (input.stem().string() + "_expert.json");
  std::error_code error;
  return fs::exists(file, error) ? std::optional(file) : std::nullopt;
}

solve::Alternative judge_expert(const fs::path& input, const model::Problem& problem) {
  solve::Alternative none;
  none.name = "expert";
  const auto file = find_expert(input);
  if (!file) return none;
  auto placement = io::read_split(*file, problem);
  if (placement) return solve::judge(problem, none.name, std::move(placement).value());
  none.note = placement.error().to_string();
  return none;
}

// Without a placement where there is none, or where the limits do not suffice.
base::Result<solve::Alternative> plan_contiguously(const fs::path& file, Request request) {
  request.question.placement = model::PlacementRule::contiguous;
  const auto task = load_task(file, request);
  if (!task) return task.error();
  const auto plan = solve::solve(task->problem, request.limits);
  if (!plan) return plan.error();
  solve::Alternative alternative;
  if (plan->has_placement()) {
    alternative = solve::judge(task->problem, "contiguous", plan->placement);
  }
  alternative.name = "contiguous";
  alternative.note = plan->reason;
  alternative.seconds = plan->seconds;
  return alternative;
}

// Run in the child.
std::string run_baselines(const fs::path& file, const Request& request) {
  auto task = load_task(file, request);
  if (!task) return Json{{"error", task.error().to_string()}}.dump();
  Json rows = Json::array();
  auto alternatives = solve::alternatives(task->problem, request.limits.seed);
  if (is_free(request)) {
    auto contiguous = plan_contiguously(file, request);
    if (!contiguous) return Json{{"error", contiguous.error().to_string()}}.dump();
    alternatives.insert(alternatives.begin(), std::move(contiguous).value());
  }
  alternatives.push_back(judge_expert(file, task->problem));
  for (const auto& a : alternatives) {
    rows.push_back({{"name", a.name},
                    {"objective_ms", milliseconds(a.objective)},
                    {"feasible", a.feasible},
                    {"placed", !a.placement.empty()},
                    {"seconds", a.seconds},
                    {"note", a.note}});
  }
  return Json{{"alternatives", std::move(rows)}}.dump();
}

// One input's row: what the child found, and what it cost.
Json bench_input(const fs::path& file, const fs::path& folder, const Arguments& arguments) {
  Json row{{"input", fs::relative(file, folder).replace_extension().generic_string()}};
  const auto planned = measure([&] { return plan_input(file, arguments.request); });
  if (!planned) {
    row["error"] = planned.error().to_string();
    return row;
  }
  row.update(Json::parse(planned->output));
  row["seconds"] = planned->seconds;
  row["peak_megabytes"] = planned->peak_megabytes;
  const bool compares = arguments.baselines || is_open_ended(arguments.request);
  if (!compares || row.contains("error")) return row;
  const auto baselines = measure([&] { return run_baselines(file, arguments.request); });
  row.update(baselines ? Json::parse(baselines->output)
                       : Json{{"error", baselines.error().to_string()}});
  return row;
}

// The best placement of the alternatives that keeps the rules; null: none does.
Json best_alternative(const Json& row) {
  Json best;
  if (!row.contains("alternatives")) return best;
  for (const Json& a : row["alternatives"]) {
    if (!a["feasible"].get<bool>() || !a["placed"].get<bool>()) continue;
    if (best.is_null() || a["objective_ms"] < best["objective_ms"]) best = a;
  }
  return best;
}

// Whether somebody else's placement is better than the answer: then something is broken.
bool is_beaten(const Json& row) {
  const Json best = best_alternative(row);
  if (best.is_null()) return false;
  return row["objective_ms"].is_null() || best["objective_ms"] < row["objective_ms"];
}

std::string number(const Json& value, const char* format) {
  return value.is_number() ? fmt::format(fmt::runtime(format), value.get<double>()) : "-";
}

// An alternative as a multiple of the answer; in brackets where it breaks a rule of the problem.
std::string multiple(const Json& alternative, const Json& objective) {
  if (!alternative["objective_ms"].is_number() || !objective.is_number()) return "-";
  const auto ratio = alternative["objective_ms"].get<double>() / objective.get<double>();
  return fmt::format(fmt::runtime(alternative["feasible"].get<bool>() ? "{:.3f}" : "({:.3f})"),
                     ratio);
}

std::string table_of(const Json& rows, bool shows_all) {
  using Align = report::Table::Align;
  std::vector<report::Table::Column> columns{{"input", Align::left},
                                             {"operators"},
                                             {"k"},
                                             {"objective ms"},
                                             {"bound ms"},
                                             {"gap"},
                                             {"status", Align::left},
                                             {"bound by", Align::left},
                                             {"seconds"},
                                             {"peak MB"}};
  const auto with_alternatives = std::find_if(
      rows.begin(), rows.end(), [](const Json& row) { return row.contains("alternatives"); });
  const bool shows_best = !shows_all && with_alternatives != rows.end();
  if (shows_best) columns.insert(columns.end(), {{"best other"}, {"", Align::left}});
  std::size_t alternatives = 0;
  if (shows_all && with_alternatives != rows.end()) {
    for (const Json& a : (*with_alternatives)["alternatives"]) {
      columns.push_back({a["name"].get<std::string>()});
      ++alternatives;
    }
  }
  report::Table table(columns);
  for (const Json& row : rows) {
    std::vector<std::string> cells{row["input"].get<std::string>()};
    if (row.contains("error")) {
      cells.resize(columns.size());
      cells[6] = row["error"].get<std::string>();
      table.add(std::move(cells));
      continue;
    }
    const Json& objective = row["objective_ms"];
    cells.push_back(number(row["operators"], "{:.0f}"));
    cells.push_back(number(row["accelerators"], "{:.0f}"));
    cells.push_back(number(objective, "{:.7f}"));
    cells.push_back(number(row["lower_bound_ms"], "{:.7f}"));
    cells.push_back(objective.is_number() ? report::format_percent(row["gap"].get<double>()) : "-");
    cells.push_back(row["status"].get<std::string>());
    cells.push_back(row["bound_method"].get<std::string>());
    cells.push_back(number(row["seconds"], "{:.3f}"));
    cells.push_back(number(row["peak_megabytes"], "{:.1f}"));
    if (shows_best) {
      const Json best = best_alternative(row);
      cells.push_back(best.is_null() ? "-" : multiple(best, objective));
      cells.push_back(best.is_null() ? "" : best["name"].get<std::string>());
    }
    for (std::size_t i = 0; i < alternatives; ++i) {
      cells.push_back(multiple(row["alternatives"][i], objective));
    }
    table.add(std::move(cells));
  }
  return table.text();
}

Json totals_of(const Json& rows) {
  int failed = 0;
  int optimal = 0;
  int beaten = 0;
  int placed = 0;
  double log_ratios = 0;  // of bound to objective
  double seconds = 0;
  double slowest = 0;
  double peak = 0;
  for (const Json& row : rows) {
    if (row.contains("error")) {
      ++failed;
      continue;
    }
    optimal += row["status"] == "optimal" ? 1 : 0;
    beaten += is_beaten(row) ? 1 : 0;
    if (row["gap"].is_number()) {
      ++placed;
      log_ratios += std::log(1 - row["gap"].get<double>());
    }
    seconds += row["seconds"].get<double>();
    slowest = std::max(slowest, row["seconds"].get<double>());
    peak = std::max(peak, row["peak_megabytes"].get<double>());
  }
  return {{"inputs", rows.size()},
          {"placed", placed},
          {"optimal", optimal},
          {"failed", failed},
          {"beaten", beaten},
          {"bound_to_objective", placed > 0 ? Json(std::exp(log_ratios / placed)) : Json(nullptr)},
          {"seconds", seconds},
          {"slowest_seconds", slowest},
          {"peak_megabytes", peak}};
}

std::string sentences_of(const Json& totals) {
  std::string text = fmt::format(
      "{} inputs, {} placed, {} proven optimal, {} failed; {:.3f} s in all, at most {:.3f} s and "
      "{:.1f} MB each (whole processes)\n",
      totals["inputs"].get<int>(), totals["placed"].get<int>(), totals["optimal"].get<int>(),
      totals["failed"].get<int>(), totals["seconds"].get<double>(),
      totals["slowest_seconds"].get<double>(), totals["peak_megabytes"].get<double>());
  if (totals["bound_to_objective"].is_number()) {
    text += fmt::format("bound / objective: {:.5f} (geometric mean)\n",
                        totals["bound_to_objective"].get<double>());
  }
  if (const int beaten = totals["beaten"].get<int>(); beaten > 0) {
    text += fmt::format("{} answers are worse than somebody else's placement\n", beaten);
  }
  return text;
}

constexpr std::chrono::seconds kTimeLimit{60};

int run(Arguments& arguments) {
  base::Limits& limits = arguments.request.limits;
  if (is_open_ended(arguments.request) && limits.time == base::Limits{}.time) {
    limits.time = kTimeLimit;
  }
  const auto folder = find_inputs(arguments.data, arguments.request);
  if (!folder) return fail(folder.error());
  const auto files = list_inputs(*folder);
  if (!files) return fail(files.error());
  Json rows = Json::array();
  for (const fs::path& file : *files) rows.push_back(bench_input(file, *folder, arguments));
  const Json totals = totals_of(rows);
  const std::string text = arguments.json
                               ? Json{{"rows", rows}, {"totals", totals}}.dump(2) + "\n"
                               : table_of(rows, arguments.baselines) + "\n" + sentences_of(totals);
  if (auto printed = print(text); !printed) return fail(printed.error());
  return totals["failed"] == 0 && totals["beaten"] == 0 ? kDone : kFailed;
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  CLI::App* bench = app.add_subcommand("bench", "plan published inputs and print the figures");
  bench->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = bench->add_subcommand(
      "paper",
      "the inputs of the device-placement paper (NeurIPS 2020) for the objective; with --placement "
      "any, and for latency, at most 60 s each, unless told otherwise. Fails where somebody else's "
      "placement is better than the answer");
  command
      ->add_option("--data", arguments->data,
                   "folder that holds throughput-inputs and latency-inputs, or has them in paper")
      ->type_name("DIR")
      ->required();
  command->add_flag("--baselines", arguments->baselines,
                    "also what everybody else would do, as multiples of the answer");
  command->add_flag("--json", arguments->json, "print JSON instead of a table");
  add_options(*command, arguments->request);
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
  add_bench_2bw(*bench, exit_code);
}

}  // namespace cleave::app
