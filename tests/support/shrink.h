#pragma once

#include <functional>

#include "support/draft.h"

namespace cleave::support {

/// Whether something is wrong with the problem.
using Predicate = std::function<bool(const model::Problem&)>;

/// The draft made as small as goes while `fails` stays true: operators, tensors, consumers, device
/// classes, devices and features removed and numbers lowered one at a time until no single step
/// keeps it failing, or a minute is over (failing may mean to take long). REQUIRES: build(draft)
/// succeeds and `fails` holds of it.
[[nodiscard]] Draft shrink(Draft draft, const Predicate& fails);

}  // namespace cleave::support
