#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string_view>

#include "cleave/base/units.h"

namespace cleave::base {

/// How hard to try. None of these changes which problem is solved.
/// With one thread and no time limit, equal input gives equal output.
struct Limits {
  std::chrono::duration<double> time = std::chrono::duration<double>::max();  ///< wall clock
  Bytes memory = Bytes::max();  ///< for the search's own tables
  std::uint64_t states = std::numeric_limits<std::uint64_t>::max();  ///< search states, total
  double gap = 0.0;  ///< stop when (objective − bound)/objective is at most this
  int threads = 1;
  std::uint64_t seed = 1;
  std::stop_token stop;  ///< a request (Ctrl-C) ends the search with the best so far
};

/// What ended a search.
enum class StopReason {
  finished,
  time,
  memory,
  states,
  effort,  ///< the usual one, where neither time nor states are limited
  size,    ///< the problem is too large for what is left to try; more time would not help
  gap,
  cancelled,
};

[[nodiscard]] constexpr std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::finished:
      return "none";
    case StopReason::time:
      return "time";
    case StopReason::memory:
      return "memory";
    case StopReason::states:
      return "states";
    case StopReason::effort:
      return "effort";
    case StopReason::size:
      return "size";
    case StopReason::gap:
      return "gap";
    case StopReason::cancelled:
      return "cancelled";
  }
  return "none";
}

/// How far a search has come. Reported when the incumbent or the bound moves.
struct Progress {
  double seconds = 0.0;
  std::uint64_t effort = 0;           ///< search states visited so far
  std::optional<Duration> incumbent;  ///< best objective so far
  Duration lower_bound{0};            ///< best proven bound so far
  std::string_view phase;             ///< what the search is doing; static storage
};

/// Called from the searching thread; must not throw.
using ProgressSink = std::function<void(const Progress&)>;

/// Watches a time limit and a stop request; cheap enough to ask often.
class Deadline {
 public:
  explicit Deadline(const Limits& limits)
      : start_(std::chrono::steady_clock::now()), limit_(limits.time), stop_(limits.stop) {}

  [[nodiscard]] double elapsed_seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  [[nodiscard]] double remaining_seconds() const { return limit_.count() - elapsed_seconds(); }
  [[nodiscard]] bool cancelled() const { return stop_.stop_requested(); }
  [[nodiscard]] bool reached() const { return cancelled() || elapsed_seconds() >= limit_.count(); }
  /// Which of the two it was. REQUIRES: reached().
  [[nodiscard]] StopReason reason() const {
    return cancelled() ? StopReason::cancelled : StopReason::time;
  }

 private:
  std::chrono::steady_clock::time_point start_;
  std::chrono::duration<double> limit_;
  std::stop_token stop_;
};

}  // namespace cleave::base
