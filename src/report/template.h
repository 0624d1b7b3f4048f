#pragma once

#include <string_view>

namespace cleave::report {

/// The page without its data: template.html, which viewer/ builds and CMake embeds.
[[nodiscard]] std::string_view page_template();

}  // namespace cleave::report
