#include "output_folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>
#include <utility>

namespace cleave::app {

namespace {

namespace fs = std::filesystem;

base::Error cannot(std::string_view what, const fs::path& folder, const std::error_code& fault) {
  return base::bad_input(fmt::format("the folder cannot be {}: {}", what, fault.message()),
                         folder.string());
}

base::Status check_free(const fs::path& folder, bool force) {
  std::error_code unknown;
  if (!fs::exists(fs::symlink_status(folder, unknown))) return std::monostate{};
  if (!force) {
    return base::bad_input("exists already; --force replaces a folder of stages", folder.string());
  }
  const bool replaceable =
      fs::is_directory(fs::symlink_status(folder, unknown)) &&
      (fs::is_empty(folder, unknown) || fs::is_regular_file(folder / "manifest.json", unknown));
  if (replaceable) return std::monostate{};
  return base::bad_input(
      "is no folder of stages: it has no manifest.json, so --force does not replace it",
      folder.string());
}

}  // namespace

base::Result<OutputFolder> OutputFolder::create(const fs::path& folder, bool force) {
  fs::path target = folder.has_filename() ? folder : folder.parent_path();  // "out/" is "out"
  if (target.filename() == "." || target.filename() == ".." || !target.has_filename()) {
    return base::bad_input("name a folder to write", folder.string());
  }
  if (auto free = check_free(target, force); !free) return free.error();
  std::error_code fault;
  const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
  if (!fs::is_directory(parent, fault)) {
    return base::bad_input("the folder that it would be in does not exist", target.string());
  }
  // A run that was killed may have left the name of one with this process's number.
  for (int attempt = 0; attempt < 100; ++attempt) {
    fs::path temporary =
        parent / fmt::format(".{}.{}-{}.tmp", target.filename().string(), ::getpid(), attempt);
    if (fs::create_directory(temporary, fault)) {
      return OutputFolder(std::move(target), std::move(temporary));
    }
    if (fault) break;
  }
  return cannot("made", target, fault);
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : folder_(std::move(other.folder_)), temporary_(std::exchange(other.temporary_, {})) {}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

base::Status OutputFolder::publish() {
  std::error_code fault;
  const fs::path old = temporary_.string() + ".old";
  const bool replaces = fs::exists(fs::symlink_status(folder_, fault));
  if (replaces) {
    fs::rename(folder_, old, fault);
    if (fault) return cannot("replaced", folder_, fault);
  }
  fs::rename(temporary_, folder_, fault);
  if (fault) {
    std::error_code ignored;
    if (replaces) fs::rename(old, folder_, ignored);
    return cannot("written", folder_, fault);
  }
  temporary_.clear();
  if (replaces) fs::remove_all(old, fault);
  return std::monostate{};
}

}  // namespace cleave::app
