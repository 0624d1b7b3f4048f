// The whole contiguous solver to a proven optimum, as operators, ideals and devices grow.
#include <benchmark/benchmark.h>

#include "bench/tasks.h"
#include "cleave/throughput/contiguous.h"

namespace cleave::bench {
namespace {

void solve(benchmark::State& state, const model::Problem& problem) {
  base::Limits limits;
  limits.time = std::chrono::seconds(20);
  std::uint64_t states = 0;
  for (auto _ : state) {
    const throughput::Answer answer = throughput::plan_contiguous(problem, limits);
    if (answer.status != model::PlanStatus::optimal) {
      state.SkipWithError("not proven within 20 s");
      break;
    }
    states = answer.states;
  }
  state.counters["operators"] = static_cast<double>(problem.graph().num_operators());
  state.counters["states"] = static_cast<double>(states);
}

void grow_operators(benchmark::State& state) {
  solve(state, make_problem(make_graph("bert", {{"layers", state.range(0)}}), 6));
}
BENCHMARK(grow_operators)
    ->ArgName("layers")
    ->Arg(3)
    ->Arg(6)
    ->Arg(12)
    ->Arg(24)
    ->Unit(benchmark::kMillisecond);

void grow_operators_training(benchmark::State& state) {
  solve(state, make_problem(make_graph("bert", {{"layers", state.range(0)}}, true), 6,
                            model::Schedule::one_f_one_b));
}
BENCHMARK(grow_operators_training)
    ->ArgName("layers")
    ->Arg(3)
    ->Arg(6)
    ->Arg(12)
    ->Unit(benchmark::kMillisecond);

void grow_ideals(benchmark::State& state) { solve(state, inception(4, state.range(0), 3, 4)); }
BENCHMARK(grow_ideals)->ArgName("branches")->DenseRange(2, 5)->Unit(benchmark::kMillisecond);

void grow_devices(benchmark::State& state) {
  solve(state, make_problem(make_graph("resnet50", {}), static_cast<int>(state.range(0))));
}
BENCHMARK(grow_devices)
    ->ArgName("devices")
    ->RangeMultiplier(2)
    ->Range(2, 64)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cleave::bench
