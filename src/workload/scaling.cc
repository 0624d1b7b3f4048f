// Graphs without a model behind them, to see how things grow.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "workload/families.h"
#include "workload/sketch.h"

namespace cleave::workload {

namespace {

using Value = Sketch::Value;

constexpr Parameter kOperators{"operators", 1000, 1, 1000000, "operators"};
constexpr Parameter kTransfer{
    "transfer", 10, 0, 10000,
    "hundredths of an operator's time to move a tensor, where the devices name no link"};
constexpr std::array kChainParameters{kOperators, kTransfer, kSeed};
constexpr std::array kRandomParameters{
    kOperators,
    Parameter{"inputs", 2, 0, 64, "inputs of an operator: at most so many, drawn at random"},
    Parameter{"reach", 16, 1, 1000000, "how many operators back an input may come from"}, kTransfer,
    Parameter{"seed", 1, 1, kSeed.high, "of the graph and of the times"}};

// Compute-bound: 10 µs on an accelerator, whatever its inputs.
constexpr Work kWork{1'000'000'000, 2'000'000, 2'000'000};

Sketch start(const Values& values) {
  const base::Duration time = Sketch::accelerator_time(kWork.flops, 0);
  return Sketch({values["transfer"] * time.count(), 100 * kWork.output},
                static_cast<std::uint64_t>(values["seed"]));
}

}  // namespace

std::span<const Parameter> chain_parameters() { return kChainParameters; }
std::span<const Parameter> random_parameters() { return kRandomParameters; }

base::Result<model::Graph> build_chain(const Values& values, bool training) {
  Sketch sketch = start(values);
  std::vector<Value> inputs;
  for (std::int64_t v = 0; v < values["operators"]; ++v) {
    inputs = {sketch.add(fmt::format("operator{}", v), kWork, inputs)};
  }
  return std::move(sketch).finish(training);
}

base::Result<model::Graph> build_random(const Values& values, bool training) {
  Sketch sketch = start(values);
  base::Random random(static_cast<std::uint64_t>(values["seed"]) ^ 0x72616e646f6d);
  std::vector<Value> made;
  for (std::int64_t v = 0; v < values["operators"]; ++v) {
    std::vector<Value> inputs;
    const std::int64_t reach = std::min(v, values["reach"]);
    for (std::int64_t i = 0; i < values["inputs"] && reach > 0; ++i) {
      const Value input = made[static_cast<std::size_t>(v - random.between(1, reach))];
      if (std::find(inputs.begin(), inputs.end(), input) == inputs.end()) inputs.push_back(input);
    }
    made.push_back(sketch.add(fmt::format("operator{}", v), kWork, inputs));
  }
  return std::move(sketch).finish(training);
}

}  // namespace cleave::workload
