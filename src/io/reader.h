#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "io/decimal.h"
#include "io/document.h"

namespace cleave::io {

/// Reads values of a document as typed ones and remembers the first fault. After a fault
/// everything reads as empty, so that a caller may read many values and ask once.
/// A field that is null reads as absent.
class Reader {
 public:
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  /// REQUIRES: failed().
  [[nodiscard]] const base::Error& error() const { return *error_; }
  void fail(const Value& at, std::string message);
  /// Keeps an error of a deeper reader, whose place is that of the value where it has none.
  void fail(const Value& at, base::Error error);

  /// The field of an object; a fault where it is absent, or `object` is none.
  Value required(const Value& object, std::string_view key);
  std::optional<Value> optional(const Value& object, std::string_view key);
  /// A fault where the object has a field that is not among the known ones.
  void only(const Value& object, std::initializer_list<std::string_view> known);
  /// A fault where the object's field `format` is absent or another than the one that is known.
  void format(const Value& object, std::string_view known);
  /// A fault where the value is of another kind. Returns whether all is well so far.
  bool expect(const Value& value, Kind kind);

  /// The elements of an array.
  Value::Range<false> elements(const Value& array);
  std::string string(const Value& value);
  /// A string that names a thing and is shown in messages (find_label_fault).
  std::string label(const Value& value);
  /// The one of `choices` that is called so, by its to_string().
  template <class Enum>
  Enum choice(const Value& value, std::initializer_list<Enum> choices) {
    std::string names;
    for (const Enum choice : choices) {
      if (value.kind() == Kind::string && value.text() == to_string(choice)) return choice;
      names += names.empty() ? "" : ", ";
      names += to_string(choice);
    }
    if (expect(value, Kind::string)) fail(value, value.describe() + " is not one of " + names);
    return *choices.begin();
  }
  bool boolean(const Value& value);
  /// true, false, 1 or 0.
  bool flag(const Value& value);
  base::Duration milliseconds(const Value& value);
  base::Bytes bytes(const Value& value, Rounding rounding = Rounding::none);
  /// A whole number in [0, high]. `what` opens the message: "the count".
  std::int64_t whole(const Value& value, std::string_view what,
                     std::int64_t high = std::numeric_limits<std::int32_t>::max());
  std::uint64_t unsigned_whole(const Value& value);
  std::int64_t signed_whole(const Value& value);
  double real(const Value& value);
  /// A whole number as it is written: the ids of the formats of others.
  std::string integer_id(const Value& value);

 private:
  template <class T>
  T take(const Value& at, base::Result<T> result);
  std::optional<base::Error> error_;
};

}  // namespace cleave::io
