#pragma once

#include <optional>

#include "cleave/base/random.h"
#include "cleave/program/program.h"

namespace cleave::program {

/// A few choices of two or three columns, a few further columns of 0 … 3, and rows of any kind with
/// coefficients as large as `size`. Most have a solution.
[[nodiscard]] Program random_program(base::Random& random, Amount size);

/// The least objective of whole solutions within the box, by trying all; nullopt: there is none.
[[nodiscard]] std::optional<Amount> least_objective(const Program& program,
                                                    const Program::Box& box);

}  // namespace cleave::program
