// Proofs of bounds of published inputs, from the search by way of their files to the check.
#include <gtest/gtest.h>

#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "cleave/check/proof.h"
#include "cleave/io/io.h"
#include "cleave/throughput/any.h"

namespace cleave::check {
namespace {

struct Input {
  const char* file;
  std::uint64_t states;     // of the search: none takes more than a few seconds
  std::size_t least_steps;  // of the proof
};

// The last one says of many groups that they share a device.
constexpr std::array kInputs{
    Input{"LayerGraphs/bert24_training", 20'000'000, 1},
    Input{"OperatorGraphs/bert_l-3_training", 20'000'000, 1},
    Input{"OperatorGraphs/resnet50_inference", 20'000'000, 1},
    Input{"OperatorGraphs/bert_l-6_training", 300'000'000, 3},
};

class PaperProof : public testing::TestWithParam<Input> {};

TEST_P(PaperProof, IsDerivedFromItsFile) {
  const std::filesystem::path folder(std::getenv("CLEAVE_SHARED"));
  const auto graph = io::read_graph(folder / "data/paper/throughput-inputs" /
                                    (std::string(GetParam().file) + ".json"));
  ASSERT_TRUE(graph) << graph.error().to_string();
  ASSERT_TRUE(graph->machine);
  model::Question question;
  question.placement = model::PlacementRule::any;
  const auto problem = model::Problem::create(graph->graph, *graph->machine, question);
  ASSERT_TRUE(problem) << problem.error().to_string();
  base::Limits limits;
  limits.states = GetParam().states;
  const auto answer = throughput::plan_any(*problem, limits);
  ASSERT_TRUE(answer.proof);
  EXPECT_GE(answer.proof->steps.size(), GetParam().least_steps);

  io::Provenance provenance;
  provenance.checksum = graph->checksum;
  const auto proof = io::parse_proof(io::proof_to_json(*answer.proof, provenance), "proof", *graph);
  ASSERT_TRUE(proof) << proof.error().to_string();
  const auto verdict = check_proof(*problem, *proof);
  EXPECT_EQ(verdict.outcome, ProofVerdict::Outcome::proved) << verdict.sentence;

  // Nothing proves more than what a placement takes.
  model::Proof false_proof = *proof;
  false_proof.bound = answer.objective + base::Duration(1);
  constexpr std::uint64_t kEffort = 20'000'000;
  EXPECT_NE(check_proof(*problem, false_proof, kEffort).outcome, ProofVerdict::Outcome::proved);
}

INSTANTIATE_TEST_SUITE_P(Some, PaperProof, testing::ValuesIn(kInputs), [](const auto& input) {
  std::string name = input.param.file;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace cleave::check
