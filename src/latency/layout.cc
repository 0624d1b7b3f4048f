#include "latency/layout.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace cleave::latency {

Layout::Layout(const model::Problem& problem) : problem_(problem), clock_(problem) {}

bool Layout::start(Assignment assignment) {
  assignment_ = std::move(assignment);
  const model::Machine& machine = problem_.machine();
  memory_left_.clear();
  for (std::size_t d = 0; d < machine.num_devices(); ++d) {
    const auto limit = problem_.memory(machine.class_of(DeviceId(d)));
    memory_left_.push_back(limit ? limit->count() : std::numeric_limits<std::int64_t>::max());
  }
  changes_.clear();
  exchanged_ranks_.reset();
  for (std::size_t v = 0; v < assignment_.slot_of.size(); ++v) {
    const OperatorId op(v);
    memory_left_[clock_.device(slot(op)).index()] -= problem_.graph().memory(op).count();
    changes_.push_back(Change{op, slot(op)});
  }
  const bool right = keeps_rules();
  changes_.clear();
  const auto makespan =
      right ? clock_.makespan(assignment_.slot_of, assignment_.ranks) : std::nullopt;
  makespan_ = makespan.value_or(base::kMaxDuration);
  return makespan.has_value();
}

std::optional<Duration> Layout::move(std::span<const OperatorId> operators, SlotId to) {
  changes_.clear();
  exchanged_ranks_.reset();
  for (const OperatorId op : operators) {
    if (slot(op) != to) put(op, to);
  }
  return price();
}

std::optional<Duration> Layout::exchange(SlotId a, SlotId b) {
  changes_.clear();
  exchanged_ranks_.reset();
  for (std::size_t v = 0; v < assignment_.slot_of.size(); ++v) {
    const OperatorId op(v);
    if (slot(op) == a) {
      put(op, b);
    } else if (slot(op) == b) {
      put(op, a);
    }
  }
  return price();
}

std::optional<Duration> Layout::exchange_ranks(OperatorId a, OperatorId b) {
  changes_.clear();
  std::swap(assignment_.ranks[a.index()], assignment_.ranks[b.index()]);
  exchanged_ranks_ = {a, b};
  return price();
}

void Layout::put(OperatorId op, SlotId to) {
  const std::int64_t memory = problem_.graph().memory(op).count();
  changes_.push_back(Change{op, slot(op)});
  memory_left_[clock_.device(slot(op)).index()] += memory;
  memory_left_[clock_.device(to).index()] -= memory;
  assignment_.slot_of[op.index()] = to;
}

// Of what has changed.
bool Layout::keeps_rules() const {
  const model::Graph& graph = problem_.graph();
  return std::all_of(changes_.begin(), changes_.end(), [&](const Change& change) {
    const DeviceId device = clock_.device(slot(change.op));
    if (!problem_.allowed(change.op, device) || memory_left_[device.index()] < 0) return false;
    const auto group = graph.group(change.op);
    if (!group) return true;
    const auto members = graph.members(*group);
    return std::all_of(members.begin(), members.end(),
                       [&](OperatorId mate) { return clock_.device(slot(mate)) == device; });
  });
}

std::optional<Duration> Layout::price() {
  makespan_before_ = makespan_;
  std::optional<Duration> makespan;
  if (keeps_rules()) makespan = clock_.makespan(assignment_.slot_of, assignment_.ranks);
  if (makespan) {
    makespan_ = *makespan;
  } else {
    undo();
  }
  return makespan;
}

void Layout::undo() {
  const std::vector<Change> changes = std::exchange(changes_, {});
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    put(change->op, change->from);
  }
  changes_.clear();
  if (exchanged_ranks_) {
    std::swap(assignment_.ranks[exchanged_ranks_->first.index()],
              assignment_.ranks[exchanged_ranks_->second.index()]);
    exchanged_ranks_.reset();
  }
  makespan_ = makespan_before_;
}

}  // namespace cleave::latency
