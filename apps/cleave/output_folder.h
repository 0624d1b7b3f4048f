#pragma once

#include <filesystem>

#include "cleave/base/result.h"

namespace cleave::app {

/// A folder that appears whole or not at all: filled under another name beside it, then renamed.
class OutputFolder {
 public:
  /// Error: bad_input where there is something already, unless `force` and it is an empty folder or
  /// one that holds a manifest.json; and where it could not be made.
  [[nodiscard]] static base::Result<OutputFolder> create(const std::filesystem::path& folder,
                                                         bool force);
  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;
  /// Removes what was not published.
  ~OutputFolder();

  /// Where the files go until then.
  [[nodiscard]] const std::filesystem::path& path() const { return temporary_; }
  /// Gives the folder its name, in the place of what was there. Called once.
  [[nodiscard]] base::Status publish();

 private:
  OutputFolder(std::filesystem::path folder, std::filesystem::path temporary)
      : folder_(std::move(folder)), temporary_(std::move(temporary)) {}

  std::filesystem::path folder_;
  std::filesystem::path temporary_;  // empty: there is nothing to remove
};

}  // namespace cleave::app
