#include "simulate/stays.h"

#include <algorithm>

namespace cleave::simulate {

std::vector<Stay> find_stays(const std::vector<const Slice*>& slices_of_device) {
  std::vector<const Slice*> slices = slices_of_device;
  std::sort(slices.begin(), slices.end(), [](const Slice* a, const Slice* b) {
    return a->micro_batch != b->micro_batch ? a->micro_batch < b->micro_batch : a->start < b->start;
  });
  std::vector<Stay> stays;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (i == 0 || slices[i]->micro_batch != slices[i - 1]->micro_batch) {
      stays.push_back({slices[i]->start, slices[i]->end});
    }
    stays.back().end = std::max(stays.back().end, slices[i]->end);
  }
  return stays;
}

}  // namespace cleave::simulate
