#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"

namespace cleave::base {

/// What a generator may be told: a whole number with a name and a range.
struct Parameter {
  std::string_view name;
  std::int64_t value;  ///< default
  std::int64_t low, high;
  std::string_view help;
};

struct Setting {
  std::string name;
  std::int64_t value;
};

/// The value of each parameter: the defaults, overwritten by what the user set.
class Values {
 public:
  /// The last of repeated settings counts. `owner` is named in errors: "workload bert". Errors:
  /// bad_input, for a name that is no parameter's and for a value out of range.
  [[nodiscard]] static Result<Values> create(std::string_view owner,
                                             std::span<const Parameter> parameters,
                                             const std::vector<Setting>& settings);

  /// REQUIRES: there is a parameter of that name.
  [[nodiscard]] std::int64_t operator[](std::string_view name) const;

 private:
  explicit Values(std::span<const Parameter> parameters)
      : parameters_(parameters.begin(), parameters.end()) {}
  std::vector<Parameter> parameters_;
};

}  // namespace cleave::base
