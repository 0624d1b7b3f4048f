#include "check/exhaust.h"

#include <algorithm>
#include <array>
#include <vector>

#include "check/relaxation.h"
#include "check/rules.h"

namespace cleave::check {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Phase;
using model::Problem;

namespace {

class Exhaustion {
 public:
  Exhaustion(const Problem& problem, Duration threshold, Effort& effort)
      : problem_(problem),
        threshold_(threshold),
        effort_(effort),
        device_of_(problem.graph().num_operators()) {
    const std::vector<Part> group_of = number_groups(problem.graph());
    for (std::size_t v = 0; v < group_of.size(); ++v) {
      if (group_of[v] >= groups_.size()) groups_.emplace_back();
      groups_[group_of[v]].push_back(OperatorId(v));
    }
    // Long ones first: they leave the fewest ways for the others.
    std::stable_sort(groups_.begin(), groups_.end(), [&](const auto& a, const auto& b) {
      return longest_time(a) > longest_time(b);
    });
  }

  std::optional<bool> run() {
    const bool found = place_from(0);
    return stopped_ ? std::nullopt : std::optional<bool>(found);
  }

 private:
  [[nodiscard]] Duration longest_time(const std::vector<OperatorId>& group) const {
    Duration longest{0};
    for (std::size_t c = 0; c < problem_.machine().num_classes(); ++c) {
      Duration sum{0};
      for (const OperatorId op : group) {
        sum += problem_.time(op, base::ClassId(c)).value_or(Duration{0});
      }
      longest = std::max(longest, sum);
    }
    return longest;
  }

  // Whether the groups from this one on can be placed, those before being where they are.
  bool place_from(std::size_t index) {  // NOLINT(misc-no-recursion): as deep as there are groups
    if (index == groups_.size()) return true;
    std::vector<bool> used(problem_.machine().num_devices(), false);
    for (const DeviceId device : device_of_) {
      if (device.valid()) used[device.index()] = true;
    }
    bool found = false;
    for (std::size_t q = 0; q < problem_.num_kinds() && !found && !stopped_; ++q) {
      for (const DeviceId device : problem_.kind(base::KindId(q)).devices) {
        put(index, device);
        found = fits() && place_from(index + 1);
        if (found || stopped_ || !used[device.index()]) break;
      }
    }
    put(index, DeviceId());
    return found;
  }

  void put(std::size_t index, DeviceId device) {
    for (const OperatorId op : groups_[index]) device_of_[op.index()] = device;
  }

  // Whether what is placed keeps the rules and the threshold.
  bool fits() {
    const Graph& graph = problem_.graph();
    stopped_ = stopped_ || !effort_.spend(graph.num_operators() + graph.num_edges());
    if (stopped_) return false;
    const std::size_t devices = problem_.machine().num_devices();
    std::vector<std::array<Share, 2>> shares(devices);  // [devices][phases]
    std::vector<base::Bytes> memory(devices);
    for (std::size_t v = 0; v < device_of_.size(); ++v) {
      const DeviceId device = device_of_[v];
      if (!device.valid()) continue;
      const OperatorId op(v);
      if (!problem_.allowed(op, device)) return false;
      share(shares, op, device).compute += *problem_.time(op, problem_.machine().class_of(device));
      memory[device.index()] += graph.memory(op);
    }
    for (std::size_t d = 0; d < devices; ++d) {
      const auto limit = problem_.memory(problem_.machine().class_of(DeviceId(d)));
      if (limit && memory[d] > *limit) return false;
    }
    add_transfers(shares);
    return objective(shares) <= threshold_;
  }

  [[nodiscard]] Share& share(std::vector<std::array<Share, 2>>& shares, OperatorId producer,
                             DeviceId device) const {
    const bool apart = problem_.schedule() == model::Schedule::gpipe &&
                       problem_.graph().phase(producer) == Phase::backward;
    return shares[device.index()][apart ? 1 : 0];
  }

  void add_transfers(std::vector<std::array<Share, 2>>& shares) const {
    const Graph& graph = problem_.graph();
    std::vector<DeviceId> there;  // devices that a tensor goes to
    for (std::size_t x = 0; x < graph.num_tensors(); ++x) {
      const TensorId tensor(x);
      const OperatorId producer = graph.producer(tensor);
      const DeviceId home = device_of_[producer.index()];
      if (!home.valid()) continue;
      there.clear();
      for (const OperatorId op : graph.consumers(tensor)) {
        const DeviceId device = device_of_[op.index()];
        const bool known = std::find(there.begin(), there.end(), device) != there.end();
        if (device.valid() && device != home && !known) there.push_back(device);
      }
      if (!there.empty()) share(shares, producer, home).out += price(tensor, home);
      for (const DeviceId device : there) {
        share(shares, producer, device).in += price(tensor, device);
      }
    }
  }

  [[nodiscard]] Duration price(TensorId tensor, DeviceId device) const {
    return problem_.transfer(tensor, problem_.machine().class_of(device));
  }

  [[nodiscard]] Duration objective(const std::vector<std::array<Share, 2>>& shares) const {
    Duration forward{0}, backward{0};
    for (const auto& [first, second] : shares) {
      forward = std::max(forward, combine(problem_.transfers(), first));
      backward = std::max(backward, combine(problem_.transfers(), second));
    }
    return forward + backward;
  }

  const Problem& problem_;
  Duration threshold_;
  Effort& effort_;
  std::vector<std::vector<OperatorId>> groups_;
  model::Placement device_of_;
  bool stopped_ = false;
};

}  // namespace

std::optional<bool> some_placement_within(const Problem& problem, Duration threshold,
                                          Effort& effort) {
  return Exhaustion(problem, threshold, effort).run();
}

}  // namespace cleave::check
