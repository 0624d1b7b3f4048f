#include "cleave/base/near_miss.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

namespace cleave::base {
namespace {

constexpr std::size_t kLongest = 64;
constexpr std::size_t kLettersPerSlip = 4;

// Optimal string alignment distance, row by row. REQUIRES: both at most kLongest long.
std::size_t slips(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, kLongest + 1>;
  Row before_last{};
  Row last{};
  Row row{};
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last = last;
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t wrong = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + wrong});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string_view> near_miss(std::string_view word,
                                          std::span<const std::string_view> known) {
  if (word.size() > kLongest) return std::nullopt;
  std::optional<std::string_view> nearest;
  std::size_t fewest = 2 + word.size() / kLettersPerSlip;  // one more than is near
  for (const std::string_view candidate : known) {
    if (candidate.size() > kLongest) continue;
    const std::size_t count = slips(word, candidate);
    // What shares no letter in its place is another word, however short.
    if (count >= fewest || count >= std::max(word.size(), candidate.size())) continue;
    fewest = count;
    nearest = candidate;
  }
  return nearest;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const auto meant = near_miss(word, known);
  return meant ? " (did you mean '" + std::string(*meant) + "'?)" : std::string();
}

}  // namespace cleave::base
