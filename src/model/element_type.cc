#include "cleave/model/element_type.h"

#include <array>

namespace cleave::model {
namespace {

struct Description {
  std::string_view name;
  std::int64_t bits;
};

// In the order of the enumeration.
constexpr std::array<Description, 20> kDescriptions{{
    {"float64", 64}, {"float32", 32}, {"float16", 16},     {"bfloat16", 16},  {"float8", 8},
    {"float4", 4},   {"int64", 64},   {"int32", 32},       {"int16", 16},     {"int8", 8},
    {"int4", 4},     {"uint64", 64},  {"uint32", 32},      {"uint16", 16},    {"uint8", 8},
    {"uint4", 4},    {"boolean", 8},  {"complex128", 128}, {"complex64", 64}, {"string", 128},
}};

const Description& describe(ElementType type) {
  return kDescriptions[static_cast<std::size_t>(type)];
}

}  // namespace

std::int64_t bits(ElementType type) { return describe(type).bits; }
std::string_view to_string(ElementType type) { return describe(type).name; }

std::optional<ElementType> find_element_type(std::string_view name) {
  for (std::size_t i = 0; i < kDescriptions.size(); ++i) {
    if (kDescriptions[i].name == name) return static_cast<ElementType>(i);
  }
  return std::nullopt;
}

}  // namespace cleave::model
