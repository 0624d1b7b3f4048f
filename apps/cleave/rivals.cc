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
    case check::Rule::slots:
      return "makes too many calls of an accelerator";
    case check::Rule::order:
      return "cannot run";
  }
  return verdict.violations.front();
}

report::Rival to_rival(const model::Problem& problem, const solve::Alternative& alternative) {
  std::string note = alternative.note;
  if (!alternative.feasible && !alternative.placement.empty()) {
    note = describe_breach(problem, alternative.stages.empty()
                                        ? check::examine(problem, alternative.placement)
                                        : check::examine(problem, alternative.stages));
  }
  return {alternative.name, std::move(note), alternative.objective, alternative.feasible};
}

std::vector<report::Rival> to_rivals(const model::Problem& problem,
                                     const std::vector<solve::Alternative>& alternatives) {
  std::vector<report::Rival> rivals;
  for (const solve::Alternative& a : alternatives) {
    rivals.push_back(to_rival(problem, a));
  }
  return rivals;
}

std::string describe_against_simple(const model::Problem& problem, const model::Plan& plan) {
  std::string answer = report::describe_answer(plan);
  const auto rivals = to_rivals(problem, solve::simple_alternatives(problem));
  const report::Rival* rival = report::best_feasible(rivals);
  if (rival == nullptr) return answer;
  return fmt::format("{}; {}", answer, report::describe_advantage(plan, *rival));
}

}  // namespace cleave::app
