#include <gtest/gtest.h>

#include "cleave/hybrid/model.h"

namespace cleave::hybrid {
namespace {

constexpr Speed kSpeed{1'000'000'000'000, base::Duration(0)};  // an operation a picosecond

// The sizes that the PipeDream-2BW paper names after their parameters.
TEST(Transformer, HasAsManyParametersAsItsNameSays) {
  const auto billions = [](std::int64_t layers, std::int64_t hidden, std::int64_t heads) {
    return static_cast<double>(count_parameters({layers, hidden, heads, 50257, 512})) * 1e-9;
  };
  EXPECT_NEAR(billions(24, 1024, 16), 0.355, 0.005);
  EXPECT_NEAR(billions(24, 2048, 16), 1.3, 0.05);
  EXPECT_NEAR(billions(32, 2304, 32), 2.2, 0.05);
  EXPECT_NEAR(billions(32, 3072, 32), 3.8, 0.05);
}

// By hand, for s = 4, h = 2, a = 1, v = 8, b = 3.
TEST(Transformer, FollowsItsFormulas) {
  const auto model = describe({5, 2, 1, 8, 4}, kSpeed, 3);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->samples, 3);
  ASSERT_EQ(model->blocks.size(), 5u);
  const Piece& block = model->blocks.front();
  EXPECT_EQ(block.forward.count(), 24 * 3 * 4 * 4 + 4 * 3 * 16 * 2);
  EXPECT_EQ(block.backward, 2 * block.forward);
  EXPECT_EQ(block.weights.count(), 2 * (12 * 4 + 13 * 2));
  EXPECT_EQ(block.state.count(), 18 * (12 * 4 + 13 * 2));
  EXPECT_EQ(block.stash.count() + model->border.count(), 34 * 4 * 3 * 2 + 5 * 1 * 16 * 3);
  EXPECT_EQ(model->border.count(), 2 * 4 * 3 * 2);
  EXPECT_EQ(model->tensor->whole_stash.count() + model->border.count(), 10 * 4 * 3 * 2);
  EXPECT_EQ(model->first.weights.count(), 2 * (8 + 4) * 2);
  EXPECT_EQ(model->last.forward.count(), 2 * 3 * 4 * 2 * 8);
  EXPECT_EQ(model->last.stash.count(), 4 * 4 * 3 * (2 + 8));
  EXPECT_EQ(model->tied_weights, model->last.weights);
  EXPECT_EQ(model->tied_state, model->last.state);
}

TEST(Transformer, LaunchesEveryOperator) {
  const auto model =
      describe({1, 2, 1, 8, 4}, {kSpeed.operations_per_second, base::Duration(1000)}, 1);
  const auto without = describe({1, 2, 1, 8, 4}, kSpeed, 1);
  ASSERT_TRUE(model.ok() && without.ok());
  EXPECT_EQ((model->blocks[0].forward - without->blocks[0].forward).count(), 14'000);
  EXPECT_EQ((model->blocks[0].backward - without->blocks[0].backward).count(), 28'000);
  EXPECT_EQ(model->tensor->launches.count(), 14'000);
}

TEST(Transformer, RefusesSizesThatAreNone) {
  EXPECT_EQ(describe({0, 8, 2, 8, 8}, kSpeed, 1).error().message,
            "the transformer's size 'layers' is 0; it is 1 to 1000000");
  EXPECT_EQ(describe({1, 8, 2, 8, 8}, kSpeed, 0).error().message,
            "the transformer's size 'micro-batch' is 0; it is 1 to 1000000");
  EXPECT_EQ(describe({1, 8, 3, 8, 8}, kSpeed, 1).error().message,
            "a hidden size of 8 cannot be split over 3 heads");
  EXPECT_EQ(describe({1'000'000, 1'000'000, 1, 8, 1'000'000}, kSpeed, 1'000'000).error().message,
            "the transformer is too large: its times or sizes overflow");
}

}  // namespace
}  // namespace cleave::hybrid
