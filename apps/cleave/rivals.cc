#include "rivals.h"

#include <fmt/format.h>

namespace cleave::app {

namespace {

// The device that exceeds its memory the most, and by how much.
std::string describe_memory(const model::Problem& problem,
                            const std::vector<model::DeviceLoad>& devices) {
  std::string worst;
  base::Bytes most;
  for (std::size_t d = 0; d < devices.size(); ++d) {
    const base::DeviceId device(d);
    const auto limit = problem.memory(problem.machine().class_of(device));
    if (!limit || devices[d].memory - *limit <= most) continue;
    most = devices[d].memory - *limit;
    worst = problem.machine().device_name(device);
  }
  return fmt::format("over memory on {} by {}", worst, report::format_bytes(most));
}

}  // namespace

std::string describe_breach(const model::Problem& problem, const check::Verdict& verdict) {
  if (verdict.feasible()) return "";
  switch (verdict.broken.front()) {
    case check::Rule::placed:
      return "leaves operators without a device";
    case check::Rule::allowed:
      return "has operators where they may not be";
    case check::Rule::colocation:
      return "tears colocation groups apart";
    case check::Rule::memory:
      return describe_memory(problem, verdict.devices);
    case check::Rule::contiguity:
      return "not contiguous";
  }
  return verdict.violations.front();
}

std::vector<report::Rival> to_rivals(const model::Problem& problem,
                                     const std::vector<solve::Alternative>& alternatives) {
  std::vector<report::Rival> rivals;
  for (const solve::Alternative& a : alternatives) {
    const bool breaks = !a.feasible && !a.placement.empty();
    rivals.push_back(
        {a.name, breaks ? describe_breach(problem, check::examine(problem, a.placement)) : a.note,
         a.objective, a.feasible});
  }
  return rivals;
}

}  // namespace cleave::app
