#include "support/random_stages.h"

#include <cassert>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/training/derive.h"

namespace cleave::support {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using model::Problem;
using model::Recompute;
using model::Schedule;

namespace {

model::Graph random_forward(base::Random& random, bool sized, std::int64_t scale,
                            std::int64_t most_operators) {
  model::GraphBuilder builder({"gpu", "old"});
  const std::int64_t n = random.between(1, most_operators);
  for (std::int64_t v = 0; v < n; ++v) {
    model::OperatorSpec spec;
    spec.id = std::string(1, static_cast<char>('a' + v));
    spec.memory = Bytes(random.between(0, 20));
    spec.weights = Bytes(random.between(0, spec.memory.count()));
    const std::int64_t time = scale * random.between(0, 30);
    spec.times = {Duration(time), Duration(2 * time + scale * random.between(0, 3))};
    if (random.chance(0.1)) spec.times[random.below(2)].reset();
    builder.add_operator(std::move(spec));
  }
  for (std::int64_t v = 0; v + 1 < n; ++v) {
    model::TensorSpec tensor;
    tensor.producer = OperatorId(static_cast<std::size_t>(v));
    for (std::int64_t w = v + 1; w < n; ++w) {
      if (random.chance(w == v + 1 ? 0.8 : 0.3)) {
        tensor.consumers.emplace_back(static_cast<std::size_t>(w));
      }
    }
    if (sized || random.chance(0.8)) tensor.bytes = Bytes(random.between(0, 20));
    tensor.transfer = Duration(scale * random.between(0, 10));
    builder.add_tensor(std::move(tensor));
  }
  auto graph = std::move(builder).build();
  assert(graph.ok());
  return std::move(graph).value();
}

model::Link random_link(base::Random& random, std::int64_t scale) {
  // 1 to 10 picoseconds a byte, times the scale.
  return {1'000'000'000'000 / (scale * random.between(1, 10)),
          Duration(scale * random.between(0, 2))};
}

model::DeviceClass random_class(base::Random& random, const char* name, int count,
                                std::int64_t scale) {
  model::DeviceClass c;
  c.name = name;
  c.count = count;
  if (random.chance(0.7)) c.memory = Bytes(random.between(20, 200));
  c.link = random_link(random, scale);
  return c;
}

model::Machine random_machine(base::Random& random, std::int64_t scale) {
  std::vector<model::DeviceClass> classes;
  classes.push_back(random_class(random, "gpu", static_cast<int>(random.between(1, 6)), scale));
  if (random.chance(0.3)) {
    classes[0].count = 4;
    classes[0].server = model::Server{random.chance(0.5) ? 2 : 4, random_link(random, scale)};
  } else if (random.chance(0.4)) {
    classes[0].count = static_cast<int>(random.between(1, 2));
    classes.push_back(random_class(random, "old", static_cast<int>(random.between(1, 2)), scale));
    classes[1].pays_transfers = random.chance(0.6);
  }
  auto machine = model::Machine::create(std::move(classes));
  assert(machine.ok());
  return std::move(machine).value();
}

model::Question random_question(base::Random& random, bool training, std::size_t devices) {
  model::Question question;
  question.transfers = static_cast<model::Transfers>(random.below(3));
  model::StageChoices stages;
  stages.max_replicas = static_cast<int>(random.between(1, static_cast<std::int64_t>(devices)));
  stages.micro_batches = random.between(1, 8);
  if (training) {
    stages.recompute = static_cast<Recompute>(random.below(3));
    const Schedule schedules[]{Schedule::one_f_one_b, Schedule::gpipe, Schedule::flush,
                               Schedule::two_bw};
    question.schedule = schedules[random.below(4)];
  }
  question.stages = stages;
  return question;
}

}  // namespace

std::optional<Problem> random_stages(std::uint64_t seed, std::int64_t scale,
                                     std::int64_t most_operators) {
  base::Random random(seed);
  const bool training = random.chance(0.8);
  model::Graph graph = random_forward(random, training, scale, most_operators);
  if (training) {
    const auto percent = random.between(0, 250);
    auto derived =
        training::derive(graph, {static_cast<training::Optimizer>(random.below(3)),
                                 static_cast<training::Precision>(random.below(2)), percent});
    assert(derived.ok());
    graph = std::move(derived->graph);
  }
  model::Machine machine = random_machine(random, scale);
  model::Question question = random_question(random, training, machine.num_devices());
  auto problem = Problem::create(std::make_shared<const model::Graph>(std::move(graph)),
                                 std::move(machine), std::move(question));
  if (!problem) return std::nullopt;
  return std::move(problem).value();
}

}  // namespace cleave::support
