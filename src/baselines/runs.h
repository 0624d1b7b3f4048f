#pragma once

#include <cstdint>
#include <optional>

#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

// What registry.cc lists, one function a source file. Described in baselines/baseline.h.
namespace cleave::baselines {

std::optional<model::Placement> run_one_device(const model::Problem& problem, std::uint64_t seed);
std::optional<model::Placement> run_greedy(const model::Problem& problem, std::uint64_t seed);
std::optional<model::Placement> run_linear_order(const model::Problem& problem, std::uint64_t seed);
std::optional<model::Placement> run_pipedream_like(const model::Problem& problem,
                                                   std::uint64_t seed);
std::optional<model::Placement> run_local_search(const model::Problem& problem, std::uint64_t seed);
std::optional<model::Placement> run_scotch(const model::Problem& problem, std::uint64_t seed);

}  // namespace cleave::baselines
