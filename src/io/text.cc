#include "io/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace cleave::io {
namespace {

constexpr std::size_t kQuotedBytes = 80;

unsigned byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool is_control(std::string_view character) {
  // C0, DEL, and the C1 controls U+0080 to U+009F, which terminals obey as well.
  const unsigned first = byte_at(character, 0);
  return first < 0x20 || first == 0x7f || (first == 0xc2 && byte_at(character, 1) < 0xa0);
}

std::string escaped_control(std::string_view character) {
  switch (character.front()) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{:04x}", byte_at(character, character.size() - 1));
  }
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
  }
  // The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  const unsigned second = byte_at(text, 1);
  const bool excluded = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return excluded ? 0 : length;
}

std::string escaped(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "...";
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      out += fmt::format("\\x{:02x}", byte_at(text, 0));
    } else if (is_control(character)) {
      out += escaped_control(character);
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string in_quotes(std::string_view text) { return "'" + escaped(text, kQuotedBytes) + "'"; }

std::optional<std::string> find_label_fault(std::string_view text) {
  constexpr std::size_t kMaxBytes = 1024;
  if (text.size() > kMaxBytes) {
    return fmt::format("{} is longer than {} bytes", in_quotes(text), kMaxBytes);
  }
  if (escaped(text, kMaxBytes) != text) {
    return fmt::format("{} contains control characters", in_quotes(text));
  }
  return std::nullopt;
}

std::size_t count_text_bytes(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned byte = byte_at(text, i);
    const std::size_t length = byte < 0x80 ? byte != 0 : utf8_length(text.substr(i));
    if (length == 0) break;
    i += length;
  }
  return i;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace cleave::io
