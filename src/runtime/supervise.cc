#include "cleave/runtime/supervise.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace cleave::runtime {
namespace {

using Clock = std::chrono::steady_clock;

// Holds the number of the descriptor that signs of life are written to.
constexpr const char* kVariable = "CLEAVE_SIGN_OF_LIFE";
constexpr std::chrono::milliseconds kBetweenSigns{100};

base::Error system_error(std::string_view what) {
  return {base::ErrorCode::internal, fmt::format("{}: {}", what, std::strerror(errno)), {}};
}

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* arguments, char* const* environment, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() == parent) execve(arguments[0], arguments, environment);
  _exit(127);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Until the pipe is closed, which is when the child ends. False: it was silent for too long.
bool watch(int descriptor, std::chrono::duration<double> patience) {
  auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{descriptor, POLLIN, 0};
    constexpr std::int64_t kLongest = 1'000'000;
    const int ready = poll(&waiting, 1, static_cast<int>(std::min(kLongest, left.count())));
    if (ready <= 0) continue;
    std::array<char, 256> signs{};
    const ssize_t got = read(descriptor, signs.data(), signs.size());
    if (got == 0) return true;
    if (got > 0) deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  }
}

Ending wait_for(pid_t child, bool was_heard) {
  if (!was_heard) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!was_heard) return {Ending::Kind::silent, 0};
  if (WIFSIGNALED(status)) return {Ending::Kind::killed, WTERMSIG(status)};
  return {Ending::Kind::exited, WEXITSTATUS(status)};
}

}  // namespace

base::Result<Ending> supervise(std::span<const std::string> arguments,
                               std::chrono::duration<double> patience) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_NONBLOCK) != 0) return system_error("no pipe can be made");
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);

  std::vector<std::string> words(arguments.begin(), arguments.end());
  std::vector<std::string> variables{fmt::format("{}={}", kVariable, ends[1])};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  const auto argument_pointers = pointers_to(words);
  const auto variable_pointers = pointers_to(variables);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) become(argument_pointers.data(), variable_pointers.data(), self);
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return system_error("no process can be started");
  }
  const bool was_heard = watch(ends[0], patience);
  close(ends[0]);
  return wait_for(child, was_heard);
}

std::optional<SignOfLife> SignOfLife::find() {
  const char* text = std::getenv(kVariable);
  if (text == nullptr) return std::nullopt;
  const int descriptor = std::atoi(text);
  if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return std::nullopt;
  return SignOfLife(descriptor);
}

void SignOfLife::give() {
  const auto now = Clock::now();
  if (now - last_ < kBetweenSigns) return;
  last_ = now;
  // A full pipe holds signs enough.
  [[maybe_unused]] const ssize_t written = write(descriptor_, "+", 1);
}

}  // namespace cleave::runtime
