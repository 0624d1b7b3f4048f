#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/parameters.h"
#include "cleave/base/result.h"
#include "cleave/model/graph.h"

namespace cleave::workload {

using base::Parameter;
using base::Setting;

/// A family of generated cost graphs. Added in one place: registry.cc.
struct Family {
  std::string_view name;     ///< such as "bert"
  std::string_view summary;  ///< one line
  std::span<const Parameter> parameters;
};
[[nodiscard]] std::span<const Family> families();

/// The graph of a family, with time columns "accelerator" and "cpu", sizes in bytes and transfer
/// times. Times are those of a roofline over the operators' real shapes, half precision:
///   time = max(FLOP / rate, bytes touched / bandwidth)
///   accelerator: 100 TFLOP/s, 1 TB/s; cpu: 2 TFLOP/s, 100 GB/s
///   transfer = bytes / link (50 GB/s unless set), or the share that the family's help states
/// With `training`, every forward operator has a backward twin in its colocation group that takes
/// twice its time; each consumer's twin sends each producer's twin a gradient of the tensor's size;
/// and each operator hands its twin its stashed activations, a tensor that never moves.
/// Memory: weights and output; in training also gradient and two moments of the weights.
///
/// Equal arguments give equal graphs; the last of repeated settings counts. Errors: bad_input, for
/// unknown names, values out of range, and graphs whose sums overflow. O(operators + edges) and the
/// sorting of ids. Thread-safe.
[[nodiscard]] base::Result<model::Graph> generate(std::string_view family,
                                                  const std::vector<Setting>& settings,
                                                  bool training);

}  // namespace cleave::workload
