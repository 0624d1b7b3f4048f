#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/hybrid/model.h"
#include "cleave/model/graph.h"

namespace cleave::hybrid {

/// Forward operators in topological order, of which a part repeats: operator start + i and operator
/// start + i + period are alike, as long as both are in a block.
struct Repeats {
  std::vector<base::OperatorId> order;  ///< [forward operators]
  std::size_t start = 0;
  std::size_t period = 0;  ///< operators of a block
  std::size_t count = 0;   ///< blocks, at least 2

  [[nodiscard]] std::size_t end() const { return start + period * count; }
};

/// The blocks that a graph repeats: operators are alike that hold and stash as many bytes, and
/// whose outputs and inputs are as many and as large; times may differ. Of all periods the one that
/// covers most operators, of equal ones the shortest; of its positions the one whose blocks pass on
/// least.
///
/// Error: bad_input where no blocks cover at least half of the forward operators.
/// O(operators²), and at most some 10^8 steps: of longer graphs only the shorter periods are tried.
/// Thread-safe.
[[nodiscard]] base::Result<Repeats> find_repeats(const model::Graph& graph);

/// [operators]: 0 before the blocks, 1 … count the blocks, count + 1 after them. Backward operators
/// go with the forward ones of their groups.
///
/// Errors: bad_input for backward operators in no group with a forward one, and for groups with
/// forward operators in several pieces. O(operators). Thread-safe.
[[nodiscard]] base::Result<std::vector<std::size_t>> pieces_of(const model::Graph& graph,
                                                               const Repeats& repeats);

/// At which size of micro-batch a graph is described, and at which it was made.
struct Sizing {
  std::int64_t of_graph = 1;  ///< samples that the graph's times, stashes and tensors are for, ≥ 1
  std::int64_t samples = 1;   ///< samples that they are wanted for, ≥ 1
  base::Duration launch{0};   ///< of an operator's time, what more samples do not lengthen, ≥ 0
};

/// The blocks of a training graph at a size of micro-batch. With f = samples / of_graph, rounded
/// up:
///
///   an operator's time t     min(t, launch) + f · (t − min(t, launch))
///   stash, border            f times as many bytes
///   weights, other memory    as in the graph
///
/// So work is taken to be proportional to samples. A device that needs many samples to be busy is
/// faster than this says at more samples, and slower at fewer; where that matters, make the graph
/// at each size.
///
/// Errors: those of pieces_of(), and bad_input for a graph without backward operators or weights;
/// operators that cannot run on the column; tensors on the border between blocks without a size;
/// sums that overflow. Thread-safe.
[[nodiscard]] base::Result<BlockModel> describe(const model::Graph& graph, const Repeats& repeats,
                                                std::size_t column, const Sizing& sizing);

}  // namespace cleave::hybrid
