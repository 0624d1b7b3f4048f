#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "cleave/base/result.h"

namespace cleave::io {

/// Of any file but those of devices.
inline constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;

/// The bytes of a file. Errors: not_found where it is missing or cannot be read; bad_input for a
/// directory, and for more than `limit` bytes.
[[nodiscard]] base::Result<std::string> read_text(const std::filesystem::path& file,
                                                  std::size_t limit = kMaxFileBytes);

/// Why no reader needs to look at it: empty, binary or too large; or nothing.
[[nodiscard]] std::optional<base::Error> find_unreadable(std::string_view text,
                                                         std::string_view name,
                                                         std::size_t limit = kMaxFileBytes);

}  // namespace cleave::io
