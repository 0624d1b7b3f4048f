#include "cleave/runtime/scratch_folder.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

namespace cleave::runtime {

base::Result<ScratchFolder> ScratchFolder::create() {
  std::error_code error;
  std::string name = (std::filesystem::temp_directory_path(error) / "cleave-XXXXXX").string();
  if (error || mkdtemp(name.data()) == nullptr) {
    return base::Error{base::ErrorCode::internal, "no temporary folder can be made", name};
  }
  return ScratchFolder(name);
}

ScratchFolder::ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace cleave::runtime
