// Builds a chain of six operators, asks for the best pipeline over two accelerators, prints it.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "cleave/model/graph.h"
#include "cleave/model/machine.h"
#include "cleave/model/problem.h"
#include "cleave/solve/solve.h"

using namespace cleave;
using namespace std::chrono_literals;

namespace {

int fail(const base::Error& error) {
  std::fprintf(stderr, "%s\n", error.to_string().c_str());
  return 1;
}

}  // namespace

int main() {
  model::GraphBuilder builder({"accelerator"});
  model::OperatorId previous;
  for (int layer = 0; layer < 6; ++layer) {
    model::OperatorSpec op;
    op.id = "layer" + std::to_string(layer);
    op.memory = base::Bytes(2'000'000'000);
    op.times = {(layer + 1) * base::Duration(1ms)};
    const model::OperatorId current = builder.add_operator(std::move(op));
    if (layer > 0) builder.add_tensor({previous, {current}, std::nullopt, base::Duration(100us)});
    previous = current;
  }
  auto graph = std::move(builder).build();
  if (!graph) return fail(graph.error());

  model::DeviceClass accelerators;
  accelerators.name = "accelerator";
  accelerators.count = 2;
  accelerators.memory = base::Bytes(16'000'000'000);
  auto machine = model::Machine::create({accelerators});
  if (!machine) return fail(machine.error());

  const auto problem =
      model::Problem::create(std::make_shared<const model::Graph>(std::move(graph).value()),
                             std::move(machine).value(), model::Question{});
  if (!problem) return fail(problem.error());

  const auto plan = solve::solve(*problem, base::Limits{});
  if (!plan) return fail(plan.error());
  std::printf("%s: %.1f ms a sample, proven lower bound %.1f ms\n",
              std::string(to_string(plan->status)).c_str(), base::to_ms(plan->objective),
              base::to_ms(plan->bound.value));
  for (const model::Stage& stage : plan->stages) {
    std::printf("%s:", problem->machine().device_name(stage.device).c_str());
    for (const model::OperatorId op : stage.operators) {
      std::printf(" %s", problem->graph().id(op).c_str());
    }
    std::printf("\n");
  }
}
