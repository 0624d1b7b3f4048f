#include "measured_process.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace cleave::app {

namespace {

base::Error failure(std::string message) {
  return {base::ErrorCode::internal, std::move(message), {}};
}

bool write_all(int pipe, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(pipe, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string read_all(int pipe) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = read(pipe, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (count == 0 || (count < 0 && errno != EINTR)) return text;
  }
}

}  // namespace

base::Result<Measured> measure(const std::function<std::string()>& work) {
  std::fflush(nullptr);  // or the child would write our buffers once more
  int ends[2];
  if (pipe(ends) != 0) return failure(fmt::format("no pipe: {}", std::strerror(errno)));
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) return failure(fmt::format("no process: {}", std::strerror(errno)));
  if (child == 0) {
    close(ends[0]);
    _exit(write_all(ends[1], work()) ? 0 : 1);
  }
  close(ends[1]);
  Measured measured;
  measured.output = read_all(ends[0]);
  close(ends[0]);

  int status = 0;
  rusage usage{};
  while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  if (WIFSIGNALED(status)) {
    return failure(fmt::format("the process was killed by signal {}", WTERMSIG(status)));
  }
  if (status != 0) return failure("the process ended without an answer");
  measured.seconds = wall.count();
  measured.peak_megabytes = static_cast<double>(usage.ru_maxrss) * 1024e-6;  // given in KiB
  return measured;
}

}  // namespace cleave::app
