#include "io/decimal.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "cleave/base/random.h"

namespace cleave::io {
namespace {

using base::Duration;

std::int64_t scaled(std::string_view text, std::int64_t factor) {
  const auto result = scale(text, factor);
  return result ? result->value : std::numeric_limits<std::int64_t>::min();
}

TEST(Decimal, KnowsNumbersAsJsonWritesThem) {
  for (const char* number : {"0", "-0", "12", "0.5", "1e3", "1E+3", "1.25e-3", "-7", "0e0"}) {
    EXPECT_TRUE(is_decimal(number)) << number;
  }
  for (const char* other : {"", "-", "+1", "01", ".5", "1.", "1e", "1e+", "nan", "inf", "0x10",
                            "1 ", " 1", "1,5", "--1", "1.2.3", "1e3.5"}) {
    EXPECT_FALSE(is_decimal(other)) << other;
  }
}

TEST(Decimal, ScalesExactlyAndRoundsToNearest) {
  EXPECT_EQ(scaled("0.1", 10), 1);
  EXPECT_EQ(scaled("1.5", 1), 2);
  EXPECT_EQ(scaled("-1.5", 1), -2);
  EXPECT_EQ(scaled("1.49999999999999999999", 1), 1);
  EXPECT_EQ(scaled("0.5", 1), 1);
  EXPECT_EQ(scaled("1e3", 1), 1000);
  EXPECT_EQ(scaled("1500e-3", 1), 2);
  EXPECT_EQ(scaled("0.0000000001", 1'000'000'000), 0);
  EXPECT_EQ(scaled("0.0000000005", 1'000'000'000), 1);
  EXPECT_EQ(scaled("6.959999999999999", 1'000'000'000), 6'960'000'000);
  EXPECT_EQ(scaled("1.5", std::int64_t{1} << 30), 1'610'612'736);
  EXPECT_EQ(scaled("000", 1), 0);
}

TEST(Decimal, SaysWhetherItRounded) {
  EXPECT_TRUE(scale("2.50", 10)->exact);
  EXPECT_TRUE(scale("1e2", 1)->exact);
  EXPECT_FALSE(scale("2.55", 10)->exact);
  EXPECT_FALSE(scale("1e-30", 1)->exact);
  EXPECT_FALSE(scale("1e-300", 1)->exact);
  EXPECT_TRUE(scale("0e-300", 1)->exact);
  EXPECT_FALSE(scale("1.0000000000000000000000000000000000001", 1)->exact);
  EXPECT_TRUE(scale("1.0000000000000000000000000000000000000", 1)->exact);
}

TEST(Decimal, StandsFarOutNumbers) {
  EXPECT_EQ(scaled("9223372036854775807", 1), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(scale("9223372036854775808", 1), std::nullopt);
  EXPECT_EQ(scale("1e400", 1), std::nullopt);
  EXPECT_EQ(scale("1e99999999999999999999999", 1), std::nullopt);
  EXPECT_EQ(scaled("1e-99999999999999999999999", 1), 0);
  EXPECT_EQ(scaled("0e99999999999999999999999", 1), 0);
  EXPECT_EQ(scale(std::string(100'000, '9'), 1), std::nullopt);
  EXPECT_EQ(scaled("0." + std::string(100'000, '9'), 1), 1);
  EXPECT_EQ(scaled(std::string(40, '9') + "e-40", 1), 1);
  EXPECT_EQ(scaled("1" + std::string(60, '0') + "e-60", std::int64_t{1} << 43),
            std::int64_t{1} << 43);
}

TEST(Decimal, SaysWhatIsWrong) {
  const auto message = [](std::string_view text, Rounding rounding = Rounding::nearest) {
    const auto amount = read_amount(text, 1, 1000, rounding, "the count");
    return amount ? "read " + std::to_string(*amount) : amount.error().message;
  };
  EXPECT_EQ(message("12"), "read 12");
  EXPECT_EQ(message("12.4"), "read 12");
  EXPECT_EQ(message("-0.0"), "read 0");
  EXPECT_EQ(message("-1"), "the count -1 is negative; it must be at least 0");
  EXPECT_EQ(message("-1e-99"), "the count -1e-99 is negative; it must be at least 0");
  EXPECT_EQ(message("1001"), "the count 1001 is too large; at most 1000 can be represented");
  EXPECT_EQ(message("nan"), "the count nan is not a number; write it as in 12, 0.5 or 1e-3");
  EXPECT_EQ(message("1.5", Rounding::none), "the count 1.5 is not a whole number");
}

TEST(Decimal, WritesMillisecondsWithTheDigitsTheyNeed) {
  EXPECT_EQ(milliseconds(Duration(0)), "0");
  EXPECT_EQ(milliseconds(Duration(1)), "0.000000001");
  EXPECT_EQ(milliseconds(Duration(125'000'000)), "0.125");
  EXPECT_EQ(milliseconds(Duration(20'000'000'000)), "20");
  EXPECT_EQ(milliseconds(Duration(-1'500'000'000)), "-1.5");
  EXPECT_EQ(milliseconds(base::kMaxDuration), "2305843009.213693951");
}

TEST(Decimal, TimesReadBackExactly) {
  base::Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    const Duration time(random.between(0, base::kMaxDuration.count()) >> random.below(61));
    const auto read = read_milliseconds(milliseconds(time));
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(*read, time);
  }
}

}  // namespace
}  // namespace cleave::io
