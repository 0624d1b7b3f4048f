#pragma once

#include "latency/relaxed.h"

namespace cleave::latency {

/// A Lagrange multiplier on memory: picoseconds for 2^16 bytes.
using Multiplier = Amount;
inline constexpr int kMultiplierShift = 16;

__extension__ using Wide = __int128;

/// memory · multiplier, rounded down; at most kNever.
[[nodiscard]] inline Amount price_down(Amount memory, Multiplier multiplier) {
  const Wide product = (static_cast<Wide>(memory) * multiplier) >> kMultiplierShift;
  return product > Relaxed::kNever ? Relaxed::kNever : static_cast<Amount>(product);
}

/// The same rounded up.
[[nodiscard]] inline Amount price_up(Amount memory, Multiplier multiplier) {
  const Wide product = ((static_cast<Wide>(memory) * multiplier - 1) >> kMultiplierShift) + 1;
  return product > Relaxed::kNever ? Relaxed::kNever : static_cast<Amount>(product);
}

}  // namespace cleave::latency
