#include "interrupt.h"

#include <initializer_list>

namespace cleave::app {

namespace {

// Wakes the watcher so that it can end.
constexpr int kEnd = SIGUSR1;

sigset_t signals(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

}  // namespace

void Interrupt::watch() {
  const sigset_t all = signals({SIGINT, SIGTERM, kEnd});
  int number = 0;
  sigwait(&all, &number);
  if (number == kEnd) return;
  source_.request_stop();
  // From now on Ctrl-C does here what it does by default.
  const sigset_t stops = signals({SIGINT, SIGTERM});
  pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);
  const sigset_t end = signals({kEnd});
  sigwait(&end, &number);
}

Interrupt::Interrupt() {
  const sigset_t all = signals({SIGINT, SIGTERM, kEnd});
  pthread_sigmask(SIG_BLOCK, &all, &before_);
  watcher_ = std::thread([this] { watch(); });
}

Interrupt::~Interrupt() {
  pthread_kill(watcher_.native_handle(), kEnd);
  watcher_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace cleave::app
