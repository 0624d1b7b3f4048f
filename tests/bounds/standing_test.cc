#include "cleave/bounds/standing.h"

#include <gtest/gtest.h>

#include <vector>

#include "cleave/throughput/contiguous.h"

namespace cleave::bounds {
namespace {

using base::Duration;
using base::StopReason;
using model::PlanStatus;

// Fixture: the limits and the sink that a standing refers to.
class StandingTest : public testing::Test {
 protected:
  [[nodiscard]] Standing start() { return {limits_, sink_, "test"}; }
  [[nodiscard]] static throughput::Answer conclude(const Standing& standing) {
    throughput::Answer answer;
    standing.conclude(answer);
    return answer;
  }

  base::Limits limits_;
  std::vector<base::Progress> told_;
  base::ProgressSink sink_ = [this](const base::Progress& now) { told_.push_back(now); };
};

TEST_F(StandingTest, TakesOnlyWhatIsBetter) {
  Standing standing = start();
  EXPECT_TRUE(standing.improve(Duration(10)));
  EXPECT_FALSE(standing.improve(Duration(10)));
  EXPECT_FALSE(standing.improve(Duration(11)));
  EXPECT_TRUE(standing.improve(Duration(9)));
  EXPECT_EQ(standing.objective(), Duration(9));
}

TEST_F(StandingTest, RaisesTheBoundNoHigherThanTheBestPlan) {
  Standing standing = start();
  standing.raise(Duration(5), "first");
  standing.raise(Duration(4), "lower");
  EXPECT_EQ(conclude(standing).bound.method, "first");
  EXPECT_TRUE(standing.improve(Duration(10)));
  standing.raise(Duration(99), "threshold");
  EXPECT_EQ(standing.bound(), Duration(10));
  EXPECT_EQ(conclude(standing).status, PlanStatus::optimal);
}

TEST_F(StandingTest, TellsOfEveryMove) {
  Standing standing = start();
  standing.raise(Duration(5), "bound");
  standing.states() = 7;
  EXPECT_TRUE(standing.improve(Duration(10)));
  EXPECT_FALSE(standing.improve(Duration(12)));
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_FALSE(told_[0].incumbent);
  EXPECT_EQ(told_[1].incumbent, Duration(10));
  EXPECT_EQ(told_[1].lower_bound, Duration(5));
  EXPECT_EQ(told_[1].effort, 7U);
  EXPECT_EQ(told_[1].phase, "test");
}

TEST_F(StandingTest, SaysWhichLimitEndedTheSearch) {
  limits_.states = 3;
  limits_.gap = 0.1;
  Standing standing = start();
  EXPECT_TRUE(standing.open());
  standing.states() = 4;
  EXPECT_FALSE(standing.open());
  EXPECT_EQ(standing.states_left(), 0U);
  EXPECT_EQ(conclude(standing).status, PlanStatus::none);
  EXPECT_EQ(conclude(standing).stop, StopReason::states);
  EXPECT_TRUE(standing.improve(Duration(100)));
  standing.raise(Duration(90), "bound");
  EXPECT_FALSE(standing.open());
  EXPECT_EQ(conclude(standing).stop, StopReason::gap);
  EXPECT_EQ(conclude(standing).status, PlanStatus::feasible);
}

TEST_F(StandingTest, ExhaustionProvesTheBestPlanOrThatThereIsNone) {
  Standing without = start();
  without.exhaust();
  EXPECT_FALSE(without.open());
  EXPECT_EQ(conclude(without).status, PlanStatus::infeasible);
  EXPECT_FALSE(conclude(without).reason.empty());

  Standing with = start();
  EXPECT_TRUE(with.improve(Duration(10)));
  with.exhaust();
  EXPECT_FALSE(with.open());
  EXPECT_EQ(conclude(with).status, PlanStatus::optimal);
  EXPECT_EQ(conclude(with).bound.method, "exhaustion");
  EXPECT_EQ(conclude(with).stop, StopReason::finished);
}

}  // namespace
}  // namespace cleave::bounds
