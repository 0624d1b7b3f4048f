#include "cleave/program/certify.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

namespace cleave::program {
namespace {

__extension__ using Wide = __int128;

// The denominator of multiples.
constexpr int kFractionBits = 48;
constexpr double kLargestMultiple = 0x1.0p+110;

// Sums and products in 128 bits; says when one did not fit.
class Sum {
 public:
  void add(Wide a, Wide b) {
    Wide product = 0;
    overflown_ = overflown_ || __builtin_mul_overflow(a, b, &product) ||
                 __builtin_add_overflow(value_, product, &value_);
  }
  [[nodiscard]] Wide value() const { return value_; }
  [[nodiscard]] bool overflown() const { return overflown_; }

 private:
  Wide value_ = 0;
  bool overflown_ = false;
};

// 0 where nothing can be said with the multiple.
Wide rounded(const Program::Row& row, double multiple) {
  const double scaled = std::ldexp(multiple, kFractionBits);
  if (!(std::abs(scaled) < kLargestMultiple)) return 0;
  const auto whole = static_cast<Wide>(std::nearbyint(scaled));
  if (whole > 0 && row.lower == Program::kNoLower) return 0;
  if (whole < 0 && row.upper == Program::kNoUpper) return 0;
  return whole;
}

// The least that the objective, times `cost_scale`, can be, and the reduced costs.
std::optional<Wide> least(const Program& program, const Program::Box& box,
                          std::span<const double> multiples, Wide cost_scale,
                          std::vector<Wide>& reduced_costs) {
  assert(multiples.size() == program.rows().size());
  Sum bound;
  std::vector<Sum> sums(program.columns().size());
  for (std::size_t j = 0; j < sums.size(); ++j) sums[j].add(cost_scale, program.columns()[j].cost);
  for (std::size_t i = 0; i < multiples.size(); ++i) {
    const Program::Row& row = program.rows()[i];
    const Wide multiple = rounded(row, multiples[i]);
    if (multiple == 0) continue;
    bound.add(multiple, multiple > 0 ? row.lower : row.upper);
    for (const auto& [column, a] : row.entries) sums[column].add(-multiple, a);
  }
  for (std::size_t j = 0; j < sums.size(); ++j) {
    if (sums[j].overflown()) return std::nullopt;
    const Wide cost = sums[j].value();
    reduced_costs.push_back(cost);
    bound.add(cost, cost > 0 ? box.lower[j] : box.upper[j]);
  }
  if (bound.overflown()) return std::nullopt;
  return bound.value();
}

constexpr Wide kDenominator = Wide{1} << kFractionBits;

std::optional<Amount> quotient_rounded_up(Wide sum) {
  const Wide bound = sum / kDenominator + (sum % kDenominator > 0 ? 1 : 0);
  if (bound < std::numeric_limits<Amount>::min() || bound > std::numeric_limits<Amount>::max()) {
    return std::nullopt;
  }
  return static_cast<Amount>(bound);
}

}  // namespace

Certificate::Certificate(const Program& program, const Program::Box& box,
                         std::span<const double> multiples)
    : sum_(least(program, box, multiples, kDenominator, reduced_costs_)) {}

std::optional<Amount> Certificate::bound() const {
  return sum_ ? quotient_rounded_up(*sum_) : std::nullopt;
}

std::optional<Amount> Certificate::bound_where(const Program::Box& box,
                                               std::span<const std::uint32_t> columns,
                                               std::uint32_t one) const {
  if (!sum_) return std::nullopt;
  Sum sum;
  sum.add(*sum_, 1);
  for (const std::uint32_t j : columns) {
    const Wide cost = reduced_costs_[j];
    sum.add(-cost, cost > 0 ? box.lower[j] : box.upper[j]);
  }
  sum.add(reduced_costs_[one], 1);
  return sum.overflown() ? std::nullopt : quotient_rounded_up(sum.value());
}

bool certified_infeasible(const Program& program, const Program::Box& box,
                          std::span<const double> multiples) {
  // Only their proportions count: make good use of the bits, for rows of large coefficients have
  // small multiples.
  double largest = 0;
  for (const double multiple : multiples) largest = std::max(largest, std::abs(multiple));
  if (!(largest > 0) || !std::isfinite(largest)) return false;
  std::vector<double> scaled(multiples.size());
  for (const double sign : {1.0, -1.0}) {
    std::transform(multiples.begin(), multiples.end(), scaled.begin(),
                   [&](double multiple) { return std::ldexp(sign * multiple / largest, 30); });
    std::vector<Wide> reduced_costs;
    const auto sum = least(program, box, scaled, 0, reduced_costs);
    if (sum && *sum > 0) return true;
  }
  return false;
}

}  // namespace cleave::program
