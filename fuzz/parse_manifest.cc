// Any bytes are a manifest or an error with a sentence; what is read, reads back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cleave/io/io.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto pipeline = cleave::io::parse_manifest(text, "input");
  if (!pipeline) {
    if (pipeline.error().message.empty() || pipeline.error().place.empty()) std::abort();
    return 0;
  }
  const std::string written = cleave::io::manifest_to_json(*pipeline);
  const auto again = cleave::io::parse_manifest(written, "written");
  if (!again || cleave::io::manifest_to_json(*again) != written) std::abort();
  return 0;
}
