#include "cleave/base/limits.h"

#include <gtest/gtest.h>

namespace cleave::base {
namespace {

TEST(Deadline, NeverComesWithoutALimit) {
  const Deadline deadline{Limits{}};
  EXPECT_FALSE(deadline.reached());
  EXPECT_FALSE(deadline.cancelled());
  EXPECT_GE(deadline.elapsed_seconds(), 0.0);
}

TEST(Deadline, ComesWithTime) {
  Limits limits;
  limits.time = std::chrono::duration<double>(0);
  const Deadline deadline{limits};
  EXPECT_TRUE(deadline.reached());
  EXPECT_EQ(deadline.reason(), StopReason::time);
  EXPECT_LE(deadline.remaining_seconds(), 0.0);
}

TEST(Deadline, ComesWithARequest) {
  std::stop_source source;
  Limits limits;
  limits.stop = source.get_token();
  const Deadline deadline{limits};
  EXPECT_FALSE(deadline.reached());
  source.request_stop();
  EXPECT_TRUE(deadline.reached());
  EXPECT_EQ(deadline.reason(), StopReason::cancelled);
}

TEST(StopReason, IsReadAsTheLimitThatStopped) {
  EXPECT_EQ(to_string(StopReason::finished), "none");
  EXPECT_EQ(to_string(StopReason::time), "time");
  EXPECT_EQ(to_string(StopReason::memory), "memory");
  EXPECT_EQ(to_string(StopReason::states), "states");
  EXPECT_EQ(to_string(StopReason::gap), "gap");
  EXPECT_EQ(to_string(StopReason::cancelled), "cancelled");
}

}  // namespace
}  // namespace cleave::base
