#pragma once

#include <cstdint>

#include "support/draft.h"

namespace cleave::support {

/// How large random problems may be.
struct Size {
  std::size_t max_operators = 10;
  int max_devices = 5;
};

/// A small problem with any mixture of features: one to three time columns, one to four device
/// classes, memory limits (none, loose, tight, too small), unsupported operators, colocation
/// groups, pins and forbids, inference and training graphs (twins, backward operators with groups
/// of their own or none, phases at random), tensors with several consumers or none, links, classes
/// that pay no transfers, every schedule, transfer model and placement rule, and weights that are
/// all equal, small (many ties) or large.
///
/// build() of the result succeeds. Equal arguments give equal drafts on every platform.
[[nodiscard]] Draft random_draft(std::uint64_t seed, const Size& size = {});

}  // namespace cleave::support
