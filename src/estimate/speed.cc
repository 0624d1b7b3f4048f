#include "estimate/speed.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "cleave/estimate/estimate.h"

namespace cleave::estimate {
namespace {

using model::ElementType;

// The type whose arithmetic stands in for one that the device has no peak for.
ElementType wider(ElementType type) {
  using enum ElementType;
  switch (type) {
    case float4:
    case float8:
      return float16;
    case int4:
    case uint4:
    case uint8:
      return int8;
    default:
      return float32;
  }
}

std::optional<double> find_peak(const std::vector<model::Peak>& peaks, ElementType type) {
  for (const model::Peak& peak : peaks) {
    if (peak.type == type) return static_cast<double>(peak.operations_per_second);
  }
  return std::nullopt;
}

}  // namespace

double Speed::operations_per_second(ElementType type) const {
  if (const auto peak = find_peak(peaks, type)) return *peak;
  if (type != ElementType::float32) {
    const double share = type == ElementType::float64 ? 0.5 : 1.0;
    return share * operations_per_second(wider(type));
  }
  // Only a description that overrides the catalogue's peaks can lack float32: its slowest counts.
  double slowest = static_cast<double>(peaks.front().operations_per_second);
  for (const model::Peak& peak : peaks) {
    slowest = std::min(slowest, static_cast<double>(peak.operations_per_second));
  }
  return slowest;
}

base::Duration Speed::time(const Work& work) const {
  constexpr double kPicoseconds = 1e12;
  const double compute = work.operations / operations_per_second(work.type);
  const double memory = work.bytes / static_cast<double>(memory_bytes_per_second);
  const double picoseconds = std::max(compute, memory) / efficiency * kPicoseconds +
                             static_cast<double>(launch.count()) * work.launches;
  const auto limit = static_cast<double>(base::kMaxDuration.count());
  return picoseconds < limit ? base::Duration(std::llround(picoseconds)) : base::kMaxDuration;
}

base::Result<Rate> rate_of(const model::DeviceClass& device_class, ElementType type) {
  const auto speed = speed_of(device_class);
  if (!speed) return speed.error();
  const double rate = speed->operations_per_second(type) * speed->efficiency;
  return Rate{std::max<std::int64_t>(1, std::llround(rate)), speed->launch};
}

}  // namespace cleave::estimate
