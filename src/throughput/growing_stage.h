#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cleave/cost/loads.h"
#include "cleave/cost/stages.h"
#include "cleave/model/problem.h"
#include "cleave/reduce/contract.h"

namespace cleave::throughput {

/// A stage between two ideals that grows and shrinks by a node at a time, with all that its load
/// and memory follow from, on every kind of device. Each step costs time in proportion to the
/// tensors of the node and the number of kinds.
class GrowingStage {
 public:
  /// REQUIRES: problem and graph outlive it.
  GrowingStage(const model::Problem& problem, const reduce::Contracted& graph);

  /// Adds a node. REQUIRES: of all nodes that must come before it, those not inside come before the
  /// whole stage.
  void push(reduce::Node v);
  /// Undoes the last push that has not been undone.
  void pop();

  [[nodiscard]] const cost::StageBytes& bytes() const { return bytes_; }
  /// Whether the kind may hold all nodes inside.
  [[nodiscard]] bool allowed(std::size_t kind) const { return excluded_[kind] == 0; }
  /// Compute time on the kind, in the phase.
  [[nodiscard]] base::Duration compute(std::size_t kind, std::size_t phase) const {
    return kinds_[kind].compute[phase];
  }

  /// Which borders stay inside a server.
  struct Borders {
    bool before = false;
    bool after = false;
  };
  /// What a device of the kind moves and computes for a micro-batch.
  [[nodiscard]] cost::DeviceSums sums(std::size_t kind, Borders inside, bool recompute) const;

 private:
  enum Flow : std::size_t { forward_in, forward_out, backward_in, backward_out };
  // A tensor between nodes.
  struct Tensor {
    reduce::Node producer = 0;
    std::uint32_t others = 0;  // nodes besides the producer's that consume it
    bool forward = true;
    std::int64_t bytes = 0;
    std::size_t prices = 0;  // into prices_: [kinds × (between, inside servers)]
  };
  struct PerKind {
    std::array<base::Duration, 2> compute{};
    std::array<std::array<base::Duration, 2>, 4> flows{};  // [Flow][inside server]
  };

  void add(reduce::Node v, std::int64_t sign);
  void book(const Tensor& tensor, Flow flow, std::int64_t sign);
  void touch_produced(const Tensor& tensor, std::uint32_t consumers_in, std::int64_t sign);
  void touch_consumed(const Tensor& tensor, std::uint32_t consumers_in, std::int64_t sign);

  const reduce::Contracted& graph_;
  std::size_t num_kinds_;
  std::vector<Tensor> tensors_;
  std::vector<base::Duration> prices_;
  std::vector<std::vector<std::uint32_t>> produced_, consumed_;  // [nodes]: tensors
  std::vector<cost::StageBytes> node_bytes_;                     // [nodes]
  std::vector<std::array<base::Duration, 2>> node_times_;        // [nodes × kinds]

  std::vector<reduce::Node> inside_;
  std::vector<bool> is_inside_;              // [nodes]
  std::vector<std::uint32_t> consumers_in_;  // [tensors]: consuming nodes inside
  std::vector<std::uint32_t> excluded_;      // [kinds]: nodes inside that it may not hold
  std::vector<PerKind> kinds_;
  cost::StageBytes bytes_;
};

}  // namespace cleave::throughput
