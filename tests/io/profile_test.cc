#include <gtest/gtest.h>

#include <string>

#include "cleave/io/io.h"

namespace cleave::io {
namespace {

using base::Duration;
using model::Profile;

Profile example() {
  Profile profile;
  profile.model_file = "model.onnx";
  profile.model_checksum = "sha256:" + std::string(64, 'a');
  profile.dimensions = {{"batch", 8}, {"x.0", 1}};
  profile.version = "1.2.3";
  profile.runtime = "ONNX Runtime 1.30.0";
  profile.columns = {{"core",
                      2,
                      1,
                      {{"a", Duration(1'250'000'001)}, {"b/c", Duration(0)}},
                      Duration(3'500'000'000),
                      {{"a", "a", Duration(2'500'000'000)}, {"b/c", "b/c", Duration(7)}}},
                     {"socket", 1, 8, {}, Duration(1)}};
  return profile;
}

// The example's text with one part of it replaced.
std::string edited(const std::string& part, const std::string& replacement) {
  std::string text = profile_to_json(example());
  const std::size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.replace(at, part.size(), replacement);
}

TEST(Profile, ReadsBackAsWritten) {
  const auto profile = parse_profile(profile_to_json(example()), "profile.json");
  ASSERT_TRUE(profile) << profile.error().to_string();
  EXPECT_EQ(*profile, example());
}

TEST(Profile, NeedsNoSegments) {
  Profile profile = example();
  for (model::MeasuredColumn& column : profile.columns) column.segments.clear();
  const std::string text = profile_to_json(profile);
  EXPECT_EQ(text.find("segments"), std::string::npos);
  const auto again = parse_profile(text, "profile.json");
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(*again, profile);
}

TEST(Profile, RefusesWhatIsNone) {
  const struct {
    std::string part, replacement, place, message;
  } cases[] = {
      {"cleave.profile/1", "cleave.profile/2", "/format", "this version reads cleave.profile/1"},
      {"\"time_ms\": 0}", "\"time_ms\": -1}", "/columns/0/operators/1/time_ms", "negative"},
      {"\"id\": \"b/c\"", "\"id\": \"a\"", "/columns/0/operators/1/id", "there twice"},
      {"\"times\": \"socket\"", "\"times\": \"core\"", "/columns/1/times", "there twice"},
      {"\"devices\": 2", "\"devices\": 0", "/columns/0/devices", "is 0"},
      {"\"threads\": 8", "\"threads\": 1.5", "/columns/1/threads", "whole"},
      {"\"whole_ms\": 3.5", "\"whole_ms\": 0", "/columns/0/whole_ms", "takes no time"},
      {"\"time_ms\": 2.5}", "\"time_ms\": 0}", "/columns/0/segments/0/time_ms", "takes no time"},
      {"\"last\": \"a\"", "\"end\": \"a\"", "/columns/0/segments/0", "end"},
      {"\"first\": \"b/c\"", "\"first\": 1", "/columns/0/segments/1/first", "string"},
      {"\"runtime\"", "\"engine\"", "", "engine"},
      {"\"batch\": 8", "\"batch\": \"8\"", "/dimensions/batch", "the string"},
  };
  for (const auto& [part, replacement, place, message] : cases) {
    const auto profile = parse_profile(edited(part, replacement), "f");
    ASSERT_FALSE(profile) << replacement;
    EXPECT_EQ(profile.error().code, base::ErrorCode::bad_input);
    EXPECT_NE(profile.error().place.find(place), std::string::npos) << profile.error().to_string();
    EXPECT_NE(profile.error().message.find(message), std::string::npos)
        << profile.error().to_string();
  }
}

}  // namespace
}  // namespace cleave::io
