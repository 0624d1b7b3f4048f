#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cleave/model/problem.h"
#include "support/draft.h"

namespace cleave::properties {

/// What is wrong with a problem's answers; nullopt: nothing.
using FindFault = std::function<std::optional<std::string>(const model::Problem&)>;
/// Whether a property says anything about the problem.
using Applies = std::function<bool(const model::Problem&)>;

/// The random problem of a seed.
using Draw = std::function<support::Draft(std::uint64_t seed)>;

/// The first random problem with a fault, made small.
struct Failure {
  std::uint64_t seed = 0;
  std::string fault;
  std::string shrunk_fault;
  std::size_t shrunk_operators = 0;
  std::string shrunk;  ///< JSON

  /// For a person: seed, faults, problem, and how to run this one again.
  [[nodiscard]] std::string to_string() const;
};

/// Tries `instances` random problems to which the property applies, from `first_seed` on.
[[nodiscard]] std::optional<Failure> find_failure(std::uint64_t first_seed, std::uint64_t instances,
                                                  const Draw& draw, const Applies& applies,
                                                  const FindFault& find_fault);
/// The same for problems of the throughput objective.
[[nodiscard]] std::optional<Failure> find_failure(std::uint64_t first_seed, std::uint64_t instances,
                                                  const Applies& applies,
                                                  const FindFault& find_fault);

}  // namespace cleave::properties
