#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::io {

/// What another program reads to place a model as a plan does. Added in one place: emit.cc.
struct Emitter {
  std::string_view name;     ///< such as "vllm"
  std::string_view file;     ///< what the file is called
  std::string_view summary;  ///< one line
  /// The file's text. Error: bad_input, saying why that program cannot do what the plan says.
  /// REQUIRES: the plan has a placement.
  base::Result<std::string> (*emit)(const model::Problem& problem, const model::Plan& plan);
};
[[nodiscard]] std::span<const Emitter> emitters();

/// The modules that an operator's id names, outermost first, as exporters write them:
/// "/model/layers.0/mlp/MatMul" is in "model", "layers", "0", "mlp".
[[nodiscard]] std::vector<std::string> modules_of(std::string_view id);
/// The number of the repeated layer that an operator's id names: 0 for the one above and for
/// "layer0/query". nullopt: it names none.
[[nodiscard]] std::optional<int> layer_of(std::string_view id);

}  // namespace cleave::io
