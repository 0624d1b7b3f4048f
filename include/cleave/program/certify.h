#pragma once

#include <optional>
#include <span>

#include "cleave/program/program.h"

namespace cleave::program {

/// What multiples of a program's rows prove, in integers: nothing of what proposed them is trusted
/// (Neumaier and Shcherbina, "Safe bounds in linear and mixed-integer linear programming", 2004;
/// here with fractions in place of outward rounding).
///
/// For any y, and any x that keeps the rows and lies in the box,
///
///   Σ c_j x_j = Σ y_i (Ax)_i + Σ d_j x_j   with d = c − Aᵀy
///            ≥ Σ_{y_i > 0} y_i lower_i + Σ_{y_i < 0} y_i upper_i
///              + Σ_{d_j > 0} d_j lower_j + Σ_{d_j < 0} d_j upper_j.
///
/// The multiples are rounded to fractions with one denominator, and set to 0 where the row has no
/// bound on the side that they ask for; then all of it is computed in 128 bits, and the quotient is
/// rounded up, since the objective is a whole number where all x_j are (REQUIRES of callers: the
/// best x has a whole objective).
///
/// nullopt: a sum would not fit, so nothing is proven. O(entries). Thread-safe.
[[nodiscard]] std::optional<Amount> certified_bound(const Program& program, const Program::Box& box,
                                                    std::span<const double> multiples);

/// Whether the multiples prove that no x in the box keeps the rows: the same sum with c = 0 is
/// above 0. Their sign is tried both ways.
[[nodiscard]] bool certified_infeasible(const Program& program, const Program::Box& box,
                                        std::span<const double> multiples);

}  // namespace cleave::program
