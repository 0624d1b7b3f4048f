#include "io/decimal.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "io/text.h"

namespace cleave::io {
namespace {

__extension__ using Wide = __int128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) -
                                  text.begin());
}

// A decimal number as mantissa · 10^exponent.
struct Parts {
  bool negative = false;
  Wide mantissa = 0;
  std::int64_t exponent = 0;
  bool dropped = false;  // digits other than 0 beyond the mantissa's
};

// Exponents beyond this make any number overflow or vanish.
constexpr std::int64_t kFarExponent = std::int64_t{1} << 40;

std::int64_t read_exponent(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  std::int64_t exponent = 0;
  for (const char c : text) exponent = std::min(exponent * 10 + (c - '0'), kFarExponent);
  return negative ? -exponent : exponent;
}

Parts take_apart(std::string_view text) {
  constexpr int kDigits = 25;  // times 2^43 this still fits in 127 bits
  Parts parts;
  if (text.front() == '-') {
    parts.negative = true;
    text.remove_prefix(1);
  }
  int digits = 0;
  bool fraction = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      fraction = true;
    } else if (!is_digit(text[i])) {
      parts.exponent += read_exponent(text.substr(i + 1));
      break;
    } else if (digits < kDigits) {
      parts.mantissa = parts.mantissa * 10 + (text[i] - '0');
      digits += parts.mantissa > 0 ? 1 : 0;
      parts.exponent -= fraction ? 1 : 0;
    } else {
      parts.dropped = parts.dropped || text[i] != '0';
      parts.exponent += fraction ? 0 : 1;
    }
  }
  return parts;
}

constexpr Wide kLargest = std::numeric_limits<std::int64_t>::max();

// value · 10^exponent. REQUIRES: value ≥ 0, exponent ≥ 0.
std::optional<Scaled> shift_up(Wide value, std::int64_t exponent) {
  if (value == 0) return Scaled{0, true};
  for (; exponent > 0 && value <= kLargest; --exponent) value *= 10;
  if (value > kLargest) return std::nullopt;
  return Scaled{static_cast<std::int64_t>(value), true};
}

// value / 10^places, rounded. REQUIRES: value ≥ 0, places > 0.
std::optional<Scaled> shift_down(Wide value, std::int64_t places) {
  constexpr std::int64_t kPlaces = 38;  // 10^38 is the largest power in a Wide, and above any value
  if (places > kPlaces) return Scaled{0, value == 0};
  Wide divisor = 1;
  for (; places > 0; --places) divisor *= 10;
  const Wide rest = value % divisor;
  const Wide rounded = value / divisor + (rest >= divisor - rest ? 1 : 0);
  if (rounded > kLargest) return std::nullopt;
  return Scaled{static_cast<std::int64_t>(rounded), rest == 0};
}

}  // namespace

bool is_decimal(std::string_view text) {
  const auto take_digits = [&] {
    const std::size_t digits = count_digits(text);
    text.remove_prefix(digits);
    return digits;
  };
  const auto take = [&](std::string_view any_of) {
    const bool found = !text.empty() && any_of.find(text.front()) != std::string_view::npos;
    if (found) text.remove_prefix(1);
    return found;
  };
  take("-");
  const bool leading_zero = text.starts_with('0');
  const std::size_t whole = take_digits();
  if (whole == 0 || (leading_zero && whole > 1)) return false;
  if (take(".") && take_digits() == 0) return false;
  if (take("eE")) {
    take("+-");
    if (take_digits() == 0) return false;
  }
  return text.empty();
}

std::optional<Scaled> scale(std::string_view text, std::int64_t factor) {
  Parts parts = take_apart(text);
  while (parts.exponent < 0 && factor % 10 == 0) {
    factor /= 10;
    ++parts.exponent;
  }
  const Wide product = parts.mantissa * factor;
  auto scaled = parts.exponent >= 0 ? shift_up(product, parts.exponent)
                                    : shift_down(product, -parts.exponent);
  if (!scaled) return std::nullopt;
  if (parts.negative) scaled->value = -scaled->value;
  scaled->exact = scaled->exact && !parts.dropped;
  return scaled;
}

base::Result<std::int64_t> read_amount(std::string_view text, std::int64_t factor,
                                       std::int64_t limit, Rounding rounding,
                                       std::string_view what) {
  const auto fault = [&](std::string_view why) {
    return base::bad_input(fmt::format("{} {} {}", what, escaped(text, 40), why));
  };
  if (!is_decimal(text)) return fault("is not a number; write it as in 12, 0.5 or 1e-3");
  const auto scaled = scale(text, factor);
  const bool negative = text.front() == '-' && take_apart(text).mantissa > 0;
  if (negative) return fault("is negative; it must be at least 0");
  if (!scaled || scaled->value > limit) {
    return fault(fmt::format("is too large; at most {:.6g} can be represented",
                             static_cast<double>(limit) / static_cast<double>(factor)));
  }
  if (rounding == Rounding::none && !scaled->exact) return fault("is not a whole number");
  return scaled->value;
}

base::Result<base::Duration> read_milliseconds(std::string_view text) {
  const auto picoseconds = read_amount(text, kPicosecondsPerMillisecond, base::kMaxDuration.count(),
                                       Rounding::nearest, "the time");
  if (!picoseconds) return picoseconds.error();
  return base::Duration(*picoseconds);
}

base::Result<base::Bytes> read_bytes(std::string_view text, Rounding rounding) {
  const auto bytes = read_amount(text, 1, base::Bytes::max().count(), rounding, "the size");
  if (!bytes) return bytes.error();
  return base::Bytes(*bytes);
}

std::string milliseconds(base::Duration duration) {
  const std::int64_t count = duration.count();
  const auto bits = static_cast<std::uint64_t>(count);
  const std::uint64_t size = count < 0 ? 0 - bits : bits;
  std::string text =
      fmt::format("{}{}.{:09}", count < 0 ? "-" : "", size / kPicosecondsPerMillisecond,
                  size % kPicosecondsPerMillisecond);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace cleave::io
