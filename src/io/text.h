#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cleave::io {

/// `text` on one line: control characters and bytes that are not UTF-8 escaped (\n, \u001b, \xff),
/// and cut off with "..." after about `limit` bytes.
[[nodiscard]] std::string escaped(std::string_view text, std::size_t limit);

/// The text of a file as it is shown in a message: 'text', escaped and short.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// Why `text` cannot name a thing: longer than 1024 bytes, or with control characters; or nothing.
[[nodiscard]] std::optional<std::string> find_label_fault(std::string_view text);

/// Number of bytes of the UTF-8 character at the start of `text`; 0 if there is none.
/// REQUIRES: text is not empty.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// How many bytes from the start are UTF-8 without zero bytes: all of them in a text file.
[[nodiscard]] std::size_t count_text_bytes(std::string_view text);

/// Without spaces, tabs and carriage returns at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace cleave::io
