#include "page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cleave/report/html.h"
#include "cleave/simulate/simulate.h"
#include "cleave/solve/solve.h"
#include "rivals.h"

namespace cleave::app {

namespace {

// A word as a POSIX shell reads it back, whatever is in it.
std::string quote(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/=,:+";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(word);
  }
  std::string quoted = "'";
  for (const char c : word)
    quoted += c == '\'' ? std::string_view("'\\''") : std::string_view(&c, 1);
  return quoted + "'";
}

}  // namespace

std::string command_again(const model::Problem& problem, const io::Provenance& provenance) {
  const model::Question& question = problem.question();
  const base::Limits& limits = provenance.limits;
  const base::Limits standard;
  // What starts with a dash would be read as an option.
  const bool dash = !provenance.graph_file.empty() && provenance.graph_file.front() == '-';
  std::string text = "cleave plan " + quote((dash ? "./" : "") + provenance.graph_file);
  const auto add = [&](std::string_view flag, std::string_view value) {
    text += fmt::format(" {}", quote(fmt::format("{}={}", flag, value)));
  };
  add("--devices", "devices.json");
  if (provenance.reading) {
    for (const auto& [name, size] : provenance.reading->dimensions) {
      add("--dim", fmt::format("{}={}", name, size));
    }
    constexpr std::int64_t kMebibyte = 1 << 20;
    add("--colocate-above",
        fmt::format("{}", provenance.reading->colocate_above.count() / kMebibyte));
  }
  if (const auto& training = provenance.training) {
    add("--training", training->optimizer);
    add("--precision", training->precision);
    add("--backward", fmt::format("{}", static_cast<double>(training->backward_percent) / 100));
  }
  add("--objective", to_string(question.objective));
  add("--placement", describe_placement(question));
  if (question.workers) add("--workers", fmt::format("{}", *question.workers));
  // One sample alone has no schedule to choose.
  if (question.objective == model::Objective::throughput) {
    add("--schedule", to_string(problem.schedule()));
  }
  if (const auto& stages = question.stages) {
    add("--replicas", fmt::format("{}", stages->max_replicas));
    add("--micro-batches", fmt::format("{}", stages->micro_batches));
    add("--recompute", to_string(stages->recompute));
  }
  add("--transfers", to_string(question.transfers));
  for (const model::DeviceRule& rule : question.pins)
    add("--pin", rule.pattern + "=" + rule.device);
  for (const model::DeviceRule& rule : question.forbids) {
    add("--forbid", rule.pattern + "=" + rule.device);
  }
  if (limits.time != standard.time) add("--time-limit", fmt::format("{}", limits.time.count()));
  if (limits.gap != standard.gap) add("--gap", fmt::format("{}", limits.gap));
  if (limits.memory != standard.memory) {
    add("--memory-limit", fmt::format("{}", limits.memory.count() >> 20));
  }
  if (limits.states != standard.states) add("--states", fmt::format("{}", limits.states));
  add("--threads", fmt::format("{}", limits.threads));
  add("--seed", fmt::format("{}", limits.seed));
  return text + " -o plan.json";
}

std::string make_page(const model::Problem& problem, const model::Plan& plan,
                      const io::Provenance& provenance) {
  report::Page page{.problem = problem, .plan = plan, .provenance = provenance};
  const auto timeline = simulate::simulate(problem, plan);
  if (timeline) {
    page.timeline = &*timeline;
  } else {
    page.timeline_note = timeline.error().message;
  }
  const auto rivals = to_rivals(problem, solve::alternatives(problem, provenance.limits.seed));
  page.rivals = rivals;
  const auto simple = to_rivals(problem, solve::simple_alternatives(problem));
  page.simple = report::best_feasible(simple);
  page.command = command_again(problem, provenance);
  return report::html(page);
}

}  // namespace cleave::app
