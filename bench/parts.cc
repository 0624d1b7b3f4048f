// The parts of the contiguous solver, each for itself.
#include <benchmark/benchmark.h>

#include <numeric>

#include "bench/tasks.h"
#include "cleave/bounds/boundary_cuts.h"
#include "cleave/bounds/node_cuts.h"
#include "cleave/bounds/profile.h"
#include "throughput/frame.h"
#include "throughput/order_search.h"

namespace cleave::bench {
namespace {

using ideals::IdealStore;
using ideals::Reachability;
using reduce::Amount;
using reduce::Contracted;
using throughput::Levels;

const base::Deadline& no_deadline() {
  static const base::Limits limits;
  static const base::Deadline deadline(limits);
  return deadline;
}

void contract(benchmark::State& state) {
  const model::Problem problem = make_problem(
      make_graph("bert", {{"layers", state.range(0)}}, true), 6, model::Schedule::one_f_one_b);
  for (auto _ : state) benchmark::DoNotOptimize(reduce::contract(problem));
  state.counters["operators"] = static_cast<double>(problem.graph().num_operators());
}
BENCHMARK(contract)->ArgName("layers")->Arg(3)->Arg(12)->Arg(48)->Arg(192)->Unit(
    benchmark::kMillisecond);

// Every ideal of one block after another, by growth from the empty one.
void grow_store(benchmark::State& state) {
  const Contracted graph = contracted(inception(1, state.range(0), 4, 4));
  std::size_t ideals = 0;
  for (auto _ : state) {
    IdealStore store(graph);
    for (IdealStore::Index i = 0; i < store.size(); ++i) {
      for (std::size_t slot = 0; slot < store.ready(i).size(); ++slot) store.grow(i, slot);
    }
    ideals = store.size();
    state.counters["bytes/ideal"] =
        static_cast<double>(store.memory_used()) / static_cast<double>(ideals);
  }
  state.counters["ideals"] = static_cast<double>(ideals);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(ideals));
}
BENCHMARK(grow_store)->ArgName("branches")->DenseRange(3, 6)->Unit(benchmark::kMillisecond);

// An even share of the work on the accelerators: a cap near which searches spend their time.
Amount even_share(const Contracted& graph) {
  Amount work = 0;
  for (reduce::Node v = 0; v < graph.num_nodes; ++v) work += graph.time(v, 0, 0);
  return work / graph.kind_count[0];
}

void set_frame(benchmark::State& state) {
  const Contracted graph =
      contracted(make_problem(make_graph("resnet50", {}), static_cast<int>(state.range(0))));
  const Levels levels(graph);
  const Reachability reach(graph);
  throughput::Frame frame(graph, levels, &reach);
  throughput::Caps caps;
  caps.by_phase[0] = even_share(graph) * 5 / 4;
  for (auto _ : state) {
    frame.set_caps(caps);
    benchmark::DoNotOptimize(frame.refuted());
  }
  state.counters["levels"] = static_cast<double>(levels.size());
}
BENCHMARK(set_frame)->ArgName("devices")->RangeMultiplier(4)->Range(4, 64)->Unit(
    benchmark::kMicrosecond);

void split_order(benchmark::State& state) {
  const Contracted graph =
      contracted(make_problem(make_graph("bert", {{"layers", state.range(0)}}), 6));
  const Levels levels(graph);
  std::vector<reduce::Node> order(graph.num_nodes);
  std::iota(order.begin(), order.end(), reduce::Node{0});
  throughput::Caps caps;
  caps.by_phase[0] = 2 * even_share(graph);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        throughput::best_intervals(graph, levels, order, caps, 0, 3000, no_deadline()));
  }
  state.counters["nodes"] = static_cast<double>(graph.num_nodes);
}
BENCHMARK(split_order)
    ->ArgName("layers")
    ->Arg(6)
    ->Arg(12)
    ->Arg(24)
    ->Arg(48)
    ->Unit(benchmark::kMillisecond);

void minimum_cut(benchmark::State& state) {
  const Contracted graph = contracted(inception(10, state.range(0), 6, 8));
  const Reachability reach(graph);
  bounds::BoundaryCuts cuts(graph, reach, 0);
  const Amount middle = cuts.total_work() / 2;
  const Amount width = cuts.total_work() / 100;
  for (auto _ : state) {
    benchmark::DoNotOptimize(cuts.least_cut(
        middle, middle + width, bounds::BoundaryCuts::Side::after, even_share(graph), nullptr));
  }
  state.counters["nodes"] = static_cast<double>(graph.num_nodes);
}
BENCHMARK(minimum_cut)
    ->ArgName("branches")
    ->RangeMultiplier(2)
    ->Range(4, 32)
    ->Unit(benchmark::kMicrosecond);

void profile_and_completion(benchmark::State& state) {
  const Contracted graph = contracted(inception(10, 8, 6, 8));
  const Reachability reach(graph);
  bounds::BoundaryCuts cuts(graph, reach, 0);
  const Amount share = even_share(graph);
  for (auto _ : state) {
    bounds::Profile profile(cuts, static_cast<std::size_t>(state.range(0)),
                            {share * 98 / 100, share * 84 / 100, share * 45 / 100});
    profile.compute(no_deadline(), nullptr);
    const bounds::Completion completion(profile, share * 21 / 20, {graph.kind_count[0], {0}});
    benchmark::DoNotOptimize(completion.refuted());
  }
}
BENCHMARK(profile_and_completion)
    ->ArgName("ranges")
    ->Arg(25)
    ->Arg(100)
    ->Arg(400)
    ->Unit(benchmark::kMillisecond);

void node_cuts(benchmark::State& state) {
  const Contracted graph =
      contracted(make_problem(make_graph("bert", {{"layers", state.range(0)}}), 6));
  for (auto _ : state) {
    benchmark::DoNotOptimize(bounds::least_load_of_a_node(graph, 0, 0, no_deadline()));
  }
}
BENCHMARK(node_cuts)->ArgName("layers")->Arg(6)->Arg(12)->Arg(24)->Arg(48)->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace cleave::bench
