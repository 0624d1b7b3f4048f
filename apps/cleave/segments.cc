#include "segments.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <unordered_map>

namespace cleave::app {

namespace {

using model::Network;
using model::NetworkOperator;
using model::NetworkValue;
using model::ValueId;

std::vector<const NetworkOperator*> find_placed(const Network& network) {
  std::vector<const NetworkOperator*> placed;
  for (const NetworkOperator& op : network.operators) {
    if (!op.constant) placed.push_back(&op);
  }
  return placed;
}

// Whether the model can be cut behind each operator [placed]: what crosses is tensors of numbers.
std::vector<bool> find_borders(const Network& network,
                               const std::vector<const NetworkOperator*>& placed) {
  std::vector<std::size_t> last_read(network.values.size(), 0);
  for (std::size_t i = 0; i < placed.size(); ++i) {
    for (const auto* list : {&placed[i]->inputs, &placed[i]->captured}) {
      for (const ValueId id : *list) {
        if (id.valid()) last_read[id.index()] = i;
      }
    }
  }
  std::vector<bool> borders;
  std::size_t blocked_until = 0;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    for (const ValueId id : placed[i]->outputs) {
      if (!id.valid()) continue;
      const NetworkValue& value = network.values[id.index()];
      if (!value.known || value.type == model::ElementType::string) {
        blocked_until = std::max(blocked_until, last_read[id.index()]);
      }
    }
    borders.push_back(i >= blocked_until);
  }
  return borders;
}

}  // namespace

std::vector<onnx::StageSpec> cut_evenly(const Network& network,
                                        const std::vector<model::MeasuredOperator>& times,
                                        std::int64_t count) {
  std::unordered_map<std::string_view, base::Duration> known;
  base::Duration total{0};
  for (const model::MeasuredOperator& op : times) {
    known.emplace(op.id, op.time);
    total += op.time;
  }
  std::vector<onnx::StageSpec> segments;
  if (total.count() == 0) return segments;
  const auto placed = find_placed(network);
  const std::vector<bool> borders = find_borders(network, placed);
  // Rounded up, so that there are no more than `count` of them.
  const base::Duration share = (total + base::Duration(count - 1)) / count;
  base::Duration sum{0};
  base::Duration next{0};  // a segment begins where the sum has reached it
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (sum >= next && sum < total && (i == 0 || borders[i - 1])) {
      segments.emplace_back();
      next = share * (sum / share + 1);
    }
    segments.back().operators.push_back(placed[i]->id);
    const auto found = known.find(placed[i]->id);
    if (found != known.end()) sum += found->second;
  }
  return segments;
}

}  // namespace cleave::app
