#pragma once

#include <cstdint>
#include <string_view>

#include "cleave/base/result.h"
#include "cleave/base/units.h"

namespace cleave::io {

/// Quantities with their unit, as docs/formats.md lists them: "16 GiB", "25 GB/s", "10 us".
/// Rounded to the nearest byte, byte a second and picosecond. Errors: bad_input without a place.
[[nodiscard]] base::Result<base::Bytes> parse_size(std::string_view text);
[[nodiscard]] base::Result<std::int64_t> parse_rate(std::string_view text);  ///< bytes a second
[[nodiscard]] base::Result<std::int64_t> parse_speed(
    std::string_view text);  ///< operations a second
[[nodiscard]] base::Result<base::Duration> parse_time(std::string_view text);

}  // namespace cleave::io
