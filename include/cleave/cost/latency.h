#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/units.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

/// The latency objective (docs/model.md, "Objective: latency").
namespace cleave::cost {

struct LatencyEvaluation {
  std::vector<model::Stage> stages;        ///< as given, with start and finish
  std::vector<model::DeviceLoad> devices;  ///< [devices]; the sums over a device's calls
  base::Duration objective{0};             ///< the makespan
  bool fits = true;                        ///< no device holds more than its memory
};

/// Walks along a plan's row of stages.
/// REQUIRES: objective latency; every operator is in exactly one stage, on a device that allows it;
/// producers come before consumers. Neither the number of calls nor colocation is looked at.
/// O(operators + edges) plus, with workers, O(operators · log workers). Thread-safe.
[[nodiscard]] LatencyEvaluation evaluate_latency(const model::Problem& problem,
                                                 std::vector<model::Stage> stages);

/// The stages of a placement, with start and finish: one call an accelerator, where such a row
/// exists. Else calls would wait for one another in a circle, and everything is cut into what can
/// run: again and again, pools take up all that is ready, then the accelerator with the most work
/// ready makes a call of that, and of what becomes ready on it by that. With workers, operators
/// take turns by the longest path of smallest times from them to an end. REQUIRES: objective
/// latency; every operator is on a device that allows it. O((operators + edges) · log operators).
/// Thread-safe.
[[nodiscard]] std::vector<model::Stage> arrange_calls(const model::Problem& problem,
                                                      const model::Placement& placement);

/// A place for one call on an accelerator, or a whole pool.
using SlotId = base::Id<struct SlotTag>;

/// The same for searches, which ask millions of times: from a slot for each operator to the
/// makespan, without allocating.
///
/// Each accelerator has `slots_per_accelerator` slots with consecutive ids, which are its calls in
/// the order in which they take place; slots may stay empty, anywhere. Each pool has one slot.
///
///   LatencyClock clock(problem);
///   std::vector<SlotId> slot_of(n, clock.first_slot(device));
///   if (const auto makespan = clock.makespan(slot_of)) …
///
/// Refers to nothing; not thread-safe: use one in each thread.
class LatencyClock {
 public:
  /// REQUIRES: objective latency.
  explicit LatencyClock(const model::Problem& problem) : LatencyClock(problem, problem.slots()) {}
  LatencyClock(const model::Problem& problem, std::size_t slots_per_accelerator);

  [[nodiscard]] std::size_t num_slots() const { return device_of_.size(); }
  [[nodiscard]] SlotId first_slot(base::DeviceId device) const {
    return first_slot_[device.index()];
  }
  /// Number of slots of the device.
  [[nodiscard]] std::size_t slots_of(base::DeviceId device) const {
    return is_pool(first_slot(device)) ? 1 : slots_per_accelerator_;
  }
  [[nodiscard]] base::DeviceId device(SlotId slot) const { return device_of_[slot.index()]; }
  [[nodiscard]] bool is_pool(SlotId slot) const { return is_pool_[slot.index()]; }

  /// The makespan; nullopt: calls wait for one another in a circle, so this is no plan.
  ///
  /// `slot_of` is [operators], of slots whose device's class supports the operator. `ranks` matter
  /// only where pools have workers: they put the stages and operators in a row. Of those whose
  /// producers are in the row already, the one with the smallest rank comes next (a call's rank is
  /// the smallest of its operators'; equal ones by operator, calls last). Every row is reached by
  /// some ranks: those of operators sorted by when they start reach the best one of a placement.
  /// Empty: the positions in the graph's topological order.
  ///
  /// Neither memory nor colocation is looked at. O(operators + edges); with workers times the
  /// logarithm of the operators.
  [[nodiscard]] std::optional<base::Duration> makespan(std::span<const SlotId> slot_of,
                                                       std::span<const std::uint32_t> ranks = {});

  /// The plan's row of stages with start and finish, as evaluate_latency() gives them, of a slot
  /// assignment that has a makespan. Without workers, with few stages of pools, calls by rank.
  [[nodiscard]] std::vector<model::Stage> stages(std::span<const SlotId> slot_of,
                                                 std::span<const std::uint32_t> ranks = {});

  /// Of the last makespan() that was not nullopt, by operator: when its results were ready.
  [[nodiscard]] base::Duration finish(base::OperatorId op) const {
    return base::Duration(finish_[op.index()]);
  }

 private:
  using Time = std::int64_t;
  // A pool's operator by its index, or a call: operators + slot.
  using Node = std::uint32_t;

  // A call while its makespan is computed; only those in use are kept up to date.
  struct Call {
    Time in = 0, compute = 0, out = 0;
    Time ready = 0;             // of the inputs that have arrived, and the call before
    std::uint32_t waiting = 0;  // inputs, and the call before, that have not
    std::uint32_t rank = 0;
    std::int32_t first = -1;     // chain of operators through next_
    std::int32_t follower = -1;  // slot of the next call on the accelerator
  };
  struct PoolState {
    Time last_start = 0;
    std::vector<Time> busy_until;  // a heap of the workers that have begun something
  };

  [[nodiscard]] std::size_t num_operators() const { return finish_.size(); }
  [[nodiscard]] Node node_of_call(std::size_t slot) const {
    return static_cast<Node>(num_operators() + slot);
  }
  bool walk(std::span<const SlotId> slot_of, std::span<const std::uint32_t> ranks, bool in_order);
  void collect_calls();
  void collect_transfers();
  void arrive(std::uint32_t slot, Time time);
  void run_call(std::size_t slot);
  void run_pooled(std::size_t op);
  void deliver(std::size_t op, Time time);
  void push(Node node);
  Node pop();
  [[nodiscard]] bool comes_later(Node a, Node b) const;
  [[nodiscard]] bool is_call(Node node) const { return node >= num_operators(); }
  [[nodiscard]] std::size_t slot_at(std::size_t op) const { return slot_of_[op].index(); }

  model::Problem problem_;
  std::size_t slots_per_accelerator_;
  std::vector<base::DeviceId> device_of_;  // [slots]
  std::vector<SlotId> first_slot_;         // [devices]
  std::vector<bool> is_pool_;              // [slots]
  std::vector<std::uint32_t> class_of_;    // [slots]
  std::vector<Time> times_;                // [classes × operators]; 0 where unsupported
  std::vector<Time> prices_;               // [classes × tensors]
  std::vector<std::uint32_t> positions_;   // [operators]: in the graph's topological order

  // Of the walk that is under way, or was the last.
  std::span<const SlotId> slot_of_;
  std::span<const std::uint32_t> ranks_;
  bool in_order_ = false;               // queue_ is a heap
  std::vector<Call> calls_;             // [slots]
  std::vector<std::uint32_t> used_;     // slots in use, ascending
  std::vector<std::uint64_t> touched_;  // [slots]: by which tensor of which pass, last
  std::uint64_t touch_ = 0;
  std::vector<std::int32_t> next_;      // [operators]: of the same call
  std::vector<std::uint32_t> waiting_;  // [operators]: inputs of a pool's operator yet to come
  std::vector<Time> ready_;             // [operators]: of those that have
  std::vector<Time> finish_;            // [operators]
  std::vector<PoolState> pools_;        // [slots]
  std::vector<Node> queue_;             // may come next in the row: a stack, or a heap
  std::vector<Node> row_;
};

}  // namespace cleave::cost
