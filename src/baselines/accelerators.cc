#include "baselines/accelerators.h"

#include <cstddef>

namespace cleave::baselines {

std::vector<base::DeviceId> accelerators(const model::Machine& machine) {
  std::vector<base::DeviceId> all, paying;
  for (std::size_t d = 0; d < machine.num_devices(); ++d) {
    const base::DeviceId device(d);
    all.push_back(device);
    if (machine.device_class(machine.class_of(device)).pays_transfers) paying.push_back(device);
  }
  return paying.empty() ? all : paying;
}

}  // namespace cleave::baselines
