#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "cleave/base/parameters.h"
#include "cleave/base/result.h"

namespace cleave::onnx {

/// A kind of network of which generate_model() writes instances. Added in one place: generate.cc.
struct Architecture {
  std::string_view name;     ///< such as "transformer"
  std::string_view summary;  ///< one line
  std::span<const base::Parameter> parameters;
};
[[nodiscard]] std::span<const Architecture> architectures();

/// Writes an ONNX model that runs, with pseudo-random float32 weights: equal arguments give equal
/// bytes. Weights beyond 512 MiB go into a file of their own beside it, FILE.weights, and never
/// into memory. Errors: bad_input, for unknown names, values out of range or that do not fit
/// together, and where a file cannot be written. O(weights).
[[nodiscard]] base::Status generate_model(std::string_view architecture,
                                          const std::vector<base::Setting>& settings,
                                          const std::filesystem::path& file);

}  // namespace cleave::onnx
