#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "cleave/base/result.h"

/// Watching over a process, so that one that dies or hangs is noticed and can be named.
namespace cleave::runtime {

struct Ending {
  enum class Kind {
    exited,  ///< `number` is its exit code
    killed,  ///< `number` is the signal
    silent,  ///< it gave no sign of life for too long and was killed
  };
  Kind kind = Kind::exited;
  int number = 0;
};

/// Runs a program (its path, then its arguments) until it ends, or has given no SignOfLife for
/// `patience`. It dies with the calling process. Error: internal, where it cannot be started.
[[nodiscard]] base::Result<Ending> supervise(std::span<const std::string> arguments,
                                             std::chrono::duration<double> patience);

/// The other end: in the process that is watched over.
class SignOfLife {
 public:
  /// Nothing where this process is not watched over.
  [[nodiscard]] static std::optional<SignOfLife> find();
  /// Cheap enough to be called all the time.
  void give();

 private:
  explicit SignOfLife(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace cleave::runtime
