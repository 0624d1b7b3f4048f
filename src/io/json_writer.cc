#include "io/json_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "io/decimal.h"
#include "io/text.h"

namespace cleave::io {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char first = text.front();
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (first == '"' || first == '\\') {
      out += '\\';
      out += first;
    } else if (static_cast<unsigned char>(first) < 0x20) {
      out += fmt::format("\\u{:04x}", first);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

}  // namespace

void JsonWriter::begin(char opening, Layout layout) {
  separate();
  text_ += opening;
  // What is on one line stays there, with all in it.
  if (!open_.empty() && open_.back().layout == Layout::line) layout = Layout::line;
  open_.push_back(Open{opening == '{' ? '}' : ']', layout, true});
}

void JsonWriter::end() {
  const Open closed = open_.back();
  open_.pop_back();
  if (!closed.empty && closed.layout == Layout::lines) break_line();
  text_ += closed.closing;
}

JsonWriter& JsonWriter::key(std::string_view key) {
  separate();
  append_quoted(text_, key);
  text_ += ": ";
  after_key_ = true;
  return *this;
}

void JsonWriter::string(std::string_view text) {
  separate();
  append_quoted(text_, text);
}

void JsonWriter::milliseconds(base::Duration duration) { scalar(io::milliseconds(duration)); }

void JsonWriter::real(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  scalar(std::string_view(buffer.data(), end));
}

std::string JsonWriter::take() && {
  text_ += '\n';
  return std::move(text_);
}

void JsonWriter::scalar(std::string_view text) {
  separate();
  text_ += text;
}

void JsonWriter::separate() {
  if (after_key_ || open_.empty()) {
    after_key_ = false;
    return;
  }
  Open& open = open_.back();
  if (!open.empty) text_ += open.layout == Layout::line ? ", " : ",";
  if (open.layout == Layout::lines) break_line();
  open.empty = false;
}

void JsonWriter::break_line() {
  text_ += '\n';
  text_.append(2 * open_.size(), ' ');
}

}  // namespace cleave::io
