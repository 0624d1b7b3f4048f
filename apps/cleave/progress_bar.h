#pragma once

#include <chrono>

#include "cleave/base/limits.h"

namespace cleave::app {

/// One line on stderr that shows incumbent, bound and gap while a search runs; nothing where stderr
/// is no terminal. The line is wiped when the bar ends.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// What a search reports to; empty where nothing is shown. Must not outlive the bar.
  [[nodiscard]] base::ProgressSink sink();

 private:
  void show(const base::Progress& progress);

  bool terminal_;
  std::chrono::steady_clock::time_point shown_{};
};

}  // namespace cleave::app
