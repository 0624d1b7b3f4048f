// Reading a graph file, per operator.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/tasks.h"
#include "cleave/io/io.h"

namespace cleave::bench {
namespace {

void parse_graph(benchmark::State& state) {
  const model::Graph graph = make_graph("random", {{"operators", state.range(0)}});
  const std::string text = io::graph_to_json(graph);
  for (auto _ : state) {
    auto read = io::parse_graph(text, "graph.json");
    if (!read) {
      state.SkipWithError("not read");
      break;
    }
    benchmark::DoNotOptimize(read);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  state.SetComplexityN(state.range(0));
}
BENCHMARK(parse_graph)
    ->ArgName("operators")
    ->RangeMultiplier(10)
    ->Range(1000, 100'000)
    ->Complexity(benchmark::oN)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cleave::bench
