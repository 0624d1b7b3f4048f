#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/ids.h"
#include "cleave/base/random.h"
#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/graph.h"

namespace cleave::workload {

/// Bytes of a number: half precision throughout.
inline constexpr std::int64_t kNumber = 2;

/// What an operator does for one sample, besides reading its inputs.
struct Work {
  std::int64_t flops = 0;
  std::int64_t weights = 0;  ///< bytes, resident and read
  std::int64_t output = 0;   ///< bytes of its output
  std::int64_t table = 0;    ///< bytes, resident and hardly read, as an embedding's
};

/// A forward graph under construction: operators with the real work of their shapes, turned into
/// times by a roofline, max(flops / rate, bytes touched / bandwidth), where bytes touched are
/// weights, inputs and output.
///
///   accelerator  100 TFLOP/s, 1 TB/s  (100 FLOP and 1 byte a picosecond)
///   cpu            2 TFLOP/s, 100 GB/s
///
/// With a seed other than 0, each operator's times are multiplied by a factor drawn uniformly from
/// [0.5, 1.5], the same on both columns.
class Sketch {
 public:
  /// An output of an operator: what consumers name as their input.
  using Value = base::TensorId;

  /// Times of an operator that touches `bytes`, before any seed.
  static base::Duration accelerator_time(std::int64_t flops, std::int64_t bytes);
  static base::Duration cpu_time(std::int64_t flops, std::int64_t bytes);

  /// A tensor takes bytes · numerator / denominator picoseconds to move.
  struct Link {
    std::int64_t numerator = 1;
    std::int64_t denominator = 1;
  };
  static Link gigabytes_per_second(std::int64_t rate) { return {1000, rate}; }

  Sketch(Link link, std::uint64_t seed);

  /// Adds an operator with one output. `id` is unique.
  Value add(std::string id, Work work, const std::vector<Value>& inputs);
  /// Another output of the operator that made `value`, for consumers of a part of its result.
  Value add_output(Value value, std::int64_t bytes);

  /// The graph. With `training`, each operator v has a backward twin "v/backward" in its
  /// colocation group that takes twice its time; each consumer's twin sends each producer's twin a
  /// gradient of the tensor's size; and v hands its twin the activations that it stashed, a tensor
  /// that never moves because twins share a device. Resident besides the weights: the output
  /// (inference, or stashed in training); gradient and two moments in training.
  [[nodiscard]] base::Result<model::Graph> finish(bool training) &&;

 private:
  struct Operator {
    std::string id;
    std::int64_t weights;  // with the table
    std::int64_t output;
    base::Duration accelerator, cpu;
  };
  struct Tensor {
    base::OperatorId producer;
    std::int64_t bytes;
    std::vector<base::OperatorId> consumers;
  };

  [[nodiscard]] model::OperatorSpec spec(const Operator& op, bool training,
                                         model::Phase phase) const;
  [[nodiscard]] model::TensorSpec spec(base::OperatorId producer, base::OperatorId consumer,
                                       std::int64_t bytes) const;
  [[nodiscard]] base::Duration transfer(std::int64_t bytes) const;

  Link link_;
  bool jitter_;
  base::Random random_;
  std::vector<Operator> operators_;
  std::vector<Tensor> tensors_;
};

}  // namespace cleave::workload
