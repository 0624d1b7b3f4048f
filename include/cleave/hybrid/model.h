#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"

/// Plans for models of repeated blocks: width × depth × micro-batch × recomputation, after
/// PipeDream-2BW's planner (Narayanan et al., ICML 2021, section 4). See docs/hybrid.md.
namespace cleave::hybrid {

/// What a piece of a model does, and holds, for one micro-batch.
struct Piece {
  base::Duration forward{0};
  base::Duration backward{0};
  base::Bytes weights{};  ///< one version of them; their gradients are as large
  base::Bytes state{};    ///< resident besides: gradients, master copies, the optimizer's state
  base::Bytes stash{};    ///< kept from the forward to the backward pass, without the piece's input

  Piece& operator+=(const Piece& other);
};

/// How tensor parallelism would split a model (Shoeybi et al., 2019).
struct TensorSplit {
  std::int64_t most = 1;       ///< devices at most: the attention heads
  base::Bytes whole_stash;     ///< of a block's stash, what each device keeps all of
  base::Duration launches{0};  ///< of a block's forward pass, what no split shortens
  /// All-reduces of a border's size in a block's forward pass, and as many in its backward pass.
  static constexpr std::int64_t kAllReduces = 2;
};

/// A model as a row of blocks that are alike, at one size of micro-batch.
struct BlockModel {
  std::int64_t samples = 1;   ///< of a micro-batch, b ≥ 1
  std::vector<Piece> blocks;  ///< at least one; alike, but measured times may differ a little
  Piece first;                ///< what comes before the blocks
  Piece last;                 ///< what comes after them; never recomputed
  base::Bytes border;         ///< what flows from one block to the next; its gradient is as large
  /// What `first` and `last` share, and hold once where one device has both.
  base::Bytes tied_weights, tied_state;
  std::optional<TensorSplit> tensor;  ///< absent: how to split operators is not known
};

/// A transformer by its sizes, as GPT and BERT state them.
struct Transformer {
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t vocabulary = 0;
  std::int64_t sequence = 0;
};

/// What devices achieve, on average over a model.
struct Speed {
  std::int64_t operations_per_second = 0;  ///< > 0; a multiply-add is two
  base::Duration launch{0};                ///< added once an operator
};

/// A layer is a block; the embedding comes before, the output layer with its loss after them. Mixed
/// precision with Adam. With s = sequence, h = hidden, a = heads, v = vocabulary, b = samples:
///
///   operations, forward    24·b·s·h² + 4·b·s²·h a layer, 2·b·s·h·v the output layer; backward
///                          twice that (Narayanan et al., SC 2021, appendix)
///   parameters             12·h² + 13·h a layer, (v + s)·h the embedding, and the output layer
///                          shares the embedding's v·h
///   bytes a parameter      2 weights; 18 besides: gradient 2, master copy 4 and its gradient 4,
///   two
///                          moments 8 (Rajbhandari et al., SC 2020, section 3.1; with the master
///                          copy's gradient 20, as the Megatron Core user guide counts for half
///                          precision, "Distributed Optimizer")
///   stash                  34·s·b·h + 5·a·s²·b a layer with its input of 2·s·b·h, of which tensor
///                          parallelism leaves 10·s·b·h whole; 4·s·b·(h + v) the output layer
///                          (Korthikanti et al., MLSys 2023, section 4)
///   operators              14 a layer, 4 the embedding, 2 the output layer; twice that backward
///
/// Errors: bad_input for sizes below 1, heads that do not divide `hidden`, and sums that overflow.
[[nodiscard]] base::Result<BlockModel> describe(const Transformer& transformer, const Speed& speed,
                                                std::int64_t samples);

/// Parameters of the transformer. REQUIRES: describe() accepts it.
[[nodiscard]] std::int64_t count_parameters(const Transformer& transformer);

}  // namespace cleave::hybrid
