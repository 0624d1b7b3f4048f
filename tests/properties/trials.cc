#include "properties/trials.h"

#include <fmt/format.h>

#include "support/random_draft.h"
#include "support/shrink.h"

namespace cleave::properties {

namespace {

// The larger a problem, the likelier a search has to prune to solve it, and the longer brute force
// takes: one in four is larger.
support::Draft draft_of(std::uint64_t seed) {
  support::Size size;
  if (seed % 4 == 0) size.max_operators = 12;
  return support::random_draft(seed, size);
}

}  // namespace

std::string Failure::to_string() const {
  return fmt::format(
      "seed {}: {}\nshrunk: {}\n{}"
      "again, with the same test: --first-seed={} --instances=1\n",
      seed, fault, shrunk_fault, shrunk, seed);
}

std::optional<Failure> find_failure(std::uint64_t first_seed, std::uint64_t instances,
                                    const Applies& applies, const FindFault& find_fault) {
  return find_failure(first_seed, instances, draft_of, applies, find_fault);
}

std::optional<Failure> find_failure(std::uint64_t first_seed, std::uint64_t instances,
                                    const Draw& draw, const Applies& applies,
                                    const FindFault& find_fault) {
  std::uint64_t tried = 0;
  for (std::uint64_t seed = first_seed; tried < instances; ++seed) {
    support::Draft draft = draw(seed);
    const auto problem = support::build(draft);
    if (!applies(*problem)) continue;
    ++tried;
    const auto fault = find_fault(*problem);
    if (!fault) continue;

    const support::Draft small =
        support::shrink(std::move(draft), [&](const model::Problem& candidate) {
          return applies(candidate) && find_fault(candidate).has_value();
        });
    return Failure{seed, *fault, find_fault(*support::build(small)).value_or("(no longer fails)"),
                   small.operators.size(), support::to_json(small)};
  }
  return std::nullopt;
}

}  // namespace cleave::properties
