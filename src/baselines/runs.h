#pragma once

#include <cstdint>
#include <optional>
#include <vector>

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

using Row = std::optional<std::vector<model::Stage>>;
Row run_pool_only(const model::Problem& problem, std::uint64_t seed);
Row run_one_accelerator(const model::Problem& problem, std::uint64_t seed);
Row run_greedy_calls(const model::Problem& problem, std::uint64_t seed);
Row run_heft(const model::Problem& problem, std::uint64_t seed);
Row run_scotch_calls(const model::Problem& problem, std::uint64_t seed);

}  // namespace cleave::baselines
