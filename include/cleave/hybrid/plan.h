#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/hybrid/cluster.h"
#include "cleave/hybrid/model.h"

namespace cleave::hybrid {

/// Ways to train one model on many devices.
enum class Method {
  data_parallel,    ///< every device has the whole model
  inter_layer,      ///< stages, one micro-batch at a time (model parallel, without a pipeline)
  tensor_parallel,  ///< every operator split over the devices of a group; for comparison
  gpipe,            ///< all forward passes, then all backward passes, then a flush
  flush,            ///< forward and backward alternate; a flush after each batch
  two_bw,           ///< forward and backward alternate, no flush, two versions of the weights
};
/// "data parallel", "inter-layer", "tensor parallel", "gpipe", "flush", "2bw".
[[nodiscard]] std::string_view to_string(Method method);
[[nodiscard]] std::span<const Method> methods();

/// What is chosen: everything that the figures below follow from.
struct Choice {
  Method method = Method::data_parallel;
  Grid grid;                ///< depth: stages, or the devices of a tensor-parallel group
  std::int64_t batch = 1;   ///< samples, a multiple of width · (samples of a micro-batch)
  std::int64_t rounds = 1;  ///< gpipe: flushes a batch; divides the micro-batches
  bool recompute = false;   ///< keep a stage's inputs alone, and run its blocks forward again
};

/// What a choice costs. Memory is that of the fullest stage.
struct Figures {
  std::int64_t micro_batches = 0;  ///< m: of each pipeline in a batch
  base::Duration period{0};      ///< t: of a micro-batch in the busiest stage (inter-layer: in all)
  base::Duration all_reduce{0};  ///< once a batch, the longest of a stage
  base::Duration batch_time{0};
  base::Bytes weights;  ///< all versions
  base::Bytes state;
  base::Bytes activations;

  [[nodiscard]] base::Bytes memory() const { return weights + state + activations; }
};

/// The formulas, with s ranging over the stages, b, r as above, a transfer for each border:
///
///   time(s)     forward + backward (+ blocks' forward again) + 2 · border from the stage before
///   2bw         batch = m · max over s of max(time(s), all-reduce(s) / m)
///   flush       batch = Σ time(s) + (m − 1) · max time(s) + max all-reduce(s)
///   gpipe       the same once a round, with m / rounds, and forward and backward for themselves
///   inter-layer batch = m · Σ time(s) + max all-reduce(s); data parallel with one stage
///   tensor      batch = m · (work / depth + launches + the blocks' all-reduces) + all-reduce
///
///   in flight at stage s (from 0)   2bw, flush: min(m, depth − s); gpipe: m / rounds; others: 1
///   activations(s)    in flight · (input + stash), or, recomputing,
///                     in flight · (input + last's stash) + stash of the stage's blocks
///
/// Simulated, gpipe and 2bw take as long, and flush no longer. For equal stages these are
/// PipeDream-2BW's; where we go further: the stage with `last` is not taken to be as fast as the
/// others, in-flight counts are each stage's own, flushes are counted, and a server's link is
/// shared.
///
/// REQUIRES: depth divides the blocks (tensor parallel: model.tensor); width · samples divides the
/// batch; rounds divides the micro-batches. O(blocks + width · depth²). Thread-safe.
[[nodiscard]] Figures evaluate(const BlockModel& model, const Cluster& cluster,
                               const Choice& choice);

/// What is asked. Every field that is absent is chosen.
struct Request {
  std::int64_t batch = 1;             ///< samples, over all replicas
  std::optional<std::int64_t> width;  ///< replicas
  std::optional<std::int64_t> depth;  ///< stages; devices of a tensor-parallel group
  std::optional<bool> recompute;
};

struct Candidate {
  Choice choice;
  std::int64_t samples = 1;  ///< of a micro-batch
  Figures figures;
  bool fits = false;
};

/// A method's candidates: every width · depth <= devices where depth divides the blocks, every size
/// of micro-batch that divides the batch, with and without recomputation, in both layouts; with at
/// least `depth` micro-batches for 2bw. gpipe with the fewest rounds that fit, or else the most.
/// Data parallel has depth 1, and all others but 2bw at least 2.
[[nodiscard]] std::vector<Candidate> candidates(Method method, std::span<const BlockModel> models,
                                                const Cluster& cluster, const Request& request);

/// The fastest that fits; of equal ones that with less memory, then the first. nullptr: none fits.
[[nodiscard]] const Candidate* best(std::span<const Candidate> candidates);
/// That with the least memory, the first of equals; nullptr: there is none.
[[nodiscard]] const Candidate* leanest(std::span<const Candidate> candidates);

/// The best of each method, or why there is none.
struct Row {
  Method method = Method::data_parallel;
  std::size_t considered = 0;          ///< candidates
  std::optional<Candidate> candidate;  ///< the best; else, where there is one, the leanest
  std::string reason;                  ///< where nothing fits: one sentence; else empty

  [[nodiscard]] bool found() const { return candidate && candidate->fits; }
};

/// One row a method. `models` is one model at distinct sizes of micro-batch.
///
/// Errors: bad_input for a batch below 1 or that no size of micro-batch divides, for a width or
/// depth below 1 or that together need more devices than there are, and a depth that does not
/// divide the blocks; infeasible where no method fits, with the bytes that are short.
/// O(candidates · (blocks + devices · depth)). Thread-safe.
[[nodiscard]] base::Result<std::vector<Row>> plan(std::span<const BlockModel> models,
                                                  const Cluster& cluster, const Request& request);

/// The row of the fastest method of those that found something, the first of equals; nullptr: none.
[[nodiscard]] const Row* fastest(std::span<const Row> rows);

/// For people.
[[nodiscard]] double samples_per_second(const Candidate& candidate);

}  // namespace cleave::hybrid
