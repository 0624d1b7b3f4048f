#pragma once

#include <cstdint>

#include "support/draft.h"
#include "support/random_draft.h"

namespace cleave::support {

/// As small as brute force for latency can do many thousands of.
inline constexpr Size kTiny{.max_operators = 5, .max_devices = 3};

/// A random_draft() asked for latency, with every placement rule and with or without workers.
///
/// build() of the result succeeds. Equal arguments give equal drafts on every platform.
[[nodiscard]] Draft random_latency_draft(std::uint64_t seed, const Size& size = kTiny);

}  // namespace cleave::support
