#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cleave/io/io.h"

namespace cleave::io {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  File() : folder_(fs::path(testing::TempDir()) / ("cleave_io_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~File() override { fs::remove_all(folder_); }

  static std::string contents(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  [[nodiscard]] std::size_t count_files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(File, IsWrittenWhole) {
  const fs::path file = folder_ / "plan.json";
  ASSERT_TRUE(write_file(file, "one"));
  EXPECT_EQ(contents(file), "one");
  ASSERT_TRUE(write_file(file, "two\n"));
  EXPECT_EQ(contents(file), "two\n");
  EXPECT_EQ(count_files(), 1U);
}

TEST_F(File, IsLeftAloneWhenItCannotBeReplaced) {
  const auto missing = write_file(folder_ / "none" / "plan.json", "text");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().place, (folder_ / "none" / "plan.json").string());
  EXPECT_NE(missing.error().message.find("cannot write the file: No such file"), std::string::npos);

  const auto directory = write_file(folder_, "text");
  ASSERT_FALSE(directory);
  EXPECT_NE(directory.error().message.find("this is a directory"), std::string::npos);
  EXPECT_EQ(count_files(), 0U);
}

TEST_F(File, FullDiskLeavesNothing) {
  // /dev/full takes no byte; it is a device, so it is written to and not replaced.
  ASSERT_TRUE(fs::is_character_file("/dev/full"));
  const auto full = write_file("/dev/full", "text");
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().message.find("No space left"), std::string::npos);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(File, IsWrittenBesideWhatAKilledRunLeft) {
  const fs::path file = folder_ / "plan.json";
  std::ofstream(file.string() + "." + std::to_string(::getpid()) + "-0.tmp") << "half";
  ASSERT_TRUE(write_file(file, "whole"));
  EXPECT_EQ(contents(file), "whole");
  EXPECT_EQ(count_files(), 2U);
}

TEST_F(File, BehindALinkIsReplacedNotTheLink) {
  const fs::path file = folder_ / "target.json";
  const fs::path link = folder_ / "link.json";
  ASSERT_TRUE(write_file(file, "old"));
  fs::create_symlink(file, link);
  ASSERT_TRUE(write_file(link, "new"));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(contents(file), "new");
}

TEST_F(File, DevicesAreWrittenTo) {
  ASSERT_TRUE(write_file("/dev/null", "text"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(File, ThatCannotBeReadIsNamed) {
  const auto missing = read_graph(folder_ / "none.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::ErrorCode::not_found);
  EXPECT_EQ(missing.error().to_string(),
            (folder_ / "none.json").string() + ": cannot read the file: No such file or directory");

  const auto directory = read_devices(folder_);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, base::ErrorCode::bad_input);
  EXPECT_NE(directory.error().message.find("this is a directory"), std::string::npos);
}

TEST_F(File, ThatNeverEndsIsGivenUp) {
  const auto endless = read_devices("/dev/zero");
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().to_string(),
            "/dev/zero: the file is larger than 1 MiB, the most that is read");
}

TEST_F(File, IsReadAsItWasWritten) {
  const fs::path file = folder_ / "graph";
  const std::string text =
      R"({"format":"cleave.graph/1","time_columns":["t"],"operators":[{"id":"a","times_ms":{"t":1}}]})";
  ASSERT_TRUE(write_file(file, text));
  const auto read = read_graph(file);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->checksum, parse_graph(text, "x")->checksum);
}

}  // namespace
}  // namespace cleave::io
