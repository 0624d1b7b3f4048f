#pragma once

#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/graph.h"
#include "cleave/model/machine.h"
#include "cleave/model/problem.h"

namespace cleave::support {

/// A problem that can still be changed: what tests generate, shrink and print.
struct Draft {
  std::vector<std::string> time_columns;
  std::vector<model::OperatorSpec> operators;
  std::vector<model::TensorSpec> tensors;
  std::vector<model::DeviceClass> classes;
  model::Question question;
};

/// The problem, or why the draft is none.
[[nodiscard]] base::Result<model::Problem> build(const Draft& draft);

/// Every field of the draft as JSON; times in picoseconds, operators and devices by id.
[[nodiscard]] std::string to_json(const Draft& draft);

}  // namespace cleave::support
