#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/model/graph.h"

namespace cleave::workload {

/// A parameter of a generator: a whole number, or a ratio in hundredths where the help says so.
struct Parameter {
  std::string_view name;
  std::int64_t value;  ///< default
  std::int64_t low, high;
  std::string_view help;
};

/// A family of generated cost graphs. Added in one place: registry.cc.
struct Family {
  std::string_view name;     ///< such as "bert"
  std::string_view summary;  ///< one line
  std::span<const Parameter> parameters;
};
[[nodiscard]] std::span<const Family> families();

struct Setting {
  std::string name;
  std::int64_t value;
};

/// The graph of a family, with time columns "accelerator" and "cpu", sizes in bytes and transfer
/// times. With `training`, every forward operator has a backward twin in its colocation group and
/// tensors are mirrored. Equal arguments give equal graphs. Errors: bad_input, for unknown names
/// and values out of range.
[[nodiscard]] base::Result<model::Graph> generate(std::string_view family,
                                                  const std::vector<Setting>& settings,
                                                  bool training);

}  // namespace cleave::workload
