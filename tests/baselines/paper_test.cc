// The baselines on the inputs of the paper, beside the optimum and the published linear order.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "cleave/baselines/baseline.h"
#include "cleave/check/check.h"
#include "cleave/io/io.h"

namespace cleave::baselines {
namespace {

struct Input {
  const char* file;
  double optimum_ms;
  double linear_order_ms;  // published
};

constexpr std::array kInputs{
    Input{"LayerGraphs/bert24_inference", 17.78990625, 17.7899},
    Input{"LayerGraphs/bert24_training", 41.7458125, 41.7458},
    Input{"LayerGraphs/resnet50_inference", 33.77466602, 33.7747},
    Input{"LayerGraphs/resnet50_training", 78.6318125, 78.6498},
    Input{"LayerGraphs/gnmt_inference", 32.9106582, 33.0326},
    Input{"LayerGraphs/gnmt_training", 107.0044141, 107.004},
    Input{"LayerGraphs/inceptionv3_inference", 51.55186359, 51.5519},
    Input{"LayerGraphs/inceptionv3_training", 122.7616162, 123.930},
    Input{"OperatorGraphs/bert_l-3_inference", 27.91856768, 27.9186},
    Input{"OperatorGraphs/bert_l-3_training", 65.30314912, 65.3031},
    Input{"OperatorGraphs/bert_l-6_inference", 29.57950581, 29.5795},
    Input{"OperatorGraphs/bert_l-6_training", 72.86496632, 72.865},
    Input{"OperatorGraphs/bert_l-12_inference", 147.4779844, 147.478},
    Input{"OperatorGraphs/bert_L-12_training", 437.9976379, 437.998},
    Input{"OperatorGraphs/resnet50_inference", 124.3488498, 124.349},
    Input{"OperatorGraphs/resnet50_training", 255.1944165, 255.194},
};

class PaperInput : public testing::TestWithParam<Input> {};

TEST_P(PaperInput, BaselinesAreWhereThePaperHasThem) {
  const Input& input = GetParam();
  const std::filesystem::path folder(std::getenv("CLEAVE_SHARED"));
  const auto file =
      io::read_graph(folder / "data/paper/throughput-inputs" / (std::string(input.file) + ".json"));
  ASSERT_TRUE(file) << file.error().to_string();
  ASSERT_TRUE(file->machine);
  const auto problem = model::Problem::create(file->graph, *file->machine, {});
  ASSERT_TRUE(problem) << problem.error().to_string();

  std::printf("%s: optimum %.4f\n", input.file, input.optimum_ms);
  for (const Baseline& baseline : baselines()) {
    const auto start = std::chrono::steady_clock::now();
    const auto placement = baseline.run(*problem, 1);
    const std::chrono::duration<double, std::milli> spent =
        std::chrono::steady_clock::now() - start;
    const std::string name(baseline.name);
    if (!placement) {
      std::printf("  %-15s none (%.0f ms)\n", name.c_str(), spent.count());
      EXPECT_TRUE(name == "one-device" || name == "pipedream-like");
      continue;
    }
    const check::Verdict verdict = check::examine(*problem, *placement);
    const double objective = base::to_ms(verdict.objective);
    const double ratio = objective / input.optimum_ms;
    std::printf("  %-15s %10.4f = %.3f × optimum%s (%.0f ms)\n", name.c_str(), objective, ratio,
                verdict.feasible() ? "" : ", breaks a rule", spent.count());
    if (name == "scotch") {
      EXPECT_GE(ratio, 0.8);  // published: 0.88 to 6.2; releases of Scotch differ
      EXPECT_LE(ratio, 7.0);
    } else if (name == "local-search") {
      EXPECT_GE(ratio, 0.8);
    } else {
      EXPECT_TRUE(verdict.feasible());
      EXPECT_GE(ratio, 1 - 1e-6);
    }
    if (name == "linear-order") {
      EXPECT_LE(objective, 1.05 * input.linear_order_ms);
    }
  }
}

std::string test_name(const testing::TestParamInfo<Input>& input) {
  std::string name = input.param.file;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Throughput, PaperInput, testing::ValuesIn(kInputs), test_name);

struct LatencyInput {
  const char* file;
  double greedy_ms;  // published
};

// The published greedy where its topological order comes to the same as ours. It does not on three
// graphs of layers (gnmt 268.5, resnet50 4197.06, inceptionv3 2485.24).
constexpr std::array kLatencyInputs{
    LatencyInput{"LayerGraphs/bert24_inference", 100.219},
    LatencyInput{"OperatorGraphs/bert_l-3_inference", 416.204},
    LatencyInput{"OperatorGraphs/bert_l-6_inference", 494.135},
    LatencyInput{"OperatorGraphs/bert_l-12_inference", 867.839},
    LatencyInput{"OperatorGraphs/resnet50_inference", 839.536},
};

TEST(LatencyPaper, GreedyIsThePublishedOne) {
  const std::filesystem::path folder(std::getenv("CLEAVE_SHARED"));
  for (const LatencyInput& input : kLatencyInputs) {
    const auto file =
        io::read_graph(folder / "data/paper/latency-inputs" / (std::string(input.file) + ".json"));
    ASSERT_TRUE(file) << file.error().to_string();
    model::Question question;
    question.objective = model::Objective::latency;
    const auto problem = model::Problem::create(file->graph, *file->machine, question);
    ASSERT_TRUE(problem) << problem.error().to_string();
    const auto all = latency_baselines();
    const auto greedy =
        std::find_if(all.begin(), all.end(), [](const auto& b) { return b.name == "greedy"; });
    ASSERT_NE(greedy, all.end());
    const auto stages = greedy->run(*problem, 1);
    ASSERT_TRUE(stages);
    const check::Verdict verdict = check::examine(*problem, *stages);
    EXPECT_TRUE(verdict.feasible());
    EXPECT_NEAR(base::to_ms(verdict.objective), input.greedy_ms, 0.0006)  // printed with 3 decimals
        << input.file;
  }
}

}  // namespace
}  // namespace cleave::baselines
