#include "io/units.h"

#include <gtest/gtest.h>

namespace cleave::io {
namespace {

using base::Bytes;
using base::Duration;

TEST(Units, ReadsSizes) {
  EXPECT_EQ(*parse_size("16 GiB"), Bytes(std::int64_t{16} << 30));
  EXPECT_EQ(*parse_size("16GB"), Bytes(16'000'000'000));
  EXPECT_EQ(*parse_size("1.5 KiB"), Bytes(1536));
  EXPECT_EQ(*parse_size("7 B"), Bytes(7));
  EXPECT_EQ(*parse_size("2 TiB"), Bytes(std::int64_t{2} << 40));
}

TEST(Units, ReadsRates) {
  EXPECT_EQ(*parse_rate("25 GB/s"), 25'000'000'000);
  EXPECT_EQ(*parse_rate("100 Gbit/s"), 12'500'000'000);
  EXPECT_EQ(*parse_rate("1 KiB/s"), 1024);
}

TEST(Units, ReadsTimes) {
  EXPECT_EQ(*parse_time("10 us"), Duration(10'000'000));
  EXPECT_EQ(*parse_time("0.5 ns"), Duration(500));
  EXPECT_EQ(*parse_time("3 ps"), Duration(3));
  EXPECT_EQ(*parse_time("2ms"), Duration(2'000'000'000));
  EXPECT_EQ(*parse_time("1 s"), Duration(1'000'000'000'000));
}

TEST(Units, RefusesWhatTheyDoNotKnow) {
  for (const char* text : {"16", "16 gb", "16  GB", "GB", "", "16 GB ", "1e3 GB", "0x1 B",
                           "16 GB/s", "--1 B", "nan B"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
  EXPECT_EQ(parse_size("16").error().message,
            "the size '16' has no unit; write a number and one of B kB MB GB TB KiB MiB GiB TiB");
  EXPECT_EQ(parse_time("3 min").error().message,
            "the time '3 min' has the unknown unit 'min'; write a number and one of ps ns us ms s");
  EXPECT_EQ(parse_size("-2 GB").error().message, "the size -2 is negative; it must be at least 0");
  EXPECT_FALSE(parse_size("99999999 TiB"));
  EXPECT_FALSE(parse_rate("25 Gb/s"));
}

}  // namespace
}  // namespace cleave::io
