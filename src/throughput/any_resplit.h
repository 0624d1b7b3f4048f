#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/reduce/contract.h"

namespace cleave::throughput {

using reduce::Amount;
using reduce::Contracted;
using reduce::Node;

/// Deals the nodes of two devices anew between them, all others staying where they are: the
/// neighbourhood that annealing cannot search, since between two good splits of long pieces lie bad
/// ones. A dynamic program along an order of the nodes, which remembers for every open edge which
/// of the two has touched it, and per state the pairs of loads of which none is better in both. A
/// backward pass bounds what the rest must add to the sum of both loads.
///
/// Exact but for its limits on states and labels. Serial transfers, one phase. Not thread-safe.
class Resplit {
 public:
  /// `order` is a permutation of the nodes; the fewer edges are open along it, the better.
  /// REQUIRES: the graph outlives this.
  Resplit(const Contracted& graph, std::vector<Node> order);

  struct Split {
    std::array<Amount, 2> loads{0, 0};
    std::vector<Node> nodes;          ///< of both devices
    std::vector<std::uint8_t> place;  ///< [nodes]: 0 or 1
  };
  enum class Goal { larger, sum };  ///< of the two loads, is to be least
  /// Devices of kinds `kinds`, numbered `devices` in `device_of` ([nodes]). The best split of those
  /// with both loads within `limit`; none: there is none, or it was missed, or the deadline came.
  /// Adds the labels made to `effort`.
  [[nodiscard]] std::optional<Split> run(std::span<const std::uint32_t> device_of,
                                         std::array<std::uint32_t, 2> devices,
                                         std::array<std::size_t, 2> kinds, Goal goal, Amount limit,
                                         std::uint64_t& effort, const base::Deadline& deadline);

 private:
  using StateId = std::uint32_t;
  struct Step {
    std::array<StateId, 2> to;                  // by which device takes the node
    std::array<std::array<Amount, 2>, 2> load;  // [taker][device]: what it adds
  };
  struct Label {
    StateId state;
    std::uint32_t trail;
    std::array<Amount, 2> load;
    std::array<Amount, 2> memory;
  };

  void choose(std::span<const std::uint32_t> device_of, std::array<std::uint32_t, 2> devices);
  bool build_steps(std::array<std::size_t, 2> kinds);
  void complete();
  void thin(Amount limit);

  const Contracted& graph_;
  std::vector<Node> order_;
  std::vector<Node> nodes_;                // of the two devices, in order
  std::vector<std::uint8_t> chosen_;       // [nodes of the graph]
  std::vector<std::size_t> first_, last_;  // [edges]: positions among nodes_
  std::vector<std::uint8_t> outside_;      // [edges]: has pins elsewhere
  std::vector<std::uint8_t> slot_;         // [edges]
  std::vector<std::vector<Step>> steps_;   // [positions][states]
  std::vector<std::vector<Amount>> rest_;  // [positions + 1][states]: least sum of loads to come
  std::vector<Label> labels_, grown_;
};

}  // namespace cleave::throughput
