#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/model/problem.h"
#include "cleave/throughput/contiguous.h"

namespace cleave::properties {

/// An exact, anytime search as the property suite sees it.
struct Solver {
  std::string name;  ///< letters, digits and underscores
  std::function<bool(const model::Problem&)> supports;
  std::function<throughput::Answer(const model::Problem&, const base::Limits&,
                                   const base::ProgressSink&)>
      plan;
};

/// How GoogleTest names it.
inline void PrintTo(const Solver& solver, std::ostream* out) { *out << solver.name; }

[[nodiscard]] bool is_contiguous_throughput(const model::Problem& problem);
[[nodiscard]] bool is_any_throughput(const model::Problem& problem);

/// All solvers that have to equal brute force. A solver joins by one line in solvers.cc.
[[nodiscard]] std::vector<Solver> solvers();

}  // namespace cleave::properties
