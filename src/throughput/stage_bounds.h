#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/cost/stages.h"
#include "cleave/model/problem.h"
#include "cleave/reduce/contract.h"

namespace cleave::throughput {

/// The least that a device can hold of a stage with these bytes, among any others: one micro-batch
/// in flight, no inputs.
[[nodiscard]] base::Bytes least_stage_memory(const model::Problem& problem,
                                             const cost::StageBytes& bytes);

/// Lower bounds on pipelines of stages with choices, from sums over the nodes alone, however many
/// ideals there are. Within a load T, let r(v) be the fewest replicas with which a device gets a
/// node's compute time and the synchronising of its weights W(v) done. Its stage has as many, so no
/// pipeline is within T where, for a batch of m micro-batches and D devices,
///   some node has no r(v);
///   Σ m · compute(v) + 2 · (r(v) − 1) · W(v) / bandwidth  >  D · m · T,  the time there is; or
///   Σ r(v) · (least memory of v)  >  the memory there is.
/// Every node is on its best kind.
class StageBounds {
 public:
  /// O(nodes · kinds · replicas).
  StageBounds(const model::Problem& problem, const reduce::Contracted& graph);

  /// No pipeline has a smaller objective. O(nodes · kinds · replicas · log(times)).
  [[nodiscard]] base::Duration objective() const;
  /// gpipe: no pipeline has a smaller largest load in the phase. The objective otherwise.
  [[nodiscard]] base::Duration load(std::size_t phase) const;
  /// Why there can be no pipeline: a node that fits nowhere, or more bytes than there are. nullopt:
  /// nothing is known.
  [[nodiscard]] std::optional<std::string> find_shortage() const;

 private:
  struct Kind {
    std::vector<std::int64_t> replicas;  ///< that a stage may have, ascending
    std::optional<model::Link> ring;     ///< the faster of its links; nullopt: pays nothing
    base::Bytes memory;
  };
  // A node on a kind that may hold it.
  struct Option {
    std::size_t kind = 0;
    std::array<base::Duration, 2> compute{};  // by phase; all in the first where they go together
  };
  struct Item {
    base::Bytes memory, weights;
    std::vector<Option> options;
  };
  // What a node takes of a pipeline within a load, at least.
  struct Need {
    std::int64_t replicas = 0;  // 0: it cannot be
    cost::Picoseconds time = 0;
  };

  [[nodiscard]] bool refuted(std::size_t phase, base::Duration cap) const;
  [[nodiscard]] Need need(const Item& item, std::size_t phase, base::Duration cap) const;

  const model::Problem& problem_;
  const reduce::Contracted& graph_;
  bool by_phase_;
  std::int64_t batch_;
  std::vector<Kind> kinds_;
  std::vector<Item> items_;  // [nodes]
  cost::Picoseconds all_memory_ = 0;
  bool limited_ = true;  // every device has a limit
};

}  // namespace cleave::throughput
