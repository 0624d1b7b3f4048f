#include "simulate/sequence.h"

#include <algorithm>

namespace cleave::simulate {

using model::Phase;

Sequence in_rounds(const Program& program, model::Transfers transfers) {
  const auto& tasks = program.tasks;
  Sequence sequence;
  sequence.turns.resize(tasks.size());
  const bool whole_items = transfers == model::Transfers::serial;
  for (std::size_t first = 0, end = 0; first < tasks.size(); first = end) {
    for (end = first + 1; whole_items && end < tasks.size(); ++end) {
      if (tasks[end].item != tasks[first].item) break;
    }
    std::int64_t turn = 0;
    for (std::size_t t = first; t < end; ++t) {
      for (const std::uint32_t need : tasks[t].needs) {
        if (need >= first) continue;
        const bool elsewhere = tasks[need].resource != tasks[t].resource;
        turn = std::max(turn, sequence.turns[need] + (elsewhere ? 1 : 0));
      }
    }
    std::fill(sequence.turns.begin() + static_cast<std::ptrdiff_t>(first),
              sequence.turns.begin() + static_cast<std::ptrdiff_t>(end), turn);
    sequence.depth = std::max(sequence.depth, turn + 1);
  }
  return sequence;
}

bool is_plain_pipeline(const Program& program) {
  if (program.num_waves > 2 || program.has_late_receipts) return false;
  std::vector<std::uint32_t> stage_on(program.num_resources, 0);  // from 1; 0: none yet
  for (const Task& task : program.tasks) {
    std::uint32_t& stage = stage_on[task.resource];
    if (stage != 0 && stage != task.stage + 1) return false;
    stage = task.stage + 1;
  }
  return true;
}

Sequence in_textbook_order(const Program& program) {
  const auto stages = static_cast<std::int64_t>(program.num_stages);
  Sequence sequence;
  sequence.stride = 2;
  sequence.depth = stages;
  for (const Task& task : program.tasks) {
    const auto stage = static_cast<std::int64_t>(task.stage);
    sequence.turns.push_back(task.phase == Phase::forward ? stage : 2 * stages - 1 - stage);
  }
  return sequence;
}

}  // namespace cleave::simulate
