#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cleave/base/result.h"
#include "cleave/base/units.h"

namespace cleave::io {

/// Whether `text` is a number as JSON writes it: -12, 0.5, 1e-3.
[[nodiscard]] bool is_decimal(std::string_view text);

/// A decimal number times an integer, rounded to the nearest integer, halves away from zero.
struct Scaled {
  std::int64_t value = 0;
  bool exact = false;  ///< nothing was rounded away
};
/// nullopt: does not fit. Digits after the 25th significant one are dropped.
/// REQUIRES: is_decimal(text), 0 < factor ≤ 2^43. O(length of text).
[[nodiscard]] std::optional<Scaled> scale(std::string_view text, std::int64_t factor);

/// What a number is to be, for the message where it is not.
enum class Rounding { nearest, none };
/// `text` · factor as an integer in [0, limit]. `what` opens the message: "the time".
/// Error: not a decimal number, negative, too large, or (Rounding::none) not whole.
[[nodiscard]] base::Result<std::int64_t> read_amount(std::string_view text, std::int64_t factor,
                                                     std::int64_t limit, Rounding rounding,
                                                     std::string_view what);

inline constexpr std::int64_t kPicosecondsPerMillisecond = 1'000'000'000;

[[nodiscard]] base::Result<base::Duration> read_milliseconds(std::string_view text);
[[nodiscard]] base::Result<base::Bytes> read_bytes(std::string_view text, Rounding rounding);

/// Milliseconds with as many digits as it takes to read back exactly: "0.125".
[[nodiscard]] std::string milliseconds(base::Duration duration);

}  // namespace cleave::io
