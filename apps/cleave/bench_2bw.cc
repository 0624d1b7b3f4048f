// cleave bench 2bw: the settings of the PipeDream-2BW paper, predicted beside what was measured.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cleave/hybrid/published.h"
#include "cleave/report/text.h"
#include "command.h"

namespace cleave::app {

namespace {

using hybrid::Row;
using hybrid::Setting;
using Align = report::Table::Align;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::optional<std::int64_t> micro_batch;
  bool json = false;
};

constexpr std::string_view kFlushedOften = "gpipe, m = depth";

double gigabytes(base::Bytes bytes) { return static_cast<double>(bytes.count()) * 1e-9; }

// Against 2BW, as the paper does: how many times as fast 2BW is.
std::optional<double> advantage(std::optional<double> two_bw, std::optional<double> rate) {
  if (!two_bw || !rate) return std::nullopt;
  return *two_bw / *rate;
}

// What the method needs when a batch is not cut into rounds.
base::Bytes memory_in_one_round(const Setting& setting, const hybrid::Candidate& candidate) {
  hybrid::Choice choice = candidate.choice;
  choice.rounds = 1;
  const auto models = hybrid::published_models(setting, candidate.samples);
  const auto cluster = hybrid::published_cluster(setting.devices);
  return hybrid::evaluate(models.front(), cluster, choice).memory();
}

// GPipe as its readings suggest that it was run: a flush after as many micro-batches as there are
// stages, however many would fit. The fastest of such; nullopt: there is none.
std::optional<hybrid::Candidate> flush_often(const Setting& setting,
                                             const std::vector<hybrid::BlockModel>& models) {
  const auto cluster = hybrid::published_cluster(setting.devices);
  std::vector<hybrid::Candidate> often;
  for (const hybrid::BlockModel& model : models) {
    for (hybrid::Candidate& c : hybrid::candidates(hybrid::Method::gpipe, {&model, 1}, cluster,
                                                   hybrid::published_request(setting))) {
      if (c.figures.micro_batches % setting.depth != 0) continue;
      c.choice.rounds = c.figures.micro_batches / setting.depth;
      c.figures = hybrid::evaluate(model, cluster, c.choice);
      c.fits = !cluster.memory || c.figures.memory() <= *cluster.memory;
      often.push_back(c);
    }
  }
  const hybrid::Candidate* best = hybrid::best(often);
  return best == nullptr ? std::nullopt : std::optional(*best);
}

Json number(std::optional<double> value) { return value ? Json(*value) : Json(nullptr); }

Json describe(const Setting& setting, std::string_view name, const hybrid::Candidate& c,
              const Row& two_bw) {
  const hybrid::Method method = c.choice.method;
  const auto rate = setting.samples_per_second.of(method);
  const double predicted = hybrid::samples_per_second(c);
  const double best = hybrid::samples_per_second(*two_bw.candidate);
  return {{"method", name},
          {"fits", c.fits},
          {"micro_batch", c.samples},
          {"rounds", c.choice.rounds},
          {"layout", c.choice.grid.layout == hybrid::Layout::stages_together ? "stages together"
                                                                             : "replicas together"},
          {"samples_per_second", predicted},
          {"read_samples_per_second", number(rate)},
          {"advantage_of_2bw", best / predicted},
          {"read_advantage_of_2bw", number(advantage(setting.samples_per_second.two_bw, rate))},
          {"gigabytes", gigabytes(memory_in_one_round(setting, c))},
          {"read_gigabytes", number(setting.gigabytes.of(method))}};
}

base::Result<Json> predict(const Setting& setting, std::optional<std::int64_t> micro_batch) {
  const auto models = hybrid::published_models(setting, micro_batch);
  const auto rows = hybrid::plan(models, hybrid::published_cluster(setting.devices),
                                 hybrid::published_request(setting));
  if (!rows) return rows.error();
  Json methods = Json::array();
  for (const Row& row : *rows) {
    if (!row.candidate) continue;
    methods.push_back(describe(setting, to_string(row.method), *row.candidate, rows->back()));
    if (row.method != hybrid::Method::gpipe) continue;
    if (const auto often = flush_often(setting, models)) {
      methods.push_back(describe(setting, kFlushedOften, *often, rows->back()));
    }
  }
  return Json{{"model", setting.name},
              {"devices", setting.devices},
              {"depth", setting.depth},
              {"batch", setting.batch},
              {"fastest", to_string(hybrid::fastest(*rows)->method)},
              {"methods", std::move(methods)}};
}

std::string cell(const Json& value, int decimals) {
  return value.is_number() ? fmt::format("{:.{}f}", value.get<double>(), decimals) : "";
}

// How far a prediction is off what was read.
std::string error_of(const Json& predicted, const Json& read) {
  if (!read.is_number()) return "";
  return fmt::format("{:+.0f}%", 100 * (predicted.get<double>() / read.get<double>() - 1));
}

std::vector<std::string> cells_of(const Json& setting, const Json& method) {
  const Json& ratio = method["advantage_of_2bw"];
  const Json& read_ratio = method["read_advantage_of_2bw"];
  return {
      setting["model"].get<std::string>(),
      cell(setting["devices"], 0),
      cell(setting["batch"], 0),
      method["method"].get<std::string>() + (setting["fastest"] == method["method"] ? " *" : ""),
      cell(method["micro_batch"], 0),
      cell(method["rounds"], 0),
      cell(method["samples_per_second"], 1),
      cell(method["read_samples_per_second"], 0),
      cell(ratio, 2),
      cell(read_ratio, 2),
      error_of(ratio, read_ratio),
      cell(method["gigabytes"], 1),
      cell(method["read_gigabytes"], 1),
      error_of(method["gigabytes"], method["read_gigabytes"])};
}

std::string table_of(const Json& settings) {
  report::Table table({{"model", Align::left},
                       {"devices"},
                       {"batch"},
                       {"method", Align::left},
                       {"b"},
                       {"rounds"},
                       {"seq/s"},
                       {"read"},
                       {"2bw/it"},
                       {"read"},
                       {"error"},
                       {"GB"},
                       {"read"},
                       {"error"}});
  for (const Json& setting : settings) {
    for (const Json& method : setting["methods"]) table.add(cells_of(setting, method));
  }
  return table.text();
}

int run(const Arguments& arguments) {
  Json settings = Json::array();
  for (const Setting& setting : hybrid::published()) {
    auto predicted = predict(setting, arguments.micro_batch);
    if (!predicted) return fail(predicted.error());
    settings.push_back(std::move(predicted).value());
  }
  const std::string text =
      arguments.json
          ? Json{{"settings", std::move(settings)}}.dump(2) + "\n"
          : table_of(settings) +
                "\n* fastest. read: off the paper's plots, good to 10 %. 2bw/it: how many times as "
                "fast 2bw is.\nb: samples a micro-batch. rounds: flushes a batch, as memory "
                "demands, or, with m = depth,\nafter as many micro-batches as there are stages. "
                "GB: "
                "a device, in one round.\n";
  if (auto printed = print(text); !printed) return fail(printed.error());
  return kDone;
}

}  // namespace

void add_bench_2bw(CLI::App& bench, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = bench.add_subcommand(
      "2bw", "the settings of the PipeDream-2BW paper (ICML 2021), predicted beside its figures");
  command
      ->add_option("--micro-batch", arguments->micro_batch,
                   "samples of every method's micro-batches; without it, each method's best")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{64}));
  command->add_flag("--json", arguments->json, "print JSON instead of a table");
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
