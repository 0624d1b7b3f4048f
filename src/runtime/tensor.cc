#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "cleave/base/random.h"
#include "cleave/runtime/session.h"

namespace cleave::runtime {
namespace {

using model::ElementType;

// FNV-1a: the same on every platform, which std::hash need not be.
std::uint64_t hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

template <class T>
void fill(std::vector<std::byte>& data, auto next) {
  for (std::size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    const T element = next();
    std::memcpy(&data[at], &element, sizeof(T));
  }
}

// Half precision by truncating a float in [−1, 1); values below 2^−14 become zero.
std::uint16_t to_float16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000);
  const int exponent = static_cast<int>((bits >> 23) & 0xff) - 127 + 15;
  if (exponent <= 0) return sign;
  const std::uint32_t mantissa = (bits & 0x7fffff) >> 13;
  return static_cast<std::uint16_t>(sign | (static_cast<std::uint32_t>(exponent) << 10) | mantissa);
}

bool fill_randomly(Tensor& tensor, base::Random& random) {
  const auto real = [&] { return 2 * random.unit() - 1; };
  const auto single = [&] { return static_cast<float>(real()); };
  const auto whole = [&] { return random.below(2); };
  switch (tensor.type) {
    using enum ElementType;
    case float64:
    case complex128:
      fill<double>(tensor.data, real);
      return true;
    case float32:
    case complex64:
      fill<float>(tensor.data, single);
      return true;
    case float16:
      fill<std::uint16_t>(tensor.data, [&] { return to_float16(single()); });
      return true;
    case bfloat16:
      fill<std::uint16_t>(tensor.data, [&] {
        return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(single()) >> 16);
      });
      return true;
    case int64:
    case uint64:
      fill<std::uint64_t>(tensor.data, whole);
      return true;
    case int32:
    case uint32:
      fill<std::uint32_t>(tensor.data, [&] { return static_cast<std::uint32_t>(whole()); });
      return true;
    case int16:
    case uint16:
      fill<std::uint16_t>(tensor.data, [&] { return static_cast<std::uint16_t>(whole()); });
      return true;
    case int8:
    case uint8:
    case int4:
    case uint4:
    case boolean:
      fill<std::uint8_t>(tensor.data, [&] { return static_cast<std::uint8_t>(whole()); });
      return true;
    case float8:
    case float4:
    case string:
      return false;
  }
  return false;
}

std::vector<std::int64_t> shape_for(const Port& port, std::span<const NamedShape> shapes) {
  const auto given = std::find_if(shapes.begin(), shapes.end(),
                                  [&](const NamedShape& s) { return s.name == port.name; });
  std::vector<std::int64_t> shape = port.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0) continue;
    const bool known = given != shapes.end() && i < given->shape.size() && given->shape[i] >= 0;
    shape[i] = known ? given->shape[i] : 1;
  }
  return shape;
}

}  // namespace

std::size_t size_of(ElementType type, std::span<const std::int64_t> shape) {
  std::size_t elements = 1;
  for (const std::int64_t size : shape) elements *= static_cast<std::size_t>(size);
  return (elements * static_cast<std::size_t>(model::bits(type)) + 7) / 8;
}

base::Result<std::vector<Tensor>> random_tensors(std::span<const Port> ports, std::uint64_t seed,
                                                 std::span<const NamedShape> shapes) {
  std::vector<Tensor> tensors;
  for (const Port& port : ports) {
    Tensor tensor{port.name, port.type, shape_for(port, shapes), {}};
    tensor.data.resize(size_of(tensor.type, tensor.shape));
    base::Random random(seed ^ hash(port.name));
    if (!fill_randomly(tensor, random)) {
      return base::bad_input(fmt::format("no random values can be made for '{}', which is of {}",
                                         port.name, to_string(port.type)));
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace cleave::runtime
