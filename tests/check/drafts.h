#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cleave/model/plan.h"
#include "support/draft.h"

/// Problems small enough to work out by hand.
namespace cleave::check {

inline model::OperatorSpec op(std::string id, std::int64_t memory, std::int64_t accelerator,
                              std::optional<std::int64_t> cpu) {
  model::OperatorSpec spec;
  spec.id = std::move(id);
  spec.memory = base::Bytes(memory);
  spec.times = {base::Duration(accelerator),
                cpu ? std::optional(base::Duration(*cpu)) : std::nullopt};
  return spec;
}

inline model::OperatorSpec backward(model::OperatorSpec spec) {
  spec.phase = model::Phase::backward;
  return spec;
}

inline model::OperatorSpec in_group(std::string group, model::OperatorSpec spec) {
  spec.group = std::move(group);
  return spec;
}

inline model::TensorSpec tensor(std::size_t producer, const std::vector<std::size_t>& consumers,
                                std::int64_t transfer) {
  model::TensorSpec spec;
  spec.producer = base::OperatorId(producer);
  for (const std::size_t consumer : consumers) spec.consumers.emplace_back(consumer);
  spec.transfer = base::Duration(transfer);
  return spec;
}

/// Two accelerators that pay for transfers, then a CPU that does not: devices 0, 1 and 2.
inline std::vector<model::DeviceClass> two_accelerators_and_a_cpu() {
  model::DeviceClass accelerator;
  accelerator.name = "accelerator";
  accelerator.count = 2;
  model::DeviceClass cpu;
  cpu.name = "cpu";
  cpu.pays_transfers = false;
  return {accelerator, cpu};
}

/// a -> b -> d and a -> c -> d. Operators 0 to 3 compute 10, 20, 30, 40 on an accelerator and
/// d 33 on the CPU; a's one tensor costs 30, b's 2, c's 5. Memory 1, 2, 4, 8.
inline support::Draft diamond() {
  support::Draft draft;
  draft.time_columns = {"accelerator", "cpu"};
  draft.operators = {op("a", 1, 10, 100), op("b", 2, 20, 200), op("c", 4, 30, std::nullopt),
                     op("d", 8, 40, 33)};
  draft.tensors = {tensor(0, {1, 2}, 30), tensor(1, {3}, 2), tensor(2, {3}, 5)};
  draft.classes = two_accelerators_and_a_cpu();
  return draft;
}

/// f1 -> f2 -> b2 -> b1 and f1 -> b1, the tensors costing 4, 6, 5 and 7, the operators (0 to 3)
/// computing 30, 20, 30 and 15 on accelerators. Twins share a device where `grouped`.
inline support::Draft training(bool grouped) {
  support::Draft draft;
  draft.time_columns = {"accelerator", "cpu"};
  draft.operators = {op("f1", 1, 30, 99), op("f2", 1, 20, 99), backward(op("b2", 1, 30, 99)),
                     backward(op("b1", 1, 15, 99))};
  if (grouped) {
    draft.operators[0].group = draft.operators[3].group = "one";
    draft.operators[1].group = draft.operators[2].group = "two";
  }
  draft.tensors = {tensor(0, {1}, 4), tensor(1, {2}, 6), tensor(2, {3}, 5), tensor(0, {3}, 7)};
  draft.classes = two_accelerators_and_a_cpu();
  return draft;
}

inline model::Placement on(const std::vector<std::int32_t>& devices) {
  model::Placement placement;
  for (const std::int32_t device : devices) placement.emplace_back(device);
  return placement;
}

}  // namespace cleave::check
