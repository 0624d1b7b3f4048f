#pragma once

#include <cstdint>
#include <limits>
#include <random>

namespace cleave::base {

/// Reproducible on every platform: std::mt19937_64 with our own ranges, because the standard's
/// distributions may differ between libraries.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in [0, 2^64).
  std::uint64_t bits() { return engine_(); }
  /// Uniform in [0, n). REQUIRES: n > 0. (Multiply-shift; the bias is below n / 2^64.)
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<Wide>(engine_()) * n) >> 64);
  }
  /// Uniform in [low, high]. REQUIRES: low <= high.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    const auto from = static_cast<std::uint64_t>(low);
    const std::uint64_t span = static_cast<std::uint64_t>(high) - from;
    const bool whole = span == std::numeric_limits<std::uint64_t>::max();
    return static_cast<std::int64_t>(from + (whole ? bits() : below(span + 1)));
  }
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }

 private:
  __extension__ using Wide = unsigned __int128;
  std::mt19937_64 engine_;
};

}  // namespace cleave::base
