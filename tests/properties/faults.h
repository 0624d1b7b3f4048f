#pragma once

#include <optional>
#include <string>

#include "cleave/model/problem.h"
#include "properties/solvers.h"

namespace cleave::properties {

/// What is wrong with a solver's answers to the problem, in a sentence; nullopt: nothing.
/// Compared with brute force, without limits and under each of base::Limits:
///   without limits the status is optimal or infeasible, and right;
///   every placement is feasible and its objective is check's;
///   a lower bound never exceeds the optimum, however early the search stopped;
///   "optimal" and "infeasible" are only said where they are true, and "feasible" and "none" only
///   where a limit ended the search;
///   reported bounds rise, reported incumbents fall, and the optimum lies between them;
///   two runs with deterministic limits give the same answer.
[[nodiscard]] std::optional<std::string> find_fault(const Solver& solver,
                                                    const model::Problem& problem);

/// Without limits only, but with every bound asked directly, at random thresholds as well: for
/// solvers of placements without contiguity.
[[nodiscard]] std::optional<std::string> find_unlimited_fault(const Solver& solver,
                                                              const model::Problem& problem);

/// What differs between brute force and plan_by_ideal_chains(). REQUIRES: contiguous placement.
[[nodiscard]] std::optional<std::string> find_definition_fault(const model::Problem& problem);

/// What differs between cost::evaluate() and check::examine() on random placements of allowed
/// devices, feasible or not.
[[nodiscard]] std::optional<std::string> find_cost_fault(const model::Problem& problem);

/// Bounds for placements without contiguity, each asked directly, against brute force.
[[nodiscard]] std::optional<std::string> find_bound_fault(const model::Problem& problem);

}  // namespace cleave::properties
