#include "cleave/base/units.h"

#include <gtest/gtest.h>

#include <chrono>
#include <unordered_set>

#include "cleave/base/ids.h"

namespace cleave::base {
namespace {

TEST(Duration, IsExactInPicoseconds) {
  EXPECT_EQ(Duration(std::chrono::milliseconds(1)).count(), 1'000'000'000);
  EXPECT_DOUBLE_EQ(to_ms(Duration(1'500'000'000)), 1.5);
}

TEST(Duration, FourOfTheLargestStillAdd) {
  const Duration sum = kMaxDuration + kMaxDuration + kMaxDuration + kMaxDuration;
  EXPECT_GT(sum, kMaxDuration);
  EXPECT_EQ(sum - kMaxDuration, kMaxDuration * 3);
}

TEST(Bytes, AddSubtractAndCompare) {
  Bytes bytes(5);
  bytes += Bytes(3);
  bytes -= Bytes(1);
  EXPECT_EQ(bytes, Bytes(7));
  EXPECT_EQ(Bytes(5) + Bytes(3), Bytes(8));
  EXPECT_EQ(Bytes(5) - Bytes(8), Bytes(-3));
  EXPECT_LT(Bytes(5), Bytes(8));
  EXPECT_EQ(Bytes(), Bytes(0));
}

TEST(Id, IsInvalidUntilGiven) {
  EXPECT_FALSE(OperatorId().valid());
  EXPECT_TRUE(OperatorId(0).valid());
  EXPECT_EQ(OperatorId(std::size_t{4}).value(), 4);
  EXPECT_EQ(OperatorId(4).index(), 4U);
}

TEST(Id, OrdersAndHashesByIndex) {
  EXPECT_LT(TensorId(1), TensorId(2));
  EXPECT_EQ((std::unordered_set<TensorId>{TensorId(1), TensorId(1), TensorId(2)}.size()), 2U);
}

}  // namespace
}  // namespace cleave::base
