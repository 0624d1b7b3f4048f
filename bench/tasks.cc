#include "bench/tasks.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

namespace cleave::bench {
namespace {

template <class T>
T value_or_exit(base::Result<T> result) {
  if (!result) {
    std::cerr << "cleave_bench: " << result.error().to_string() << "\n";
    std::exit(1);
  }
  return std::move(result).value();
}

}  // namespace

model::Graph make_graph(std::string_view family, const std::vector<workload::Setting>& settings,
                        bool training) {
  return value_or_exit(workload::generate(family, settings, training));
}

model::Problem make_problem(model::Graph graph, int accelerators, model::Schedule schedule) {
  model::DeviceClass accelerator;
  accelerator.name = "accelerator";
  accelerator.count = accelerators;
  model::DeviceClass cpu;
  cpu.name = "cpu";
  cpu.pays_transfers = false;
  model::Question question;
  question.schedule = schedule;
  return value_or_exit(model::Problem::create(
      std::make_shared<const model::Graph>(std::move(graph)),
      value_or_exit(model::Machine::create({accelerator, cpu})), std::move(question)));
}

reduce::Contracted contracted(const model::Problem& problem) {
  return value_or_exit(reduce::contract(problem));
}

model::Problem inception(std::int64_t blocks, std::int64_t branches, std::int64_t operators,
                         int accelerators) {
  return make_problem(
      make_graph(
          "inception",
          {{"blocks", blocks}, {"branches", branches}, {"operators", operators}, {"seed", 1}}),
      accelerators);
}

}  // namespace cleave::bench
