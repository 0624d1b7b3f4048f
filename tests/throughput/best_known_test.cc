// The published inputs without contiguity, beside the best placements that any run has found. A
// lower bound above one of them would be false.

#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "cleave/io/io.h"
#include "cleave/throughput/any.h"
#include "cleave/throughput/contiguous.h"

namespace cleave::throughput {
namespace {

struct BestKnown {
  const char* file;
  std::int64_t picoseconds;  // lower it where a run finds better
};

constexpr std::array kBestKnown{
    BestKnown{"LayerGraphs/bert24_inference", 17'714'718'750},
    BestKnown{"LayerGraphs/bert24_training", 39'789'538'880},
    BestKnown{"LayerGraphs/gnmt_inference", 31'687'310'548},
    BestKnown{"LayerGraphs/gnmt_training", 88'462'242'192},
    BestKnown{"LayerGraphs/inceptionv3_inference", 51'142'110'076},
    BestKnown{"LayerGraphs/inceptionv3_training", 116'847'927'000},
    BestKnown{"LayerGraphs/resnet50_inference", 33'249'406'250},
    BestKnown{"LayerGraphs/resnet50_training", 76'236'124'000},
    BestKnown{"OperatorGraphs/bert_L-12_training", 373'424'071'655},
    BestKnown{"OperatorGraphs/bert_l-12_inference", 130'038'095'416},
    BestKnown{"OperatorGraphs/bert_l-3_inference", 21'908'376'106},
    BestKnown{"OperatorGraphs/bert_l-3_training", 54'207'399'193},
    BestKnown{"OperatorGraphs/bert_l-6_inference", 28'332'191'028},
    BestKnown{"OperatorGraphs/bert_l-6_training", 71'642'260'216},
    BestKnown{"OperatorGraphs/resnet50_inference", 124'348'849'773},
    BestKnown{"OperatorGraphs/resnet50_training", 255'194'416'450},
};

class PublishedInput : public testing::TestWithParam<BestKnown> {};

TEST_P(PublishedInput, BoundsAndPlacementsKeepToWhatIsKnown) {
  const BestKnown& known = GetParam();
  const std::filesystem::path folder(std::getenv("CLEAVE_SHARED"));
  const auto file =
      io::read_graph(folder / "data/paper/throughput-inputs" / (std::string(known.file) + ".json"));
  ASSERT_TRUE(file) << file.error().to_string();
  ASSERT_TRUE(file->machine);
  const auto contiguous = model::Problem::create(file->graph, *file->machine, {});
  ASSERT_TRUE(contiguous) << contiguous.error().to_string();
  model::Question question;
  question.placement = model::PlacementRule::any;
  const auto problem = model::Problem::create(file->graph, *file->machine, question);
  ASSERT_TRUE(problem) << problem.error().to_string();

  base::Limits limits;
  limits.states = 20'000'000;  // a second of pricing
  limits.gap = 0.005;
  const Answer answer = plan_any(*problem, limits);
  ASSERT_FALSE(answer.placement.empty());
  EXPECT_LE(answer.bound.value.count(), known.picoseconds) << answer.bound.method;
  EXPECT_LE(answer.objective.count(), known.picoseconds + known.picoseconds / 100);
  EXPECT_LE(answer.bound.value, answer.objective);
  EXPECT_LE(answer.objective, plan_contiguous(*contiguous, {}).objective);
}

INSTANTIATE_TEST_SUITE_P(All, PublishedInput, testing::ValuesIn(kBestKnown), [](const auto& input) {
  std::string name = input.param.file;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace cleave::throughput
