#include "cleave/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace cleave::base {
namespace {

constexpr int kDraws = 10'000;

TEST(Random, EqualSeedsGiveEqualNumbers) {
  Random a(5);
  Random b(5);
  Random c(6);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto bits = a.bits();
    EXPECT_EQ(bits, b.bits());
    differs = differs || bits != c.bits();
  }
  EXPECT_TRUE(differs);
}

TEST(Random, IsTheSameOnEveryPlatform) {
  // The standard fixes the 10,000th number of mt19937_64 with its default seed.
  Random random(5489);
  for (int i = 1; i < 10'000; ++i) random.bits();
  EXPECT_EQ(random.bits(), 9981545732273789042ULL);
}

TEST(Random, BelowReachesEveryNumberAboutEquallyOften) {
  Random random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < kDraws; ++i) ++seen.at(random.below(seen.size()));
  for (const int count : seen) EXPECT_NEAR(count, kDraws / 7, kDraws / 50);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, BetweenIncludesBothEnds) {
  Random random(2);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1000; ++i) {
    const auto value = random.between(-3, 3);
    ASSERT_GE(value, -3);
    ASSERT_LE(value, 3);
    low = low || value == -3;
    high = high || value == 3;
  }
  EXPECT_TRUE(low);
  EXPECT_TRUE(high);
  EXPECT_EQ(random.between(9, 9), 9);
}

TEST(Random, BetweenCoversTheWholeRange) {
  using Limits = std::numeric_limits<std::int64_t>;
  Random random(3);
  bool negative = false;
  bool positive = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = random.between(Limits::min(), Limits::max());
    negative = negative || value < 0;
    positive = positive || value > 0;
  }
  EXPECT_TRUE(negative);
  EXPECT_TRUE(positive);
}

TEST(Random, UnitStaysBelowOne) {
  Random random(4);
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.02);
}

TEST(Random, ChanceKeepsItsOdds) {
  Random random(5);
  int hits = 0;
  for (int i = 0; i < kDraws; ++i) hits += random.chance(0.25) ? 1 : 0;
  EXPECT_NEAR(hits, kDraws / 4, kDraws / 40);
  EXPECT_FALSE(random.chance(0.0));
  EXPECT_TRUE(random.chance(1.0));
}

}  // namespace
}  // namespace cleave::base
