#include "estimate/measured.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace cleave::estimate {
namespace {

using base::Duration;

__extension__ using Wide = __int128;  // no sum of a profile's times leaves it

// Operators [begin, end), which took `time` together and `sum` one by one.
struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;
  Duration time{0};
  Wide sum = 0;
};

base::Error not_the_model(const model::MeasuredColumn& measured) {
  return base::bad_input(
      fmt::format("the profile's segments of '{}' are not the model's operators in their order; "
                  "measure the model again with cleave profile",
                  measured.times));
}

base::Result<std::vector<Part>> to_parts(const model::MeasuredColumn& measured,
                                         std::span<const std::string_view> ids) {
  if (measured.segments.empty()) return std::vector<Part>{{0, ids.size(), measured.whole}};
  std::vector<Part> parts;
  std::size_t begin = 0;
  for (const model::MeasuredSegment& segment : measured.segments) {
    const auto rest = ids.subspan(begin);
    const auto last = std::find(rest.begin(), rest.end(), segment.last);
    if (last == rest.end() || rest.front() != segment.first) return not_the_model(measured);
    const std::size_t end = begin + static_cast<std::size_t>(last - rest.begin()) + 1;
    parts.push_back({begin, end, segment.time});
    begin = end;
  }
  if (begin != ids.size()) return not_the_model(measured);
  return parts;
}

// What all parts took together, and their operators one by one; those whose operators took no time
// are left out, since no factor gives them any.
struct Total {
  Wide time = 0;
  Wide sum = 0;
};

Total total_of(const std::vector<Part>& parts) {
  Total total;
  for (const Part& part : parts) {
    if (part.sum == 0) continue;
    total.time += part.time.count();
    total.sum += part.sum;
  }
  return total;
}

double ratio(Wide a, Wide b) { return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 1; }

// How far one factor for all would be from what the part took, as a share of that.
double deviation(const Part& part, const Total& total) {
  return ratio(total.time, total.sum) * ratio(part.sum, part.time.count()) - 1;
}

std::string describe(const std::vector<Part>& parts, const Total& total,
                     std::span<const std::string_view> ids) {
  const Part& worst = *std::max_element(parts.begin(), parts.end(), [&](const auto& a, auto& b) {
    return std::abs(deviation(a, total)) < std::abs(deviation(b, total));
  });
  return fmt::format(
      "each is taken times the factor of its segment; one factor for all would be off most for the "
      "segment from '{}' to '{}', which took {:.3f} ms: by {:+.1f}%",
      ids[worst.begin], ids[worst.end - 1], base::to_ms(worst.time), 100 * deviation(worst, total));
}

}  // namespace

base::Result<std::string> fit_to_whole(const model::MeasuredColumn& measured,
                                       std::span<const std::string_view> ids,
                                       std::span<Duration> times) {
  auto parts = to_parts(measured, ids);
  if (!parts) return parts.error();
  for (Part& part : *parts) {
    for (std::size_t i = part.begin; i < part.end; ++i) part.sum += times[i].count();
  }
  const Total total = total_of(*parts);
  for (const Part& part : *parts) {
    if (part.sum == 0) continue;
    const Wide share = Wide{measured.whole.count()} * part.time.count() / total.time;
    for (std::size_t i = part.begin; i < part.end; ++i) {
      times[i] = Duration(static_cast<std::int64_t>(times[i].count() * share / part.sum));
    }
  }
  return fmt::format(
      "the times of '{}' are measured: {:.3f} ms for the whole model on each of {} busy devices, "
      "and {:.3f} ms for its operators one by one; {}",
      measured.times, base::to_ms(measured.whole), measured.devices,
      static_cast<double>(total.sum) * 1e-9,
      parts->size() == 1
          ? fmt::format("each is taken times {:.3f}", ratio(measured.whole.count(), total.sum))
          : describe(*parts, total, ids));
}

}  // namespace cleave::estimate
