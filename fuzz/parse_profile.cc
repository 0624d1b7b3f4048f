// Any bytes are a profile or an error with a sentence; what is read, reads back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cleave/io/io.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto profile = cleave::io::parse_profile(text, "input");
  if (!profile) {
    if (profile.error().message.empty() || profile.error().place.empty()) std::abort();
    return 0;
  }
  const std::string written = cleave::io::profile_to_json(*profile);
  const auto again = cleave::io::parse_profile(written, "written");
  if (!again || cleave::io::profile_to_json(*again) != written) std::abort();
  return 0;
}
