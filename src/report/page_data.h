#pragma once

#include <nlohmann/json.hpp>

#include "cleave/report/html.h"

namespace cleave::report {

/// What the page's program reads (viewer/src/data.ts is its other half): times in picoseconds,
/// sizes in bytes, operators and tensors in columns, so that large models stay small and quick to
/// read.
[[nodiscard]] nlohmann::ordered_json page_data(const Page& page);

}  // namespace cleave::report
