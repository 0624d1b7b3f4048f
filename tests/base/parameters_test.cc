#include "cleave/base/parameters.h"

#include <gtest/gtest.h>

#include <array>

namespace cleave::base {
namespace {

constexpr std::array kParameters{Parameter{"layers", 12, 1, 100, "how deep"},
                                 Parameter{"width", 64, 8, 1024, "how wide"}};

TEST(Values, AreTheDefaultsUntilSet) {
  const auto values = Values::create("network a", kParameters, {{"width", 8}, {"width", 1024}});
  ASSERT_TRUE(values.ok()) << values.error().to_string();
  EXPECT_EQ((*values)["layers"], 12);
  EXPECT_EQ((*values)["width"], 1024);  // the last one counts
}

TEST(Values, RefuseNamesAndNumbersWithTheReason) {
  const auto unknown = Values::create("network a", kParameters, {{"depth", 3}});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().to_string(),
            "network a has no parameter 'depth'; it has layers, width");
  for (const std::int64_t value : {0, 101}) {
    const auto outside = Values::create("network a", kParameters, {{"layers", value}});
    ASSERT_FALSE(outside.ok()) << value;
    EXPECT_EQ(outside.error().to_string(),
              "parameter 'layers' of network a is " + std::to_string(value) + ", outside 1 to 100");
  }
}

}  // namespace
}  // namespace cleave::base
