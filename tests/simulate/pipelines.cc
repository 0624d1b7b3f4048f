#include "simulate/pipelines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "cleave/base/random.h"
#include "cleave/check/check.h"
#include "cleave/solve/solve.h"
#include "support/random_draft.h"

namespace cleave::simulate {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::Phase;

namespace {

void connect(support::Draft& draft, std::size_t from, std::size_t to, std::int64_t transfer) {
  draft.tensors.push_back({OperatorId(from), {OperatorId(to)}, {}, Duration(transfer)});
}

void add(support::Draft& draft, const std::string& id, Phase phase, std::int64_t time,
         std::size_t stage) {
  draft.operators.push_back(
      {id, "", phase, base::Bytes(1), {Duration(time)}, "stage" + std::to_string(stage)});
}

}  // namespace

model::DeviceClass devices(std::string name, int count, bool pays_transfers) {
  model::DeviceClass device_class;
  device_class.name = std::move(name);
  device_class.count = count;
  device_class.pays_transfers = pays_transfers;
  device_class.times = "acc";
  return device_class;
}

Planned make_pipeline(const PipelineSpec& spec) {
  const std::size_t stages = spec.forward.size();
  support::Draft draft;
  draft.time_columns = {"acc"};
  draft.classes = {devices("acc", static_cast<int>(stages), true)};
  draft.question.transfers = spec.transfers;
  std::vector<std::size_t> placement;
  for (std::size_t s = 0; s < stages; ++s) {
    add(draft, "f" + std::to_string(s), Phase::forward, spec.forward[s], s);
    placement.push_back(s);
    if (s > 0) connect(draft, s - 1, s, spec.transfer);
  }
  for (std::size_t s = 0; s < spec.backward.size(); ++s) {
    add(draft, "b" + std::to_string(s), Phase::backward, spec.backward[s], s);
    placement.push_back(s);
    connect(draft, s, stages + s, spec.transfer);
    if (s > 0) connect(draft, stages + s, stages + s - 1, spec.transfer);
  }
  return place(draft, placement);
}

Planned place(const support::Draft& draft, const std::vector<std::size_t>& placement) {
  auto problem = support::build(draft);
  EXPECT_TRUE(problem.ok());
  model::Plan plan =
      solve::describe(*problem, model::Placement(placement.begin(), placement.end()));
  return {std::move(problem).value(), std::move(plan)};
}

Planned random_planned(std::uint64_t& seed) {
  for (;; ++seed) {
    auto problem = support::build(support::random_draft(seed));
    EXPECT_TRUE(problem.ok());
    base::Random random(seed);
    for (int attempt = 0; attempt < 20; ++attempt) {
      model::Placement placement;
      for (std::size_t v = 0; v < problem->graph().num_operators(); ++v) {
        placement.emplace_back(random.below(problem->machine().num_devices()));
        const auto group = problem->graph().group(OperatorId(v));
        if (!group) continue;
        const OperatorId first = problem->graph().members(*group).front();
        placement.back() = placement[first.index()];
      }
      if (!check::examine(*problem, placement).feasible()) continue;
      model::Plan plan = solve::describe(*problem, std::move(placement));
      return {std::move(problem).value(), std::move(plan)};
    }
  }
}

std::vector<Slice> slices_of(const Timeline& timeline, std::int32_t stage, Activity activity) {
  std::vector<Slice> found;
  std::copy_if(
      timeline.slices.begin(), timeline.slices.end(), std::back_inserter(found),
      [&](const Slice& slice) { return slice.stage == stage && slice.activity == activity; });
  return found;
}

}  // namespace cleave::simulate
