#include "cleave/model/plan.h"

#include <gtest/gtest.h>

namespace cleave::model {
namespace {

TEST(Plan, GapIsRelativeToTheObjective) {
  Plan plan;
  plan.objective = base::Duration(200);
  plan.bound.value = base::Duration(150);
  EXPECT_DOUBLE_EQ(plan.gap(), 0.25);
  plan.bound.value = base::Duration(200);
  EXPECT_DOUBLE_EQ(plan.gap(), 0.0);
  EXPECT_DOUBLE_EQ(Plan().gap(), 0.0) << "an objective of 0 cannot be improved";
}

TEST(Plan, HasAPlacementWhereOperatorsHaveDevices) {
  Plan plan;
  EXPECT_FALSE(plan.has_placement());
  plan.placement = {base::DeviceId(0)};
  EXPECT_TRUE(plan.has_placement());
}

TEST(PlanStatus, IsReadAsInThePlanFile) {
  EXPECT_EQ(to_string(PlanStatus::optimal), "optimal");
  EXPECT_EQ(to_string(PlanStatus::feasible), "feasible");
  EXPECT_EQ(to_string(PlanStatus::infeasible), "infeasible");
  EXPECT_EQ(to_string(PlanStatus::none), "none");
}

}  // namespace
}  // namespace cleave::model
