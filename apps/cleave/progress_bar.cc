#include "progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "cleave/report/text.h"

namespace cleave::app {

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (shown_ != std::chrono::steady_clock::time_point{}) fmt::print(stderr, "\r\033[K");
}

base::ProgressSink ProgressBar::sink() {
  if (!terminal_) return {};
  return [this](const base::Progress& progress) { show(progress); };
}

void ProgressBar::show(const base::Progress& progress) {
  constexpr auto kPause = std::chrono::milliseconds(50);
  const auto now = std::chrono::steady_clock::now();
  if (now - shown_ < kPause) return;
  shown_ = now;

  constexpr std::size_t kWidth = 20;
  double proven = 0;
  if (progress.incumbent && progress.incumbent->count() > 0) {
    proven = base::to_ms(progress.lower_bound) / base::to_ms(*progress.incumbent);
  }
  fmt::print(stderr, "\r\033[K[{}] {:.1f} s  best {}  bound {}  gap {}  {}",
             report::format_bar(proven, kWidth), progress.seconds,
             progress.incumbent ? report::format_time(*progress.incumbent) : "-",
             report::format_time(progress.lower_bound),
             progress.incumbent ? report::format_percent(1 - proven) : "-", progress.phase);
  std::fflush(stderr);
}

}  // namespace cleave::app
