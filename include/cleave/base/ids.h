#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace cleave::base {

/// A typed index into one kind of thing. Ids are dense: 0 … count−1, so they index arrays.
/// A default-constructed id is invalid.
template <class Tag>
class Id {
 public:
  using Value = std::int32_t;

  constexpr Id() = default;
  constexpr explicit Id(Value value) : value_(value) {}
  constexpr explicit Id(std::size_t index) : value_(static_cast<Value>(index)) {}

  [[nodiscard]] constexpr Value value() const { return value_; }
  [[nodiscard]] constexpr std::size_t index() const { return static_cast<std::size_t>(value_); }
  [[nodiscard]] constexpr bool valid() const { return value_ >= 0; }

  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  Value value_ = -1;
};

using OperatorId = Id<struct OperatorTag>;
using TensorId = Id<struct TensorTag>;
using GroupId = Id<struct GroupTag>;
using ClassId = Id<struct ClassTag>;
using DeviceId = Id<struct DeviceTag>;
using KindId = Id<struct KindTag>;

}  // namespace cleave::base

template <class Tag>
struct std::hash<cleave::base::Id<Tag>> {
  std::size_t operator()(cleave::base::Id<Tag> id) const noexcept {
    return std::hash<std::int32_t>{}(id.value());
  }
};
