#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cleave/reduce/contract.h"

namespace cleave::throughput {

using reduce::Amount;
using reduce::Contracted;
using reduce::Node;

/// How many devices of each kind have been used, as one number (mixed radix). A level reached from
/// another by using one more device has the larger number. A chain has no more stages than there
/// are nodes, so devices of a kind beyond that number are left out.
class Levels {
 public:
  explicit Levels(const Contracted& graph) {
    for (const std::uint32_t count : graph.kind_count) {
      counts_.push_back(static_cast<std::uint32_t>(std::min<std::size_t>(count, graph.num_nodes)));
      strides_.push_back(size_);
      size_ *= counts_.back() + 1;
    }
  }

  /// How many levels a graph's machine has, without building them: it may be astronomical.
  [[nodiscard]] static double count(const Contracted& graph) {
    double product = 1;
    for (const std::uint32_t devices : graph.kind_count) {
      product *= static_cast<double>(std::min<std::size_t>(devices, graph.num_nodes)) + 1;
    }
    return product;
  }

  /// Number of levels.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t full() const { return size_ - 1; }
  [[nodiscard]] std::uint32_t used(std::size_t level, std::size_t kind) const {
    return static_cast<std::uint32_t>(level / strides_[kind] % (counts_[kind] + 1));
  }
  [[nodiscard]] std::uint32_t left(std::size_t level, std::size_t kind) const {
    return counts_[kind] - used(level, kind);
  }
  /// The level with one more device of the kind used. REQUIRES: left(level, kind) > 0.
  [[nodiscard]] std::size_t next(std::size_t level, std::size_t kind) const {
    return level + strides_[kind];
  }
  /// Whether `a` uses no more devices of any kind than `b`.
  [[nodiscard]] bool within(std::size_t a, std::size_t b) const {
    for (std::size_t q = 0; q < counts_.size(); ++q) {
      if (used(a, q) > used(b, q)) return false;
    }
    return true;
  }

 private:
  std::vector<std::uint32_t> counts_;
  std::vector<std::size_t> strides_;
  std::size_t size_ = 1;
};

/// The largest load that a device may have, by phase. The search objective is the load in one of
/// the phases; the other phase, where there is one, is a constraint.
struct Caps {
  Amount by_phase[2] = {Contracted::kUnlimited, Contracted::kUnlimited};
};

/// One boundary after another: a chain of down-sets as stages.
using Chain = std::vector<reduce::ChainStage>;

}  // namespace cleave::throughput
