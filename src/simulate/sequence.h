#pragma once

#include <cstdint>
#include <vector>

#include "cleave/simulate/simulate.h"
#include "simulate/program.h"

namespace cleave::simulate {

/// The order in which each resource does its tasks for a stream of micro-batches: task a of the
/// k-th micro-batch that the resource has has its turn at stride · k + turn(a); at equal turns,
/// older micro-batches first.
struct Sequence {
  std::int64_t stride = 1;
  std::vector<std::int64_t> turns;  ///< [tasks]
  std::int64_t depth = 1;           ///< micro-batches let in at once
};

/// Rounds: a task on another resource than one it needs has its turn a round later, so whatever a
/// resource does in a round is ready when the round begins. If T is the work of the busiest
/// resource on a micro-batch, all of round r fits between r · T and (r + 1) · T; an execution that
/// starts everything as early as its order allows is no later. So the stream runs at T a
/// micro-batch whatever the plan, contiguous or not. Under serial transfers an item stays in one
/// piece.
[[nodiscard]] Sequence in_rounds(const Program& program, model::Transfers transfers);

/// Whether the program is a plain pipeline: each device has one stage, which a sample passes once
/// forward and at most once backward.
[[nodiscard]] bool is_plain_pipeline(const Program& program);

/// The textbook's 1F1B: a device begins with as many forward passes as Program::in_flight says
/// (stage s of d, without replicas: d − s), then alternates. Under serial transfers it too runs at
/// T a micro-batch: with f(s) = f(s+1) − T + B(s), b(s) = b(s+1) + B(s+1) as starts of the forward
/// and backward items (lengths F, B; F(s) + B(s) ≤ T) every item can start at its time and again
/// each T. Where transfers overlap with computing, each has its turn in the round of its device
/// before the computation that it feeds, or after the one that it follows, and Program::in_flight
/// counts these rounds: see docs/algorithms/stages.md. REQUIRES: is_plain_pipeline(program).
[[nodiscard]] Sequence in_textbook_order(const Program& program, model::Transfers transfers);

}  // namespace cleave::simulate
