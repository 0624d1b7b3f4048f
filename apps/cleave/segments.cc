#include "segments.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
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
  const base::Duration share = total / count;
  base::Duration own{0};  // of the last segment so far
  base::Duration rest = total;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    const auto found = known.find(placed[i]->id);
    const base::Duration time = found == known.end() ? base::Duration(0) : found->second;
    // Nearest to a share. Less than half of one would be a segment that is mostly its own overhead.
    const bool full = own + time / 2 >= share && own >= share / 2 && rest >= share / 2 &&
                      std::ssize(segments) < count;
    if (i == 0 || (full && borders[i - 1])) {
      segments.emplace_back();
      own = base::Duration(0);
    }
    segments.back().operators.push_back(placed[i]->id);
    own += time;
    rest -= time;
  }
  return segments;
}

}  // namespace cleave::app
