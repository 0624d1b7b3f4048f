#pragma once

#include <filesystem>

#include "cleave/base/result.h"

namespace cleave::runtime {

/// A folder of its own among the system's temporary files; gone with the object, and all in it.
class ScratchFolder {
 public:
  /// Error: internal, where none can be made.
  [[nodiscard]] static base::Result<ScratchFolder> create();
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path);

  std::filesystem::path path_;  // empty: moved from
};

}  // namespace cleave::runtime
