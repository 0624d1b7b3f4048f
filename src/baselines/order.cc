#include "baselines/order.h"

#include <cassert>
#include <cstddef>

namespace cleave::baselines {

using cost::UnitId;

std::vector<UnitId> depth_first_order(const cost::UnitGraph& units) {
  const std::size_t n = units.size();
  std::vector<std::size_t> missing(n, 0);  // predecessors that are not in the order yet
  for (std::size_t u = 0; u < n; ++u) {
    for (const UnitId successor : units.successors(UnitId(u))) ++missing[successor.index()];
  }
  std::vector<UnitId> ready;
  for (std::size_t u = n; u-- > 0;) {
    if (missing[u] == 0) ready.push_back(UnitId(u));
  }
  std::vector<UnitId> order;
  order.reserve(n);
  while (!ready.empty()) {
    const UnitId unit = ready.back();
    ready.pop_back();
    order.push_back(unit);
    const auto successors = units.successors(unit);
    for (std::size_t i = successors.size(); i-- > 0;) {
      if (--missing[successors[i].index()] == 0) ready.push_back(successors[i]);
    }
  }
  assert(order.size() == n);
  return order;
}

}  // namespace cleave::baselines
