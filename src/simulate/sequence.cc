#include "simulate/sequence.h"

#include <algorithm>

namespace cleave::simulate {

using model::Phase;

namespace {

// Replicas are alike: the first stands for all.
std::uint32_t resource(const Task& task) { return task.workers.front().resource; }
// That a micro-batch stays with one of them.
std::int64_t rounds(const Task& task) { return static_cast<std::int64_t>(task.workers.size()); }

}  // namespace

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
        const bool elsewhere = resource(tasks[need]) != resource(tasks[t]);
        turn = std::max(turn, sequence.turns[need] + (elsewhere ? rounds(tasks[need]) : 0));
      }
    }
    std::fill(sequence.turns.begin() + static_cast<std::ptrdiff_t>(first),
              sequence.turns.begin() + static_cast<std::ptrdiff_t>(end), turn);
    sequence.depth = std::max(sequence.depth, turn + rounds(tasks[first]));
  }
  return sequence;
}

bool is_plain_pipeline(const Program& program) {
  if (program.num_waves > 2 || program.has_late_receipts) return false;
  std::vector<std::uint32_t> stage_on(program.num_resources, 0);  // from 1; 0: none yet
  for (const Task& task : program.tasks) {
    std::uint32_t& stage = stage_on[resource(task)];
    if (stage != 0 && stage != task.stage + 1) return false;
    stage = task.stage + 1;
  }
  return true;
}

Sequence in_textbook_order(const Program& program, model::Transfers transfers) {
  Sequence sequence;
  sequence.stride = 2;
  const std::int64_t hop = transfers == model::Transfers::serial ? 0 : sequence.stride;
  for (const Task& task : program.tasks) {
    const std::int64_t in_flight = program.in_flight[task.stage];
    sequence.depth = std::max(sequence.depth, in_flight * rounds(task));
    std::int64_t turn = task.phase == Phase::forward ? 0 : 2 * in_flight - 1;
    if (task.activity == Activity::in) turn -= hop;
    if (task.activity == Activity::out) turn += hop;
    sequence.turns.push_back(turn);
  }
  return sequence;
}

}  // namespace cleave::simulate
