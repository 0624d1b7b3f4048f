#include "io/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "cleave/base/near_miss.h"
#include "io/text.h"

namespace cleave::io {
namespace {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "true or false";
    case Kind::number:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
    case Kind::invalid:
      break;
  }
  return "nothing";
}

bool is_integer(std::string_view number) {
  return number.find_first_not_of("-0123456789") == std::string_view::npos;
}

}  // namespace

void Reader::fail(const Value& at, std::string message) {
  fail(at, base::bad_input(std::move(message)));
}

void Reader::fail(const Value& at, base::Error error) {
  if (failed()) return;
  if (error.place.empty()) error.place = at.place();
  error_ = std::move(error);
}

template <class T>
T Reader::take(const Value& at, base::Result<T> result) {
  if (result) return *result;
  fail(at, std::move(result).error());
  return T{};
}

Value Reader::required(const Value& object, std::string_view key) {
  if (!expect(object, Kind::object)) return {};
  const auto value = object.find(key);
  if (value && value->kind() != Kind::null) return *value;
  fail(object, fmt::format("the field '{}' is {}", key, value ? "null, but needed" : "missing"));
  return {};
}

std::optional<Value> Reader::optional(const Value& object, std::string_view key) {
  if (!expect(object, Kind::object)) return std::nullopt;
  const auto value = object.find(key);
  return value && value->kind() != Kind::null ? value : std::nullopt;
}

void Reader::only(const Value& object, std::initializer_list<std::string_view> known) {
  if (!expect(object, Kind::object)) return;
  for (const auto& [key, value] : object.members()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::span words(known.begin(), known.size());
    fail(value, fmt::format("the field {} is not known here{}; known are {}", in_quotes(key),
                            base::did_you_mean(key, words), fmt::join(known, ", ")));
  }
}

void Reader::format(const Value& object, std::string_view known) {
  const auto name = optional(object, "format");
  if (failed()) return;
  if (!name) return fail(object, fmt::format("the field 'format' is missing; write {}", known));
  if (expect(*name, Kind::string) && name->text() != known) {
    fail(*name,
         fmt::format("the format is {}; this version reads {}", in_quotes(name->text()), known));
  }
}

bool Reader::expect(const Value& value, Kind kind) {
  if (failed()) return false;
  if (value.kind() == kind) return true;
  fail(value, fmt::format("expected {}, found {}", name_of(kind), value.describe()));
  return false;
}

Value::Range<false> Reader::elements(const Value& array) {
  return expect(array, Kind::array) ? array.elements() : Value().elements();
}

std::string Reader::string(const Value& value) {
  return expect(value, Kind::string) ? std::string(value.text()) : std::string();
}

std::string Reader::label(const Value& value) {
  std::string text = string(value);
  if (auto fault = find_label_fault(text)) fail(value, *std::move(fault));
  return text;
}

bool Reader::boolean(const Value& value) { return expect(value, Kind::boolean) && value.boolean(); }

bool Reader::flag(const Value& value) {
  if (failed()) return false;
  if (value.kind() == Kind::boolean) return value.boolean();
  if (value.kind() == Kind::number && (value.text() == "0" || value.text() == "1")) {
    return value.text() == "1";
  }
  fail(value, fmt::format("expected true, false, 1 or 0, found {}", value.describe()));
  return false;
}

base::Duration Reader::milliseconds(const Value& value) {
  if (!expect(value, Kind::number)) return {};
  return take(value, read_milliseconds(value.text()));
}

base::Bytes Reader::bytes(const Value& value, Rounding rounding) {
  if (!expect(value, Kind::number)) return {};
  return take(value, read_bytes(value.text(), rounding));
}

std::int64_t Reader::whole(const Value& value, std::string_view what, std::int64_t high) {
  if (!expect(value, Kind::number)) return 0;
  return take(value, read_amount(value.text(), 1, high, Rounding::none, what));
}

std::uint64_t Reader::unsigned_whole(const Value& value) {
  if (!expect(value, Kind::number)) return 0;
  const std::string_view text = value.text();
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) {
    fail(value, fmt::format("{} is not a whole number from 0 to 2^64 - 1", escaped(text, 40)));
  }
  return number;
}

std::int64_t Reader::signed_whole(const Value& value) {
  if (!expect(value, Kind::number)) return 0;
  const std::string_view text = value.text();
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) {
    fail(value, fmt::format("{} is not a whole number of 64 bits", escaped(text, 40)));
  }
  return number;
}

double Reader::real(const Value& value) {
  if (!expect(value, Kind::number)) return 0;
  const std::string_view text = value.text();
  double number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size() || number < 0) {
    fail(value, fmt::format("{} is not a number of at least 0", escaped(text, 40)));
  }
  return number;
}

std::string Reader::integer_id(const Value& value) {
  if (!expect(value, Kind::number)) return {};
  if (!is_integer(value.text())) {
    fail(value, fmt::format("the id {} is not a whole number", escaped(value.text(), 40)));
  }
  if (auto fault = find_label_fault(value.text())) fail(value, *std::move(fault));
  return std::string(value.text());
}

}  // namespace cleave::io
