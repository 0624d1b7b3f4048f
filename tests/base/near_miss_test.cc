#include "cleave/base/near_miss.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cleave::base {
namespace {

constexpr std::array<std::string_view, 5> kKnown = {"count", "class", "memory", "link", "in"};

TEST(NearMiss, FindsTheWordThatWasMeant) {
  EXPECT_EQ(near_miss("cuont", kKnown), "count");  // two in the wrong order
  EXPECT_EQ(near_miss("conut", kKnown), "count");
  EXPECT_EQ(near_miss("memry", kKnown), "memory");    // one missing
  EXPECT_EQ(near_miss("memoryy", kKnown), "memory");  // one too many
  EXPECT_EQ(near_miss("klass", kKnown), "class");     // a wrong one
  EXPECT_EQ(near_miss("links", kKnown), "link");
}

TEST(NearMiss, LeavesOtherWordsAlone) {
  EXPECT_EQ(near_miss("bandwidth", kKnown), std::nullopt);
  EXPECT_EQ(near_miss("xy", kKnown), std::nullopt);
  EXPECT_EQ(near_miss("", kKnown), std::nullopt);
  EXPECT_EQ(near_miss(std::string(10'000, 'x'), kKnown), std::nullopt);
  EXPECT_EQ(near_miss("count", {}), std::nullopt);
}

TEST(NearMiss, PrefersTheNearer) {
  constexpr std::array<std::string_view, 2> kWords = {"stages", "stage"};
  EXPECT_EQ(near_miss("stag", kWords), "stage");
}

TEST(NearMiss, SaysSoInASentence) {
  EXPECT_EQ(did_you_mean("cuont", kKnown), " (did you mean 'count'?)");
  EXPECT_EQ(did_you_mean("bandwidth", kKnown), "");
}

}  // namespace
}  // namespace cleave::base
