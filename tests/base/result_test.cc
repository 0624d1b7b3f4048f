#include "cleave/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace cleave::base {
namespace {

Result<std::unique_ptr<int>> parse(bool good) {
  if (!good) return bad_input("no number", "line 3");
  return std::make_unique<int>(7);
}

TEST(Result, HoldsAValue) {
  const auto result = parse(true);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(**result, 7);
  EXPECT_EQ(*result->get(), 7);
}

TEST(Result, GivesAwayAMoveOnlyValue) {
  const std::unique_ptr<int> value = parse(true).value();
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(*value, 7);
}

TEST(Result, HoldsAnError) {
  const auto result = parse(false);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::bad_input);
  EXPECT_EQ(result.error().message, "no number");
  EXPECT_EQ(result.error().place, "line 3");
}

TEST(Result, StatusIsSuccessOrAnError) {
  EXPECT_TRUE(Status(std::monostate{}).ok());
  EXPECT_FALSE(Status(bad_input("x")).ok());
}

TEST(Error, ReadsPlaceFirst) {
  EXPECT_EQ(bad_input("no number", "line 3").to_string(), "line 3: no number");
  EXPECT_EQ(bad_input("no number").to_string(), "no number");
}

}  // namespace
}  // namespace cleave::base
