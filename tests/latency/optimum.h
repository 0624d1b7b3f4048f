#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cleave/base/units.h"
#include "cleave/model/problem.h"

namespace cleave::latency {

/// What is wrong with the problem's answers, given its optimum; nullopt: nothing. An optimum of
/// nullopt: there is no plan.
using FindFault =
    std::function<std::optional<std::string>(const model::Problem&, std::optional<base::Duration>)>;

/// Expects to find no fault on small random problems with the latency objective, of the seeds
/// 1 … count: any number of slots, pools with and without workers, every transfer model. Optima
/// are found by trying every slot of every operator and, with workers, every row of operators. The
/// first problem with a fault is shown as JSON. Unless built as Release, a twentieth of them.
void expect_no_fault(std::uint64_t count, const FindFault& find_fault);

/// The same on random chains with parallel branches between two of their operators, with much
/// colocation, one to three slots and serial transfers; optima are those of exhaust().
void expect_no_fault_with_branches(std::uint64_t count, const FindFault& find_fault);
/// The same for problems with two calls an accelerator, two branches, and colocated neighbours.
void expect_no_fault_with_mates(std::uint64_t count, const FindFault& find_fault);

}  // namespace cleave::latency
