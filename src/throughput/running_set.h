#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/cost/loads.h"
#include "throughput/levels.h"

namespace cleave::throughput {

/// combine() of the cost room on the searches' amounts.
[[nodiscard]] inline Amount combine(model::Transfers transfers, Amount in, Amount compute,
                                    Amount out) {
  return cost::combine(transfers, base::Duration(in), base::Duration(compute), base::Duration(out))
      .count();
}

/// What a set of nodes costs on one device of a kind.
struct SetPrice {
  bool possible = false;    ///< every node allowed, memory within the limit
  Amount load[2] = {0, 0};  ///< by phase
  Amount compute[2] = {0, 0};

  [[nodiscard]] bool within(const Caps& caps) const {
    return load[0] <= caps.by_phase[0] && load[1] <= caps.by_phase[1];
  }
  [[nodiscard]] bool compute_exceeds(const Caps& caps) const {
    return compute[0] > caps.by_phase[0] || compute[1] > caps.by_phase[1];
  }
};

/// A set of nodes that grows, with the cost of all of it on each kind of device. add() is
/// O(edges of the node), price() O(1), clear() O(what was added).
class RunningSet {
 public:
  explicit RunningSet(const Contracted& graph)
      : graph_(graph),
        inside_(graph.edges.size(), 0),
        producer_inside_(graph.edges.size(), 0),
        time_(graph.num_kinds * graph.phases, 0),
        refused_(graph.num_kinds, 0),
        in_(graph.weights.size() * graph.phases, 0),
        out_(graph.weights.size() * graph.phases, 0) {}

  void clear() {
    for (const std::uint32_t e : touched_) inside_[e] = producer_inside_[e] = 0;
    touched_.clear();
    std::fill(time_.begin(), time_.end(), 0);
    std::fill(refused_.begin(), refused_.end(), 0);
    std::fill(in_.begin(), in_.end(), 0);
    std::fill(out_.begin(), out_.end(), 0);
    memory_ = 0;
  }

  void add(Node v) {
    memory_ += graph_.memory[v];
    const std::size_t columns = graph_.num_kinds * graph_.phases;
    for (std::size_t i = 0; i < columns; ++i) time_[i] += graph_.times[v * columns + i];
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) refused_[q] += !graph_.is_allowed(v, q);
    for (const std::uint32_t e : graph_.edges_of(v)) {
      if (inside_[e] == 0) touched_.push_back(e);
      charge(e, -1);
      ++inside_[e];
      if (graph_.edges[e].producer == v) producer_inside_[e] = 1;
      charge(e, +1);
    }
  }

  [[nodiscard]] SetPrice price(std::size_t kind) const {
    SetPrice price;
    price.possible = refused_[kind] == 0 && memory_ <= graph_.kind_memory[kind];
    const int row = graph_.kind_weights[kind];
    for (std::size_t p = 0; p < graph_.phases; ++p) {
      price.compute[p] = time_[kind * graph_.phases + p];
      const std::size_t at = static_cast<std::size_t>(row) * graph_.phases + p;
      price.load[p] = row < 0 ? price.compute[p]
                              : combine(graph_.transfers, in_[at], price.compute[p], out_[at]);
    }
    return price;
  }

 private:
  void charge(std::uint32_t e, Amount sign) {
    if (inside_[e] == 0 || inside_[e] == graph_.edges[e].num_pins) return;
    std::vector<Amount>& side = producer_inside_[e] ? out_ : in_;
    for (std::size_t row = 0; row < graph_.weights.size(); ++row) {
      side[row * graph_.phases + graph_.edges[e].phase] += sign * graph_.weights[row][e];
    }
  }

  const Contracted& graph_;
  std::vector<std::uint32_t> inside_;
  std::vector<std::uint8_t> producer_inside_;
  std::vector<std::uint32_t> touched_;
  std::vector<Amount> time_;            // [kinds × phases]
  std::vector<std::uint32_t> refused_;  // [kinds]: nodes that may not be there
  std::vector<Amount> in_, out_;        // [rows × phases]
  Amount memory_ = 0;
};

}  // namespace cleave::throughput
