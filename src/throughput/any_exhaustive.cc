#include "throughput/any_exhaustive.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include "throughput/running_set.h"

namespace cleave::throughput {
namespace {

using base::DeviceId;

class Search {
 public:
  Search(const model::Problem& problem, const Contracted& graph, Amount below, Amount enough,
         std::uint64_t max_states, const base::Deadline& deadline)
      : problem_(problem),
        graph_(graph),
        best_(below),
        enough_(enough),
        max_states_(max_states),
        deadline_(deadline),
        order_(graph.num_nodes),
        device_of_(graph.num_nodes),
        next_(graph.num_nodes, 0),
        held_(problem.machine().num_devices(), 0),
        memory_(held_.size(), 0),
        sums_(held_.size()) {
    std::iota(order_.begin(), order_.end(), Node{0});
    const auto heaviness = [&](Node v) {
      Amount most = 0;
      for (std::size_t q = 0; q < graph.num_kinds; ++q) {
        for (std::size_t p = 0; p < graph.phases; ++p) most = std::max(most, graph.time(v, q, p));
      }
      return most;
    };
    std::stable_sort(order_.begin(), order_.end(),
                     [&](Node a, Node b) { return heaviness(a) > heaviness(b); });
  }

  // Depth first, without recursion: graphs may be a million nodes deep.
  Exhaustion run() {
    std::size_t depth = 0;
    while (best_ > enough_ && !stopped()) {
      if (depth == order_.size()) {
        best_ = objective_so_far();
        result_.device_of = device_of_;
        take_back(--depth);
      } else if (const DeviceId device = next_device(depth); device.valid()) {
        ++result_.states;
        place(depth, device);
        if (fits(device) && objective_so_far() < best_) {
          ++depth;
        } else {
          take_back(depth);
        }
      } else if (depth > 0) {
        next_[depth] = 0;
        take_back(--depth);
      } else {
        result_.complete = true;
        break;
      }
    }
    result_.complete = result_.complete || best_ <= enough_;
    result_.objective = best_;
    return std::move(result_);
  }

 private:
  // What a device moves and computes, by phase.
  struct Sums {
    std::array<Amount, 2> in{0, 0}, compute{0, 0}, out{0, 0};
  };

  [[nodiscard]] bool stopped() const {
    return result_.states >= max_states_ || (result_.states % 256 == 0 && deadline_.reached());
  }

  [[nodiscard]] std::size_t kind(DeviceId device) const { return problem_.kind_of(device).index(); }

  // The next device to try for the node at this depth; invalid: all have been.
  DeviceId next_device(std::size_t depth) {
    while (next_[depth] < held_.size()) {
      const DeviceId device(next_[depth]++);
      if (graph_.is_allowed(order_[depth], kind(device)) &&
          (held_[device.index()] > 0 || is_first_unused(device))) {
        return device;
      }
    }
    return DeviceId();
  }

  [[nodiscard]] bool is_first_unused(DeviceId device) const {
    for (const DeviceId other : problem_.kind(problem_.kind_of(device)).devices) {
      if (held_[other.index()] == 0) return other == device;
    }
    return false;
  }

  void place(std::size_t depth, DeviceId device) {
    const Node v = order_[depth];
    device_of_[v] = device;
    ++held_[device.index()];
    memory_[device.index()] += graph_.memory[v];
  }

  void take_back(std::size_t depth) {
    const Node v = order_[depth];
    --held_[device_of_[v].index()];
    memory_[device_of_[v].index()] -= graph_.memory[v];
    device_of_[v] = DeviceId();
  }

  [[nodiscard]] bool fits(DeviceId device) const {
    return memory_[device.index()] <= graph_.kind_memory[kind(device)];
  }

  // Of what is placed and the tensors that it is already certain have to be moved.
  Amount objective_so_far() {
    std::fill(sums_.begin(), sums_.end(), Sums{});
    for (Node v = 0; v < graph_.num_nodes; ++v) {
      if (!device_of_[v].valid()) continue;
      for (std::size_t p = 0; p < graph_.phases; ++p) {
        sums_[device_of_[v].index()].compute[p] += graph_.time(v, kind(device_of_[v]), p);
      }
    }
    for (std::uint32_t e = 0; e < graph_.edges.size(); ++e) charge(e);
    std::array<Amount, 2> most{0, 0};
    for (const Sums& sums : sums_) {
      for (std::size_t p = 0; p < graph_.phases; ++p) {
        most[p] =
            std::max(most[p], combine(graph_.transfers, sums.in[p], sums.compute[p], sums.out[p]));
      }
    }
    return most[0] + most[1];
  }

  void charge(std::uint32_t e) {
    at_pins_.clear();
    for (const Node pin : graph_.pins_of(e)) {
      if (device_of_[pin].valid()) at_pins_.push_back(device_of_[pin]);
    }
    std::sort(at_pins_.begin(), at_pins_.end());
    at_pins_.erase(std::unique(at_pins_.begin(), at_pins_.end()), at_pins_.end());
    const DeviceId home = device_of_[graph_.edges[e].producer];
    // Which way a tensor moves is open until its producer is placed; only full-duplex cares.
    const bool open = !home.valid() && graph_.transfers == model::Transfers::full_duplex;
    if (at_pins_.size() < 2 || open) return;
    for (const DeviceId device : at_pins_) {
      Sums& sums = sums_[device.index()];
      (device == home ? sums.out : sums.in)[graph_.edges[e].phase] +=
          graph_.weight(kind(device), e);
    }
  }

  const model::Problem& problem_;
  const Contracted& graph_;
  Amount best_;
  Amount enough_;
  std::uint64_t max_states_;
  const base::Deadline& deadline_;
  std::vector<Node> order_;
  std::vector<DeviceId> device_of_;  // [nodes]; invalid: not placed
  std::vector<std::size_t> next_;    // [depths]: number of the next device to try
  std::vector<std::uint32_t> held_;  // [devices]: nodes
  std::vector<Amount> memory_;       // [devices]
  std::vector<Sums> sums_;           // [devices]
  std::vector<DeviceId> at_pins_;
  Exhaustion result_;
};

}  // namespace

Exhaustion exhaust(const model::Problem& problem, const Contracted& graph, Amount below,
                   Amount enough, std::uint64_t max_states, const base::Deadline& deadline) {
  return Search(problem, graph, below, enough, max_states, deadline).run();
}

}  // namespace cleave::throughput
