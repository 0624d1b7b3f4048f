#pragma once

#include <memory>
#include <string_view>

#include "cleave/base/result.h"
#include "io/document.h"

namespace cleave::io {

/// The two syntaxes. Errors: bad_input, with line and column, or the JSON pointer where it is
/// known. Never throw; use no recursion that the text could drive (yaml-cpp stops itself at 500
/// levels).
[[nodiscard]] base::Result<std::unique_ptr<Document>> parse_json(std::string_view text,
                                                                 std::string_view name);
[[nodiscard]] base::Result<std::unique_ptr<Document>> parse_yaml(std::string_view text,
                                                                 std::string_view name);

}  // namespace cleave::io
