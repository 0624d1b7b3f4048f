#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

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
/// O(entries). Thread-safe.
class Certificate {
 public:
  /// REQUIRES: a multiple for each row.
  Certificate(const Program& program, const Program::Box& box, std::span<const double> multiples);

  /// nullopt: a sum did not fit, so nothing is proven. O(1).
  [[nodiscard]] std::optional<Amount> bound() const;
  /// The same multiples' bound for the part of the box in which, of these columns, `one` is 1 and
  /// the others are 0. REQUIRES: the box is the same; their bounds lie within 0 and 1. O(columns).
  [[nodiscard]] std::optional<Amount> bound_where(const Program::Box& box,
                                                  std::span<const std::uint32_t> columns,
                                                  std::uint32_t one) const;

 private:
  __extension__ using Wide = __int128;
  std::vector<Wide> reduced_costs_;  // [columns]: d, times the denominator
  std::optional<Wide> sum_;          // the right side, likewise
};

/// Whether the multiples prove that no x in the box keeps the rows: the same sum with c = 0 is
/// above 0. Their sign is tried both ways. O(entries). Thread-safe.
[[nodiscard]] bool certified_infeasible(const Program& program, const Program::Box& box,
                                        std::span<const double> multiples);

}  // namespace cleave::program
