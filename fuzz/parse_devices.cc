// Any bytes are devices or an error with a sentence; what is read, reads back from the machine of a
// graph file.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "cleave/io/io.h"

namespace {

cleave::model::Graph smallest_graph() {
  cleave::model::GraphBuilder builder({"time"});
  cleave::model::OperatorSpec spec;
  spec.id = "operator";
  spec.times = {cleave::base::Duration(1)};
  builder.add_operator(std::move(spec));
  return std::move(builder).build().value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto machine = cleave::io::parse_devices(text, "input");
  if (!machine) {
    if (machine.error().message.empty() || machine.error().place.empty()) std::abort();
    return 0;
  }
  const cleave::model::Graph graph = smallest_graph();
  const std::string written = cleave::io::graph_to_json(graph, *machine);
  const auto again = cleave::io::parse_graph(written, "written");
  if (!again || !again->machine) std::abort();
  if (cleave::io::graph_to_json(graph, again->machine) != written) std::abort();
  return 0;
}
