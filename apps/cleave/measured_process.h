#pragma once

#include <functional>
#include <string>

#include "cleave/base/result.h"

namespace cleave::app {

/// What one piece of work cost as a process of its own, from fork to end.
struct Measured {
  std::string output;  ///< what the work returned
  double seconds = 0.0;
  double peak_megabytes = 0.0;  ///< largest resident size of the whole process, program included
};

/// Runs the work in a forked process, so that its time and memory are its own. REQUIRES: no other
/// thread runs. Error: internal, where the process cannot be started or ends by a signal.
[[nodiscard]] base::Result<Measured> measure(const std::function<std::string()>& work);

}  // namespace cleave::app
