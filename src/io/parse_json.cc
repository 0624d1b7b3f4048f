#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "io/parse.h"
#include "io/text.h"

namespace cleave::io {
namespace {

using Json = nlohmann::json;

std::string line_and_column(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, position);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.find_last_of('\n') + 1;  // 0 where there is no line break
  return fmt::format("line {}, column {}", lines + 1, before.size() - start + 1);
}

// The word at a position: letters, digits and signs.
std::string_view word_at(std::string_view text, std::size_t position) {
  const auto in_word = [&](std::size_t i) {
    const char c = text[i];
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.' || c == '_';
  };
  std::size_t first = std::min(position, text.size());
  while (first > 0 && in_word(first - 1)) --first;
  std::size_t last = first;
  while (last < text.size() && in_word(last)) ++last;
  return text.substr(first, last - first);
}

bool is_not_finite(std::string_view word) {
  constexpr std::array<std::string_view, 5> kWords = {"nan", "inf", "infinity", "-inf",
                                                      "-infinity"};
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

// What nlohmann's message says after its own account of the position.
std::string_view reason_of(std::string_view what) {
  constexpr std::string_view kStart = "syntax error ";
  const std::size_t at = what.find(kStart);
  return at == std::string_view::npos ? what : what.substr(at + kStart.size());
}

class Handler final : public Json::json_sax_t {
 public:
  Handler(std::string_view text, Document& document) : text_(text), document_(document) {}

  [[nodiscard]] const base::Error& error() const { return error_; }

  bool null() override {
    document_.add(Kind::null, {});
    return true;
  }
  bool boolean(bool value) override {
    document_.add_boolean(value);
    return true;
  }
  bool number_integer(number_integer_t value) override { return number(fmt::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(fmt::to_string(value)); }
  bool number_float(number_float_t /*value*/, const string_t& written) override {
    // The lexer writes the decimal point of the process's locale.
    constexpr std::string_view kOthers = "0123456789+-eE";
    std::string decimal = written;
    for (char& c : decimal) {
      if (kOthers.find(c) == std::string_view::npos) c = '.';
    }
    return number(decimal);
  }
  bool string(string_t& value) override {
    document_.add(Kind::string, value);
    return true;
  }
  bool binary(binary_t& /*value*/) override { return false; }  // JSON text has none
  bool start_object(std::size_t /*size*/) override { return report(document_.open(Kind::object)); }
  bool start_array(std::size_t /*size*/) override { return report(document_.open(Kind::array)); }
  bool key(string_t& key) override {
    document_.add_key(key);
    return true;
  }
  bool end_object() override { return report(document_.close()); }
  bool end_array() override { return report(document_.close()); }

  bool parse_error(std::size_t position, const std::string& last_token,
                   const Json::exception& exception) override {
    constexpr int kNumberOverflow = 406;
    const std::size_t last = position == 0 ? 0 : position - 1;
    const std::string_view word = word_at(text_, last);
    if (exception.id == kNumberOverflow) {
      return fail(fmt::format("the number {} is too large", escaped(last_token, 40)),
                  document_.next_place());
    }
    if (is_not_finite(word)) {
      return fail(
          fmt::format("{} is not a number; leave out what is not known or not supported", word),
          document_.next_place());
    }
    const std::string place = fmt::format("{}, {}", document_.name(), line_and_column(text_, last));
    if (position > text_.size() || trimmed(text_.substr(last)).empty()) {
      return fail("the JSON text ends too early; the file may be truncated", place);
    }
    return fail(fmt::format("this is not JSON: {}", escaped(reason_of(exception.what()), 200)),
                place);
  }

 private:
  bool number(std::string_view text) {
    document_.add(Kind::number, text);
    return true;
  }
  bool report(Document::Fault fault) {
    if (!fault) return true;
    error_ = *std::move(fault);
    return false;
  }
  bool fail(std::string message, std::string place) {
    return report(base::bad_input(std::move(message), std::move(place)));
  }

  std::string_view text_;
  Document& document_;
  base::Error error_;
};

}  // namespace

base::Result<std::unique_ptr<Document>> parse_json(std::string_view text, std::string_view name) {
  auto document = std::make_unique<Document>(name);
  Handler handler(text, *document);
  if (!Json::sax_parse(text.begin(), text.end(), &handler)) return handler.error();
  return document;
}

}  // namespace cleave::io
