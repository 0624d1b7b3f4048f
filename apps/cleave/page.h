#pragma once

#include <string>

#include "cleave/io/io.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::app {

/// The HTML report on a plan: simulates it, runs everybody else's placements, and has the room
/// report write the page.
[[nodiscard]] std::string make_page(const model::Problem& problem, const model::Plan& plan,
                                    const io::Provenance& provenance);

/// The command that makes the plan again, for a POSIX shell, given the graph's file and the plan's
/// devices in a file devices.json.
[[nodiscard]] std::string command_again(const model::Problem& problem,
                                        const io::Provenance& provenance);

}  // namespace cleave::app
