#include "io/profile.h"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <unordered_set>
#include <utility>

#include "cleave/io/io.h"
#include "io/file.h"
#include "io/parse.h"
#include "io/text.h"

namespace cleave::io {
namespace {

using model::MeasuredColumn;
using model::MeasuredSegment;
using model::Profile;
using Layout = JsonWriter::Layout;

constexpr std::string_view kFormat = "cleave.profile/1";

// A label that was not there before.
std::string distinct_label(Reader& in, const Value& value, std::unordered_set<std::string>& seen) {
  std::string label = in.label(value);
  if (!in.failed() && !seen.insert(label).second) {
    in.fail(value, fmt::format("{} is there twice", in_quotes(label)));
  }
  return label;
}

int count(Reader& in, const Value& value, std::string_view what) {
  const std::int64_t number = in.whole(value, what);
  if (!in.failed() && number == 0) in.fail(value, fmt::format("{} is 0", what));
  return static_cast<int>(number);
}

MeasuredSegment read_segment(Reader& in, const Value& value) {
  in.only(value, {"first", "last", "time_ms"});
  MeasuredSegment segment;
  segment.first = in.label(in.required(value, "first"));
  segment.last = in.label(in.required(value, "last"));
  const Value time = in.required(value, "time_ms");
  segment.time = in.milliseconds(time);
  if (!in.failed() && segment.time.count() == 0) {
    in.fail(time, "the segment takes no time; measure it again");
  }
  return segment;
}

MeasuredColumn read_column(Reader& in, const Value& value) {
  in.only(value, {"times", "devices", "threads", "whole_ms", "operators", "segments"});
  MeasuredColumn column;
  column.devices = count(in, in.required(value, "devices"), "the number of devices");
  column.threads = count(in, in.required(value, "threads"), "the number of threads");
  const Value whole = in.required(value, "whole_ms");
  column.whole = in.milliseconds(whole);
  if (!in.failed() && column.whole.count() == 0) {
    in.fail(whole, "the whole model takes no time; measure it again");
  }
  std::unordered_set<std::string> seen;
  for (const Value entry : in.elements(in.required(value, "operators"))) {
    in.only(entry, {"id", "time_ms"});
    std::string id = distinct_label(in, in.required(entry, "id"), seen);
    column.operators.push_back({std::move(id), in.milliseconds(in.required(entry, "time_ms"))});
    if (in.failed()) break;
  }
  if (const auto segments = in.optional(value, "segments")) {
    for (const Value entry : in.elements(*segments)) {
      column.segments.push_back(read_segment(in, entry));
      if (in.failed()) break;
    }
  }
  return column;
}

void write_segments(JsonWriter& out, const std::vector<MeasuredSegment>& segments) {
  out.key("segments").begin_array();
  for (const MeasuredSegment& segment : segments) {
    out.begin_object(Layout::line);
    out.key("first").string(segment.first);
    out.key("last").string(segment.last);
    out.key("time_ms").milliseconds(segment.time);
    out.end();
  }
  out.end();
}

void write_column(JsonWriter& out, const MeasuredColumn& column) {
  out.begin_object();
  out.key("times").string(column.times);
  out.key("devices").whole(column.devices);
  out.key("threads").whole(column.threads);
  out.key("whole_ms").milliseconds(column.whole);
  out.key("operators").begin_array();
  for (const auto& op : column.operators) {
    out.begin_object(Layout::line);
    out.key("id").string(op.id);
    out.key("time_ms").milliseconds(op.time);
    out.end();
  }
  out.end();
  if (!column.segments.empty()) write_segments(out, column.segments);
  out.end();
}

}  // namespace

Profile read_profile(Reader& in, const Value& value) {
  in.only(value, {"format", "version", "model", "dimensions", "runtime", "columns"});
  in.format(value, kFormat);
  Profile profile;
  const Value model = in.required(value, "model");
  in.only(model, {"file", "checksum"});
  profile.model_file = in.label(in.required(model, "file"));
  profile.model_checksum = in.label(in.required(model, "checksum"));
  profile.version = in.label(in.required(value, "version"));
  profile.runtime = in.label(in.required(value, "runtime"));
  const Value dimensions = in.required(value, "dimensions");
  if (in.expect(dimensions, Kind::object)) {
    for (const auto& [name, size] : dimensions.members()) {
      profile.dimensions[std::string(name)] =
          in.whole(size, "the size", std::numeric_limits<std::int64_t>::max());
    }
  }
  std::unordered_set<std::string> seen;
  for (const Value entry : in.elements(in.required(value, "columns"))) {
    std::string times = distinct_label(in, in.required(entry, "times"), seen);
    MeasuredColumn column = read_column(in, entry);
    if (in.failed()) break;
    column.times = std::move(times);
    profile.columns.push_back(std::move(column));
  }
  return profile;
}

void write_profile(JsonWriter& out, const Profile& profile) {
  out.begin_object();
  out.key("format").string(kFormat);
  out.key("version").string(profile.version);
  out.key("model").begin_object(Layout::line);
  out.key("file").string(profile.model_file);
  out.key("checksum").string(profile.model_checksum);
  out.end();
  out.key("dimensions").begin_object(Layout::line);
  for (const auto& [name, size] : profile.dimensions) out.key(name).whole(size);
  out.end();
  out.key("runtime").string(profile.runtime);
  out.key("columns").begin_array();
  for (const MeasuredColumn& column : profile.columns) write_column(out, column);
  out.end();
  out.end();
}

std::string profile_to_json(const Profile& profile) {
  JsonWriter out;
  write_profile(out, profile);
  return std::move(out).take();
}

base::Result<Profile> parse_profile(std::string_view text, std::string_view name) {
  if (auto fault = find_unreadable(text, name)) return *std::move(fault);
  const auto document = parse_json(text, name);
  if (!document) return document.error();
  Reader in;
  Profile profile = read_profile(in, (*document)->root());
  if (in.failed()) return in.error();
  return profile;
}

base::Result<Profile> read_profile(const std::filesystem::path& file) {
  const auto text = read_text(file);
  if (!text) return text.error();
  return parse_profile(*text, file.string());
}

}  // namespace cleave::io
