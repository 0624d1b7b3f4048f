#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cleave/base/random.h"
#include "cleave/model/problem.h"
#include "cleave/reduce/contract.h"

namespace cleave::oracle {

/// A random problem with the throughput objective and contiguous placement, and its contraction.
struct Trial {
  const model::Problem& problem;
  const reduce::Contracted& graph;
  base::Random& random;  ///< for whatever else the property wants drawn
};

/// What is wrong; nullopt: nothing.
using FindFault = std::function<std::optional<std::string>(const Trial&)>;

struct Trials {
  /// Problems that contract() does not refuse. Unless built as Release, a twentieth of them.
  std::uint64_t count = 1000;
  std::size_t max_operators = 8;
  bool serial = false;  ///< serial transfers and one phase only
};

/// Expects to find no fault on random problems of the seeds 1, 2, …. The first problem with a
/// fault is made small and shown as JSON.
void expect_no_fault(const Trials& trials, const FindFault& find_fault);

}  // namespace cleave::oracle
