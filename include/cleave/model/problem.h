#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/graph.h"
#include "cleave/model/machine.h"

namespace cleave::model {

enum class Objective { throughput, latency };
/// gpipe minimises the largest forward load plus the largest backward load, all others the largest
/// load. flush and two_bw are for problems whose stages have choices.
enum class Schedule { inference, one_f_one_b, gpipe, flush, two_bw };
enum class Transfers { serial, half_duplex, full_duplex };
/// How many pieces a device may hold. Throughput: contiguous or any. Latency: pieces are calls of
/// an accelerator; contiguous is one, slots as many as Question::slots says, any without limit.
enum class PlacementRule { contiguous, any, slots };

[[nodiscard]] std::string_view to_string(Objective value);
[[nodiscard]] std::string_view to_string(Schedule value);
[[nodiscard]] std::string_view to_string(Transfers value);
/// The rule's name, without the number of slots.
[[nodiscard]] std::string_view to_string(PlacementRule value);

/// Operators whose name or id matches `pattern` (ECMAScript regular expression, searched
/// anywhere) must (pin) or must not (forbid) be on `device`: a device name such as
/// "accelerator0" or a class name such as "cpu".
struct DeviceRule {
  std::string pattern;
  std::string device;
};

/// Whether a stage keeps only its inputs of a micro-batch in flight, and runs forward again before
/// its backward pass.
enum class Recompute { never, always, choose };
[[nodiscard]] std::string_view to_string(Recompute value);

/// What the stages of a pipeline may choose (docs/model.md, "Stages with choices"). With it, stages
/// also hold what their micro-batches in flight need.
struct StageChoices {
  int max_replicas = 1;            ///< devices that a stage may be on, ≥ 1
  std::int64_t micro_batches = 1;  ///< of a batch (m), ≥ 1; training: replicas divide it
  Recompute recompute = Recompute::never;

  static constexpr std::int64_t kMaxMicroBatches = 1 << 20;
};

/// What is asked. Every field changes WHICH problem is solved (effort is base::Limits).
struct Question {
  Objective objective = Objective::throughput;
  PlacementRule placement = PlacementRule::contiguous;
  std::optional<Schedule> schedule;  ///< default: one_f_one_b for graphs with backward operators
  Transfers transfers = Transfers::serial;
  std::vector<DeviceRule> pins;
  std::vector<DeviceRule> forbids;
  int slots = 1;  ///< PlacementRule::slots: calls that an accelerator may hold, ≥ 1
  /// Latency: operators that a pool works on at a time, ≥ 1; nullopt: all that are ready.
  std::optional<int> workers{};
  /// Throughput: what stages may choose; nullopt: nothing, and activations do not count.
  std::optional<StageChoices> stages{};
};
/// The placement rule as it is typed: "contiguous", "any", "slots=2".
[[nodiscard]] std::string describe_placement(const Question& question);

/// Devices that nobody can tell apart: one class, and allowed the same operators.
struct Kind {
  ClassId device_class;
  std::vector<DeviceId> devices;  ///< ascending, at least one
};

/// A graph, a machine and a question, checked against each other. Immutable; cheap to copy.
///
/// Invariants: every operator is allowed on at least one device; every tensor has a transfer time
/// on every class that pays transfers; sums of times stay below kMaxDuration.
///
/// Latency: the machine is the given one pooled(): each class that pays no transfers is one device,
/// and the other devices are accelerators, whose work comes in calls. The schedule is inference,
/// whatever the graph: there is only one sample.
class Problem {
 public:
  /// Errors: bad_input, naming the operator, tensor, rule or class at fault.
  [[nodiscard]] static base::Result<Problem> create(std::shared_ptr<const Graph> graph,
                                                    Machine machine, Question question);

  [[nodiscard]] const Graph& graph() const { return *data_->graph; }
  [[nodiscard]] const std::shared_ptr<const Graph>& shared_graph() const { return data_->graph; }
  [[nodiscard]] const Machine& machine() const { return data_->machine; }
  [[nodiscard]] const Question& question() const { return data_->question; }
  [[nodiscard]] Schedule schedule() const { return data_->schedule; }
  [[nodiscard]] Transfers transfers() const { return data_->question.transfers; }
  /// Latency: calls that an accelerator may hold; at most the number of operators.
  [[nodiscard]] std::size_t slots() const { return data_->slots; }

  /// Kinds are ordered by class, then by their first device.
  [[nodiscard]] std::size_t num_kinds() const { return data_->kinds.size(); }
  [[nodiscard]] const Kind& kind(KindId kind) const { return data_->kinds[kind.index()]; }
  [[nodiscard]] KindId kind_of(DeviceId device) const { return data_->kind_of[device.index()]; }

  /// Whether the operator may be there: supported by the class and not excluded by a rule.
  [[nodiscard]] bool allowed(OperatorId op, KindId kind) const {
    return data_->allowed[op.index() * data_->kinds.size() + kind.index()];
  }
  [[nodiscard]] bool allowed(OperatorId op, DeviceId device) const {
    return allowed(op, kind_of(device));
  }
  /// Time of the operator on a class; nullopt where unsupported.
  [[nodiscard]] std::optional<Duration> time(OperatorId op, ClassId c) const {
    return graph().time(op, data_->column_of_class[c.index()]);
  }
  /// Time to move the tensor into or out of one device of the class; 0 where it pays nothing.
  [[nodiscard]] Duration transfer(TensorId tensor, ClassId c) const;
  /// The same between devices of one server; transfer() where the class has no servers.
  [[nodiscard]] Duration transfer_in_server(TensorId tensor, ClassId c) const;
  [[nodiscard]] std::optional<Bytes> memory(ClassId c) const {
    return machine().device_class(c).memory;
  }

 private:
  struct Data {
    std::shared_ptr<const Graph> graph;
    Machine machine;
    Question question;
    Schedule schedule;
    std::size_t slots;
    std::vector<Kind> kinds;
    std::vector<KindId> kind_of;
    std::vector<bool> allowed;  // [operators × kinds]
    std::vector<std::size_t> column_of_class;
  };
  explicit Problem(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

}  // namespace cleave::model
