#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "cleave/model/problem.h"

// What a proof of a lower bound is about: what a device spends at least, whatever set it holds.
namespace cleave::check {

/// Times in picoseconds, memory in bytes.
using Amount = std::int64_t;
/// Groups that share a device, as one.
using Part = std::uint32_t;

/// load(S) ≥ Σ time of S's parts + Σ weight of the edges with a pin in S and one outside it, with
/// equality for serial transfers. Other transfer models wait at least for the computing, so there
/// edges weigh nothing. Both phases count, as in 1f1b, whose objective is at most gpipe's.
struct Relaxation {
  struct Edge {
    std::vector<Part> pins;       ///< ascending, at least two
    std::vector<Amount> weights;  ///< [kinds]; 0 where a kind does not pay
  };

  std::size_t num_parts = 0;
  std::vector<Amount> counts;    ///< [kinds]: devices
  std::vector<Amount> capacity;  ///< [kinds]: memory, or kUnlimited
  std::vector<bool> pays;        ///< [kinds]: whether its edges weigh
  std::vector<Amount> times;     ///< [parts × kinds]; kNever: not allowed
  std::vector<Amount> memory;    ///< [parts]
  std::vector<Edge> edges;       ///< with distinct pins

  static constexpr Amount kUnlimited = std::numeric_limits<Amount>::max();
  static constexpr Amount kNever = -1;

  [[nodiscard]] std::size_t num_kinds() const { return counts.size(); }
  [[nodiscard]] Amount time(Part part, std::size_t kind) const {
    return times[part * num_kinds() + kind];
  }
  [[nodiscard]] bool allowed(Part part, std::size_t kind) const {
    return time(part, kind) != kNever;
  }
};

/// [operators]: the group of each, numbered as a proof does (model::ProofStep).
[[nodiscard]] std::vector<Part> number_groups(const model::Graph& graph);

/// With a part for each group. O(operators · kinds + edges · log).
[[nodiscard]] Relaxation relax(const model::Problem& problem);

/// With parts of parts: part p becomes part_of[p], of 0 … num_parts − 1.
[[nodiscard]] Relaxation join(const Relaxation& relaxation, std::span<const Part> part_of,
                              std::size_t num_parts);

}  // namespace cleave::check
