#include "cleave/hybrid/repeats.h"

#include <gtest/gtest.h>

#include "cleave/base/random.h"
#include "cleave/training/derive.h"
#include "cleave/workload/workload.h"

namespace cleave::hybrid {
namespace {

using base::Bytes;
using base::Duration;
using base::OperatorId;

model::Graph generate(std::string_view family, const std::vector<workload::Setting>& settings,
                      bool training = true) {
  auto graph = workload::generate(family, settings, false);
  EXPECT_TRUE(graph.ok());
  if (!training) return std::move(graph).value();
  auto derived = training::derive(*graph, {});
  EXPECT_TRUE(derived.ok());
  return std::move(derived->graph);
}

model::OperatorSpec spec(std::string id, Bytes memory) {
  model::OperatorSpec spec;
  spec.id = std::move(id);
  spec.memory = memory;
  spec.weights = memory;
  spec.times = {Duration(1)};
  return spec;
}

TEST(Repeats, FindTheLayersOfBert) {
  for (const std::int64_t layers : {2, 5, 24}) {
    const model::Graph graph = generate("bert", {{"layers", layers}});
    const auto repeats = find_repeats(graph);
    ASSERT_TRUE(repeats.ok());
    EXPECT_EQ(repeats->count, static_cast<std::size_t>(layers));
    EXPECT_EQ(repeats->period, 14u);
    EXPECT_EQ(graph.id(repeats->order[repeats->start]), "layer0/query");
  }
}

// Times that differ, as measured ones do, do not hide the blocks.
TEST(Repeats, FindTheLayersWhereTimesDiffer) {
  const model::Graph graph = generate("bert", {{"layers", 6}, {"seed", 3}});
  const auto repeats = find_repeats(graph);
  ASSERT_TRUE(repeats.ok());
  EXPECT_EQ(repeats->count, 6u);
  EXPECT_EQ(repeats->period, 14u);
}

TEST(Repeats, FindTheOperatorsOfAChain) {
  const auto repeats = find_repeats(generate("chain", {{"operators", 40}}));
  ASSERT_TRUE(repeats.ok());
  EXPECT_EQ(repeats->period, 1u);
  EXPECT_GE(repeats->count, 38u);  // the first has no input, and nobody reads the last
}

TEST(Repeats, SayThatAModelHasNone) {
  model::GraphBuilder builder({"accelerator"});
  for (int v = 0; v < 12; ++v) builder.add_operator(spec("v" + std::to_string(v), Bytes(v * v)));
  const auto graph = std::move(builder).build();
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(find_repeats(*graph).error().message,
            "the model has no repeated blocks: the longest repetition covers 0 of 12 forward "
            "operators, and at least half are needed");
}

TEST(Repeats, NothingIsLostInDescribing) {
  for (std::int64_t seed = 0; seed <= 5; ++seed) {
    const model::Graph graph = generate("bert", {{"layers", 6}, {"seed", seed}});
    const auto repeats = find_repeats(graph);
    ASSERT_TRUE(repeats.ok());
    const auto column = graph.find_time_column("accelerator");
    const auto model = describe(graph, *repeats, *column, {3, 3});
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(model->samples, 3);
    Piece all = model->first;
    all += model->last;
    for (const Piece& block : model->blocks) all += block;
    Piece expected;
    for (std::size_t v = 0; v < graph.num_operators(); ++v) {
      const OperatorId op(v);
      auto& time = graph.phase(op) == model::Phase::forward ? expected.forward : expected.backward;
      time += *graph.time(op, *column);
      expected.weights += graph.weights(op);
      expected.state += graph.memory(op) - graph.weights(op);
      expected.stash += graph.stash(op);
    }
    EXPECT_EQ(all.forward, expected.forward);
    EXPECT_EQ(all.backward, expected.backward);
    EXPECT_EQ(all.weights, expected.weights);
    EXPECT_EQ(all.state, expected.state);
    EXPECT_EQ(all.stash, expected.stash);
  }
}

// The states of the tokens, and the mask that every layer reads.
TEST(Repeats, TheBorderIsWhatFlowsBetweenLayers) {
  const std::int64_t sequence = 64;
  const std::int64_t hidden = 256;
  const model::Graph graph =
      generate("bert", {{"layers", 4}, {"sequence", sequence}, {"hidden", hidden}});
  const auto repeats = find_repeats(graph);
  ASSERT_TRUE(repeats.ok());
  const auto model = describe(graph, *repeats, 0, {1, 1});
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->border.count(), 2 * sequence * hidden + 2 * sequence * sequence);
}

// A graph of BERT made at a size is that of another size scaled: generated times are proportional
// to samples, but for each operator's rounding.
TEST(Repeats, ScaleToOtherSizesOfMicroBatch) {
  const auto at = [](std::int64_t made, std::int64_t samples) {
    const model::Graph graph = generate("bert", {{"layers", 4}, {"batch", made}});
    const auto repeats = find_repeats(graph);
    EXPECT_TRUE(repeats.ok());
    auto model = describe(graph, *repeats, 0, {made, samples});
    EXPECT_TRUE(model.ok());
    return std::move(model).value();
  };
  for (const auto& [made, samples] : {std::pair{1, 8}, std::pair{8, 1}, std::pair{2, 3}}) {
    const BlockModel scaled = at(made, samples);
    const BlockModel direct = at(samples, samples);
    EXPECT_EQ(scaled.samples, samples);
    EXPECT_EQ(scaled.border, direct.border);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(scaled.blocks[i].stash, direct.blocks[i].stash);
      EXPECT_EQ(scaled.blocks[i].weights, direct.blocks[i].weights);
      EXPECT_NEAR(static_cast<double>(scaled.blocks[i].forward.count()),
                  static_cast<double>(direct.blocks[i].forward.count()),
                  0.001 * static_cast<double>(direct.blocks[i].forward.count()));
    }
  }
}

TEST(Repeats, LaunchesTakeAsLongForMoreSamples) {
  const model::Graph graph = generate("bert", {{"layers", 4}});
  const auto repeats = find_repeats(graph);
  ASSERT_TRUE(repeats.ok());
  const auto once = describe(graph, *repeats, 0, {1, 1});
  const auto linear = describe(graph, *repeats, 0, {1, 4});
  const auto never = describe(graph, *repeats, 0, {1, 4, base::kMaxDuration});
  const auto some = describe(graph, *repeats, 0, {1, 4, Duration(1000)});
  ASSERT_TRUE(once.ok() && linear.ok() && never.ok() && some.ok());
  const Duration t = once->blocks[0].forward;
  const auto operators = static_cast<std::int64_t>(repeats->period);
  EXPECT_EQ(linear->blocks[0].forward, 4 * t);
  EXPECT_EQ(never->blocks[0].forward, t);
  EXPECT_EQ(some->blocks[0].forward, 4 * t - 3 * operators * Duration(1000));
  const auto too_many = describe(graph, *repeats, 0, {1, std::int64_t{1} << 62});
  EXPECT_EQ(too_many.error().message,
            "the graph is for micro-batches of 1; at 4611686018427387904, times or bytes are too "
            "large to be added up");
}

TEST(Repeats, RefuseWhatIsNoTraining) {
  const model::Graph graph = generate("bert", {{"layers", 4}}, false);
  const auto repeats = find_repeats(graph);
  ASSERT_TRUE(repeats.ok());
  EXPECT_EQ(describe(graph, *repeats, 0, {1, 1}).error().message,
            "the graph has no backward operators, so there is no training to plan");
}

TEST(Repeats, RefuseWeightsThatNobodyStates) {
  auto graph = workload::generate("bert", {{"layers", 4}}, true);
  ASSERT_TRUE(graph.ok());
  const auto repeats = find_repeats(*graph);
  ASSERT_TRUE(repeats.ok());
  EXPECT_EQ(describe(*graph, *repeats, 0, {1, 1}).error().message,
            "no operator states its weights, so what replicas synchronise is not known; give "
            "weight_bytes, or make the training graph from the forward graph");
}

// Two alike operators in one group, and a backward one in none.
TEST(Repeats, RefuseGroupsAcrossBlocks) {
  const auto build = [](bool share, bool orphan) {
    model::GraphBuilder builder({"accelerator"});
    for (int v = 0; v < 4; ++v) {
      model::OperatorSpec forward = spec("f" + std::to_string(v), Bytes(8));
      model::OperatorSpec backward = spec("b" + std::to_string(v), Bytes(8));
      backward.phase = model::Phase::backward;
      forward.group = share && v < 2 ? "shared" : "g" + std::to_string(v);
      if (!(orphan && v == 3)) backward.group = forward.group;
      builder.add_operator(forward);
      builder.add_operator(backward);
    }
    auto graph = std::move(builder).build();
    EXPECT_TRUE(graph.ok());
    return std::move(graph).value();
  };
  const auto error_of = [](const model::Graph& graph) {
    const auto repeats = find_repeats(graph);
    EXPECT_TRUE(repeats.ok());
    const auto model = describe(graph, *repeats, 0, {1, 1});
    return model.ok() ? std::string() : model.error().message;
  };
  EXPECT_EQ(error_of(build(false, false)), "");
  EXPECT_EQ(error_of(build(true, false)),
            "operator 'f1' shares a device with 'f0' of another block");
  EXPECT_EQ(error_of(build(false, true)),
            "operator 'b3' runs backward and is in no group with a forward operator, so that the "
            "block it belongs to is not known");
}

}  // namespace
}  // namespace cleave::hybrid
