#pragma once

#include <vector>

#include "cleave/report/text.h"
#include "cleave/solve/solve.h"

namespace cleave::app {

/// Alternatives as the report shows them.
[[nodiscard]] inline std::vector<report::Rival> to_rivals(
    const std::vector<solve::Alternative>& alternatives) {
  std::vector<report::Rival> rivals;
  for (const solve::Alternative& a : alternatives) {
    rivals.push_back({a.name, a.note, a.objective, a.feasible});
  }
  return rivals;
}

}  // namespace cleave::app
