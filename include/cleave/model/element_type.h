#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cleave::model {

/// What the elements of a tensor are.
enum class ElementType : std::uint8_t {
  float64,
  float32,
  float16,
  bfloat16,
  float8,
  float4,
  int64,
  int32,
  int16,
  int8,
  int4,
  uint64,
  uint32,
  uint16,
  uint8,
  uint4,
  boolean,
  complex128,
  complex64,
  string,
};

/// Bits of one element. A string counts as 16 bytes, whatever its text.
[[nodiscard]] std::int64_t bits(ElementType type);
[[nodiscard]] std::string_view to_string(ElementType type);
/// The type that to_string() calls so.
[[nodiscard]] std::optional<ElementType> find_element_type(std::string_view name);

}  // namespace cleave::model
