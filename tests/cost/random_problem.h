#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cleave/base/random.h"
#include "cleave/model/graph.h"
#include "cleave/model/machine.h"
#include "cleave/model/problem.h"

namespace cleave::test {

struct RandomOptions {
  int max_operators = 10;
  bool limited_memory = true;
  model::PlacementRule placement = model::PlacementRule::any;
};

/// A small problem with every feature mixed in: device classes, memory limits, links, unsupported
/// operators, forbids, colocation groups, backward operators with and without a forward twin,
/// zero times, tensors with several consumers or none, all schedules and transfer models.
inline model::Problem random_problem(std::uint64_t seed, const RandomOptions& options = {}) {
  using base::Bytes;
  using base::Duration;
  using base::OperatorId;
  base::Random random(seed);
  const auto n = static_cast<std::size_t>(random.between(1, options.max_operators));
  const bool training = random.chance(0.5);
  const std::size_t forward = training ? (n + 1) / 2 : n;
  const bool unsupported = random.chance(0.4);
  const bool grouped = random.chance(0.5);

  model::GraphBuilder builder({"accelerator", "cpu"});
  for (std::size_t v = 0; v < n; ++v) {
    model::OperatorSpec spec;
    spec.id = "v" + std::to_string(v);
    spec.phase = v < forward ? model::Phase::forward : model::Phase::backward;
    spec.memory = Bytes(random.between(0, 10));
    spec.times = {Duration(random.between(0, 20)), Duration(random.between(0, 60))};
    if (unsupported && random.chance(0.2)) spec.times[0].reset();
    const std::size_t twin = n - 1 - v;
    if (v >= forward && twin < forward && random.chance(0.8)) {
      spec.group = "twin" + std::to_string(twin);
    } else if (v < forward && training) {
      spec.group = "twin" + std::to_string(v);
    } else if (grouped && random.chance(0.3)) {
      spec.group = "g" + std::to_string(random.below(3));
    }
    builder.add_operator(std::move(spec));
  }
  for (std::size_t v = 0; v < n; ++v) {
    for (std::uint64_t tensors = random.below(3); tensors > 0; --tensors) {
      model::TensorSpec spec;
      spec.producer = OperatorId(v);
      for (std::size_t u = v + 1; u < n; ++u) {
        if (random.chance(0.3)) spec.consumers.push_back(OperatorId(u));
      }
      spec.bytes = Bytes(random.between(0, 8));
      spec.transfer = Duration(random.between(0, 8));
      builder.add_tensor(std::move(spec));
    }
  }

  std::vector<model::DeviceClass> classes;
  const auto add_class = [&](const char* name, const char* times, bool pays) {
    model::DeviceClass device_class;
    device_class.name = name;
    device_class.times = times;
    device_class.count = static_cast<int>(random.between(1, 3));
    device_class.pays_transfers = pays;
    if (options.limited_memory && random.chance(0.6)) {
      device_class.memory = Bytes(random.between(10, 20 + 5 * static_cast<std::int64_t>(n)));
    }
    if (pays && random.chance(0.3)) {
      device_class.link = model::Link{500'000'000'000, Duration(random.between(0, 2))};
    }
    classes.push_back(std::move(device_class));
  };
  add_class("accelerator", "accelerator", true);
  if (random.chance(0.3)) add_class("big", "accelerator", true);
  add_class("cpu", "cpu", random.chance(0.2));

  model::Question question;
  question.placement = options.placement;
  if (training) {
    question.schedule = random.chance(0.5) ? model::Schedule::gpipe : model::Schedule::one_f_one_b;
  }
  question.transfers = static_cast<model::Transfers>(random.below(3));
  if (random.chance(0.3)) question.forbids.push_back({"^v0$", "accelerator0"});

  auto graph = std::move(builder).build().value();
  auto machine = model::Machine::create(std::move(classes)).value();
  return model::Problem::create(std::make_shared<const model::Graph>(std::move(graph)),
                                std::move(machine), std::move(question))
      .value();
}

}  // namespace cleave::test
