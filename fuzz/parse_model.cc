// Any bytes are a model or an error with a sentence, the same from a file, whose large weights stay
// there, as from memory.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "cleave/onnx/read.h"

namespace {

namespace fs = std::filesystem;

// Gone when the process ends.
class Scratch {
 public:
  Scratch()
      : file_(fs::temp_directory_path() / ("cleave_fuzz_" + std::to_string(::getpid()) + ".onnx")) {
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove(file_, ignored);
  }
  const fs::path& write(std::string_view bytes) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
    return file_;
  }

 private:
  fs::path file_;
};

void expect_sentence(const cleave::base::Error& error) {
  if (error.message.empty() || error.place.empty()) std::abort();
  if (error.to_string().find('\n') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Scratch scratch;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const cleave::onnx::Dimensions dimensions{{"batch", 2}};
  const auto from_bytes = cleave::onnx::parse_model(bytes, "input", ".", dimensions);
  const auto from_file = cleave::onnx::read_model(scratch.write(bytes), dimensions);
  if (!from_bytes) expect_sentence(from_bytes.error());
  if (!from_file) expect_sentence(from_file.error());
  if (from_bytes && from_file &&
      from_bytes->network.operators.size() != from_file->network.operators.size()) {
    std::abort();
  }
  return 0;
}
