#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>

namespace cleave::base {

/// Time, in whole picoseconds: sums do not depend on order and comparisons are exact.
/// The range is ±106 days. Readers reject inputs whose sums could leave a quarter of it.
using Duration = std::chrono::duration<std::int64_t, std::pico>;

inline constexpr Duration kMaxDuration = Duration(std::numeric_limits<std::int64_t>::max() / 4);

/// `duration` in milliseconds, for output only.
[[nodiscard]] constexpr double to_ms(Duration duration) {
  return static_cast<double>(duration.count()) * 1e-9;
}

/// A number of bytes.
class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr explicit Bytes(std::int64_t count) : count_(count) {}

  [[nodiscard]] constexpr std::int64_t count() const { return count_; }
  [[nodiscard]] static constexpr Bytes max() {
    return Bytes(std::numeric_limits<std::int64_t>::max() / 4);
  }

  constexpr Bytes& operator+=(Bytes other) {
    count_ += other.count_;
    return *this;
  }
  constexpr Bytes& operator-=(Bytes other) {
    count_ -= other.count_;
    return *this;
  }
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return Bytes(a.count_ + b.count_); }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return Bytes(a.count_ - b.count_); }
  friend constexpr auto operator<=>(Bytes, Bytes) = default;

 private:
  std::int64_t count_ = 0;
};

}  // namespace cleave::base
