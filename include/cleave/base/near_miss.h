#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cleave::base {

/// The known word that was most likely meant by `word`, which is none of them: the one that the
/// fewest typing slips (a letter too many, missing, wrong, or two in the wrong order) turn it into;
/// the first of equals. Nothing where none is near. Words longer than 64 bytes are near to none.
/// O(sum of the lengths · |word|).
[[nodiscard]] std::optional<std::string_view> near_miss(std::string_view word,
                                                        std::span<const std::string_view> known);

/// The same as words for a sentence: " (did you mean 'count'?)", or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string_view> known);

}  // namespace cleave::base
