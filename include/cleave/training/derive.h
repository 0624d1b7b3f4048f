#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/graph.h"

/// Training graphs made from forward graphs (docs/training.md).
namespace cleave::training {

enum class Optimizer { sgd, momentum, adam };

/// What the numbers of weights and gradients are.
enum class Precision {
  fp32,   ///< weights, gradients and the optimizer's state of one size
  mixed,  ///< weights and gradients of half precision; a master copy and state of single precision
};

/// "sgd", "momentum", "adam"; nullopt: no optimizer has that name.
[[nodiscard]] std::optional<Optimizer> find_optimizer(std::string_view name);
/// "fp32", "mixed"; nullopt: no precision has that name.
[[nodiscard]] std::optional<Precision> find_precision(std::string_view name);

struct Options {
  Optimizer optimizer = Optimizer::adam;
  Precision precision = Precision::fp32;
  /// A backward operator's time, in hundredths of its forward twin's, ≥ 0.
  std::int64_t backward_percent = 200;
};

struct Derived {
  model::Graph graph;
  std::vector<std::string> notes;  ///< one sentence each: what was assumed for want of knowledge
};

/// The graph of one training step on a micro-batch: every operator v of `forward` and a backward
/// twin "v/backward" in its colocation group.
///
/// - The twin takes backward_percent / 100 times v's time, rounded up.
/// - v keeps its memory. Its weights are those that it states; where the graph states none at all,
///   all its memory. The twin holds as many bytes of gradients, and the optimizer's state:
///     fp32   sgd 0, momentum 1, adam 2 times the weights
///     mixed  a master copy of 2 times the weights, and sgd 0, momentum 2, adam 4 times
/// - v stashes its outputs that somebody consumes, until its micro-batch's backward pass.
/// - A tensor from u to consumers v sends a gradient of its size and time back from each
/// "v/backward"
///   to "u/backward"; v hands its twin a tensor of no size, which never moves.
///
/// Errors: bad_input where `forward` has backward operators, where "v/backward" is an id already,
/// where sums overflow, and for backward_percent < 0. O(operators + edges) and the sorting of ids.
/// Thread-safe.
[[nodiscard]] base::Result<Derived> derive(const model::Graph& forward, const Options& options);

}  // namespace cleave::training
