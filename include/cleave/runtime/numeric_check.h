#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/network.h"
#include "cleave/model/pipeline.h"
#include "cleave/runtime/session.h"

/// Whether stages compute what the model computes that they were cut from.
namespace cleave::runtime {

/// Random inputs of the whole model, see random_tensors(); integers that an operator Gather uses as
/// indices are drawn from all rows that it may read. Error: an input of a type without arithmetic.
[[nodiscard]] base::Result<std::vector<Tensor>> sample_inputs(const model::Pipeline& pipeline,
                                                              const model::Network& network,
                                                              std::uint64_t seed);

struct Difference {
  double absolute = 0.0;
  double relative = 0.0;  ///< to the largest magnitude in `expected`
};
/// The largest difference of two tensors; infinite where types or shapes differ, or where one
/// element alone is not finite or both are not in the same way.
[[nodiscard]] Difference compare(const Tensor& expected, const Tensor& actual);

/// What the stages of a folder compute, one after another: the pipeline's outputs in its order.
/// Holds one stage in memory at a time. Errors: those of Session.
[[nodiscard]] base::Result<std::vector<Tensor>> run_stages(const std::filesystem::path& folder,
                                                           const model::Pipeline& pipeline,
                                                           std::vector<Tensor> inputs,
                                                           const SessionOptions& options = {});

/// Runs the original and then the stages on equal inputs, without ONNX Runtime's optimisations, so
/// that only the cut can make a difference. Errors: internal, where an output differs by more than
/// `tolerance`, with its name; those of Session.
[[nodiscard]] base::Result<model::NumericCheck> check_stages(const std::filesystem::path& original,
                                                             const model::Network& network,
                                                             const std::filesystem::path& folder,
                                                             const model::Pipeline& pipeline,
                                                             std::uint64_t seed,
                                                             double tolerance = 1e-5);

}  // namespace cleave::runtime
