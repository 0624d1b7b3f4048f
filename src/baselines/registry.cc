#include <array>

#include "baselines/runs.h"
#include "cleave/baselines/baseline.h"

namespace cleave::baselines {
namespace {

bool always(const model::Problem&) { return true; }

// Those that optimise the throughput objective have nothing to say about others.
bool throughput_only(const model::Problem& problem) {
  return problem.question().objective == model::Objective::throughput;
}

constexpr std::array kBaselines{
    Baseline{"one-device", "everything on the fastest device", true, always, run_one_device},
    Baseline{"greedy", "fills devices by memory, in topological order", true, always, run_greedy},
    Baseline{"linear-order", "best intervals of one depth-first order", true, throughput_only,
             run_linear_order},
    Baseline{"pipedream-like", "best intervals of a chain of blocks", true, throughput_only,
             run_pipedream_like},
    Baseline{"local-search", "moves and swaps of single operators", false, throughput_only,
             run_local_search},
    Baseline{"scotch", "graph partitioning; ignores memory", false, throughput_only, run_scotch},
};

}  // namespace

std::span<const Baseline> baselines() { return kBaselines; }

}  // namespace cleave::baselines
