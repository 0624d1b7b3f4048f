#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/cost/latency.h"
#include "cleave/model/problem.h"

namespace cleave::latency {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using cost::SlotId;

/// What a search decides: a slot for each operator, and, where pools have workers, who is taken up
/// first.
struct Assignment {
  std::vector<SlotId> slot_of;       ///< [operators]
  std::vector<std::uint32_t> ranks;  ///< [operators], or empty: the graph's topological order
};

/// An assignment that is changed a few operators at a time and priced after each change, keeping
/// every rule of the problem: operators allowed where they are, memory, colocation.
/// Not thread-safe: one for each thread.
class Layout {
 public:
  explicit Layout(const model::Problem& problem);

  /// Takes over an assignment. False: it breaks a rule, or calls wait for one another.
  bool start(Assignment assignment);

  /// The makespan with the operators in that slot; nullopt, and nothing is changed: a rule would be
  /// broken. Undone by undo() until the next change.
  std::optional<Duration> move(std::span<const OperatorId> operators, SlotId slot);
  /// The same with all operators of two slots exchanged.
  std::optional<Duration> exchange(SlotId a, SlotId b);
  /// The same with the ranks of two operators exchanged.
  std::optional<Duration> exchange_ranks(OperatorId a, OperatorId b);
  void undo();

  [[nodiscard]] Duration makespan() const { return makespan_; }
  [[nodiscard]] const Assignment& assignment() const { return assignment_; }
  [[nodiscard]] SlotId slot(OperatorId op) const { return assignment_.slot_of[op.index()]; }
  [[nodiscard]] const cost::LatencyClock& clock() const { return clock_; }
  [[nodiscard]] const model::Problem& problem() const { return problem_; }
  [[nodiscard]] cost::LatencyClock& clock() { return clock_; }

 private:
  struct Change {
    OperatorId op;
    SlotId from;
  };
  void put(OperatorId op, SlotId slot);
  [[nodiscard]] bool keeps_rules() const;
  std::optional<Duration> price();

  const model::Problem& problem_;
  cost::LatencyClock clock_;
  Assignment assignment_;
  std::vector<std::int64_t> memory_left_;  // [devices]
  std::vector<Change> changes_;
  std::optional<std::pair<OperatorId, OperatorId>> exchanged_ranks_;
  Duration makespan_{0};
  Duration makespan_before_{0};
};

}  // namespace cleave::latency
