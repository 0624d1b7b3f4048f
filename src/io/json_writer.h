#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/units.h"

namespace cleave::io {

/// Writes JSON text. A library's writer would print times as doubles; this one prints them
/// digit by digit, and lays out one operator a line.
///
/// REQUIRES: calls follow the grammar: in an object, each value after its key.
class JsonWriter {
 public:
  enum class Layout { lines, line };  ///< each member on its own line, or all on one

  void begin_object(Layout layout = Layout::lines) { begin('{', layout); }
  void begin_array(Layout layout = Layout::lines) { begin('[', layout); }
  void end();
  JsonWriter& key(std::string_view key);

  /// Bytes that are not UTF-8 become U+FFFD.
  void string(std::string_view text);
  void boolean(bool value) { scalar(value ? "true" : "false"); }
  void null() { scalar("null"); }
  void whole(std::integral auto value) { scalar(std::to_string(value)); }
  void milliseconds(base::Duration duration);
  /// The shortest decimal that reads back as `value`. REQUIRES: finite.
  void real(double value);

  /// The text so far, ending in a newline. REQUIRES: everything begun has ended.
  [[nodiscard]] std::string take() &&;

 private:
  struct Open {
    char closing;
    Layout layout;
    bool empty;
  };
  void begin(char opening, Layout layout);
  void scalar(std::string_view text);
  void separate();
  void break_line();

  std::string text_;
  std::vector<Open> open_;
  bool after_key_ = false;
};

}  // namespace cleave::io
