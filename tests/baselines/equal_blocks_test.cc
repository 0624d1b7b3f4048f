// Stages of equally many blocks against trying all of them, with the layers taken from their names.

#include <gtest/gtest.h>

#include <charconv>
#include <memory>
#include <optional>
#include <string>

#include "cleave/baselines/baseline.h"
#include "cleave/training/derive.h"
#include "cleave/workload/workload.h"

namespace cleave::baselines {
namespace {

using base::Bytes;
using base::Duration;
using base::OperatorId;
using model::Recompute;
using model::Schedule;

constexpr std::size_t kLayers = 6;
constexpr std::size_t kDevices = 8;

// "layer3/query/backward" is of layer 3, what is before the layers of the first, the head of the
// last.
std::size_t layer_of(const std::string& id) {
  if (id.rfind("head", 0) == 0) return kLayers - 1;
  std::size_t layer = 0;
  if (id.rfind("layer", 0) == 0) std::from_chars(id.data() + 5, id.data() + id.size(), layer);
  return layer;
}

model::Problem make_problem(Schedule schedule, Recompute recompute, std::optional<Bytes> memory,
                            int max_replicas) {
  auto forward =
      workload::generate("bert", {{"layers", kLayers}, {"hidden", 256}, {"sequence", 128}}, false);
  EXPECT_TRUE(forward.ok());
  auto derived = training::derive(*forward, {});
  EXPECT_TRUE(derived.ok());
  model::DeviceClass accelerators;
  accelerators.name = "accelerator";
  accelerators.count = kDevices;
  accelerators.memory = memory;
  accelerators.link = model::Link{10'000'000'000, Duration(1'000'000)};
  auto machine = model::Machine::create({accelerators});
  EXPECT_TRUE(machine.ok());
  model::Question question;
  question.schedule = schedule;
  question.stages = model::StageChoices{max_replicas, 8, recompute};
  auto problem = model::Problem::create(std::make_shared<model::Graph>(std::move(derived->graph)),
                                        std::move(machine).value(), question);
  EXPECT_TRUE(problem.ok()) << problem.error().message;
  return std::move(problem).value();
}

std::optional<Duration> try_all(const model::Problem& problem, std::optional<Bytes> memory) {
  std::optional<Duration> best;
  for (const std::size_t depth : {1, 2, 3, 6}) {
    for (const std::size_t width : {1, 2, 4, 8}) {
      const bool too_many =
          width * depth > kDevices ||
          width > static_cast<std::size_t>(problem.question().stages->max_replicas);
      if (too_many) continue;
      for (const bool recompute : {false, true}) {
        const Recompute asked = problem.question().stages->recompute;
        if (asked != Recompute::choose && recompute != (asked == Recompute::always)) continue;
        std::vector<cost::ChosenStage> stages(depth);
        for (std::size_t v = 0; v < problem.graph().num_operators(); ++v) {
          const std::size_t layer = layer_of(problem.graph().id(OperatorId(v)));
          stages[layer * depth / kLayers].operators.push_back(OperatorId(v));
        }
        for (std::size_t i = 0; i < width * depth; ++i) {
          stages[i / width].devices.push_back(base::DeviceId(kDevices - width * depth + i));
          stages[i / width].recompute = recompute;
        }
        const auto evaluation = cost::evaluate_stages(problem, stages);
        bool fits = true;
        for (const auto& device : evaluation.devices) {
          fits = fits && (!memory || device.memory <= *memory);
        }
        if (fits && (!best || evaluation.objective < *best)) best = evaluation.objective;
      }
    }
  }
  return best;
}

TEST(EqualBlocks, AreTheBestThereAre) {
  int found = 0;
  int missing = 0;
  for (const Schedule schedule :
       {Schedule::one_f_one_b, Schedule::gpipe, Schedule::flush, Schedule::two_bw}) {
    for (const Recompute recompute : {Recompute::never, Recompute::always, Recompute::choose}) {
      for (const std::int64_t megabytes : {0, 1, 40, 70, 100, 150}) {
        for (const int max_replicas : {1, 2, 8}) {
          const auto memory =
              megabytes == 0 ? std::nullopt : std::optional(Bytes(megabytes * 1'000'000));
          const auto problem = make_problem(schedule, recompute, memory, max_replicas);
          const auto expected = try_all(problem, memory);
          const auto blocks = equal_blocks(problem);
          ASSERT_EQ(blocks.has_value(), expected.has_value());
          (blocks ? found : missing) += 1;
          if (blocks) {
            EXPECT_EQ(blocks->objective, *expected);
          }
        }
      }
    }
  }
  EXPECT_GT(found, 50);
  EXPECT_GT(missing, 20);
}

}  // namespace
}  // namespace cleave::baselines
