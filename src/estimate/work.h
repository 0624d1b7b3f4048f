#pragma once

#include <set>
#include <string>

#include "cleave/model/element_type.h"
#include "cleave/model/network.h"

namespace cleave::estimate {

/// What an operator asks of a device, whatever the device.
struct Work {
  double operations = 0;  ///< a multiply-add is two
  double bytes = 0;       ///< read and written, weights included
  double launches = 0;
  model::ElementType type = model::ElementType::float32;  ///< of the arithmetic
};

/// What could not be known and was assumed instead.
struct Assumptions {
  std::set<std::string> unknown_types;   ///< "domain::type": taken as one pass over the values
  std::set<std::string> unknown_trips;   ///< operator ids: loops taken to run once
  std::set<std::string> unknown_shapes;  ///< operator ids: values without a size count as nothing
};

/// The work of one operator, bodies included, by the formulas of docs/estimate.md.
[[nodiscard]] Work work_of(const model::Network& network, const model::NetworkOperator& op,
                           Assumptions& assumptions);

}  // namespace cleave::estimate
