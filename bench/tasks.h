#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "cleave/model/problem.h"
#include "cleave/reduce/contract.h"
#include "cleave/workload/workload.h"

/// What is measured, and on what: generated workloads (docs/workloads.md) on a machine of equal
/// accelerators that pay transfers and one CPU that does not. Generators' arguments are known to be
/// right, so errors end the program.
namespace cleave::bench {

[[nodiscard]] model::Graph make_graph(std::string_view family,
                                      const std::vector<workload::Setting>& settings,
                                      bool training = false);

[[nodiscard]] model::Problem make_problem(model::Graph graph, int accelerators,
                                          model::Schedule schedule = model::Schedule::inference);

[[nodiscard]] reduce::Contracted contracted(const model::Problem& problem);

/// Parallel chains between a source and a sink, `blocks` of them in a row: (operators + 1)^branches
/// ideals a block, which is how the number of ideals grows.
[[nodiscard]] model::Problem inception(std::int64_t blocks, std::int64_t branches,
                                       std::int64_t operators, int accelerators);

}  // namespace cleave::bench
