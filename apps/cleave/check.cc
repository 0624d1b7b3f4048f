// cleave check GRAPH PLAN: whether what a plan claims is true, recomputed from the definitions.

#include "cleave/check/check.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cleave/base/limits.h"
#include "cleave/check/proof.h"
#include "cleave/report/text.h"
#include "command.h"

namespace cleave::app {

namespace {

struct Arguments {
  std::string graph;
  std::string plan;
  std::optional<std::string> proof;
  std::uint64_t effort = check::kProofEffort;
};

// Derives the plan's bound from the proof, and prints what came of it. Only a bound that was
// derived and is at least the plan's ends in success.
int check_bound(const Arguments& arguments, const io::GraphFile& graph,
                const io::PlanFile& planned) {
  const auto proof = io::read_proof(*arguments.proof, graph);
  if (!proof) return fail(proof.error());
  const base::Deadline clock{base::Limits{}};
  const auto verdict = check::check_proof(planned.problem, *proof, arguments.effort);
  const base::Duration claimed = planned.plan.bound.value;
  const auto fault = [&](std::string_view outcome, std::string_view sentence) {
    return fail({base::ErrorCode::internal,
                 fmt::format("{}: the lower bound of {:.6f} ms: {}", outcome,
                             base::to_ms(proof->bound), sentence),
                 *arguments.proof});
  };
  switch (verdict.outcome) {
    case check::ProofVerdict::Outcome::refuted:
      return fault("refuted", verdict.sentence);
    case check::ProofVerdict::Outcome::unchecked:
      return fault("unchecked", verdict.sentence);
    case check::ProofVerdict::Outcome::proved:
      break;
  }
  const std::string text = fmt::format(
      "\nproved: no placement takes less than {:.6f} ms, {} ({} labels and states, {:.2f} s)\n",
      base::to_ms(proof->bound), verdict.sentence, verdict.effort, clock.elapsed_seconds());
  if (auto printed = print(text); !printed) return fail(printed.error());
  if (proof->bound >= claimed) return kDone;
  return fail({base::ErrorCode::internal,
               fmt::format("unchecked: the plan's lower bound of {:.6f} ms ({}) is a claim, since "
                           "the proof is of less",
                           base::to_ms(claimed), planned.plan.bound.method),
               *arguments.proof});
}

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
  const bool claims_bound = plan.has_placement() && !arguments.proof;
  const std::string_view claim =
      claims_bound
          ? "\nits lower bound is as the plan says: only a proof (--proof) derives it anew\n"
          : "";
  if (auto printed = print(fmt::format("{}{}", text, claim)); !printed)
    return fail(printed.error());
  return arguments.proof ? check_bound(arguments, *graph, *file) : kDone;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("check", "recompute what a plan claims");
  command->add_option("GRAPH", arguments->graph, "the model that was planned")
      ->type_name("")
      ->required();
  command->add_option("PLAN", arguments->plan, "the plan (plan.json)")->type_name("")->required();
  command
      ->add_option("--proof", arguments->proof,
                   "derive the plan's lower bound anew from this file, written by plan --proof")
      ->type_name("FILE");
  command
      ->add_option("--proof-effort", arguments->effort,
                   "labels and states to look at before a proof is left unchecked")
      ->type_name("N")
      ->capture_default_str();
  command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace cleave::app
