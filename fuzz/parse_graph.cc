// Any bytes are a graph or an error with a sentence; what is read, reads back from our own format.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "cleave/io/io.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = cleave::io::parse_graph(text, "input");
  if (!file) {
    if (file.error().message.empty() || file.error().place.empty()) std::abort();
    return 0;
  }
  const std::string written = cleave::io::graph_to_json(*file->graph, file->machine);
  const auto again = cleave::io::parse_graph(written, "written");
  if (!again || again->format != "cleave.graph/1") std::abort();
  if (cleave::io::graph_to_json(*again->graph, again->machine) != written) std::abort();
  return 0;
}
