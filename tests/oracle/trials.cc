#include "oracle/trials.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "support/draft.h"
#include "support/random_draft.h"
#include "support/shrink.h"

namespace cleave::oracle {
namespace {

bool applies(const Trials& trials, const model::Problem& problem) {
  const model::Question& question = problem.question();
  const bool serial = question.transfers == model::Transfers::serial &&
                      problem.schedule() != model::Schedule::gpipe;
  return question.objective == model::Objective::throughput &&
         question.placement == model::PlacementRule::contiguous && (serial || !trials.serial);
}

support::Draft draft_of(const Trials& trials, std::uint64_t seed) {
  support::Size size;
  size.max_operators = trials.max_operators;
  support::Draft draft = support::random_draft(seed, size);
  draft.question.objective = model::Objective::throughput;
  draft.question.placement = model::PlacementRule::contiguous;
  if (trials.serial) {
    draft.question.transfers = model::Transfers::serial;
    draft.question.schedule = std::nullopt;
  }
  return draft;
}

}  // namespace

void expect_no_fault(const Trials& trials, const FindFault& find_fault) {
  const auto fault_of = [&](const model::Problem& problem,
                            std::uint64_t seed) -> std::optional<std::string> {
    if (!applies(trials, problem)) return std::nullopt;
    const auto graph = reduce::contract(problem);
    if (!graph) return std::nullopt;
    base::Random random(seed);
    return find_fault(Trial{problem, *graph, random});
  };
  const std::uint64_t wanted = std::max<std::uint64_t>(1, trials.count / CLEAVE_TRIALS_DIVISOR);
  for (std::uint64_t seed = 1, tried = 0; tried < wanted; ++seed) {
    ASSERT_LT(seed, 20 * wanted + 100) << "too few random problems can be contracted";
    const support::Draft draft = draft_of(trials, seed);
    const auto problem = support::build(draft);
    if (!problem || !applies(trials, *problem) || !reduce::contract(*problem)) continue;
    ++tried;
    const auto fault = fault_of(*problem, seed);
    if (!fault) continue;
    const auto fails = [&](const model::Problem& candidate) {
      return fault_of(candidate, seed).has_value();
    };
    const support::Draft small = support::shrink(draft, fails);
    FAIL() << "seed " << seed << ": " << *fault
           << "\nshrunk: " << fault_of(*support::build(small), seed).value_or("(no longer fails)")
           << "\n"
           << support::to_json(small);
  }
}

}  // namespace cleave::oracle
