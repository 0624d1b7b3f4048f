#pragma once

#include <signal.h>

#include <stop_token>
#include <thread>

namespace cleave::app {

/// Turns the first Ctrl-C (SIGINT or SIGTERM) into a stop request; the second kills the program.
/// While it lives, the signals are blocked in the creating thread and in threads that it starts,
/// and a thread of its own waits for them. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  void watch();

  sigset_t before_;
  std::stop_source source_;
  std::thread watcher_;
};

}  // namespace cleave::app
