#pragma once

#include <cstdint>
#include <vector>

#include "cleave/ideals/ideal_store.h"
#include "throughput/levels.h"
#include "throughput/running_set.h"

namespace cleave::throughput {

/// The stage that leads from one ideal to another that holds it.
[[nodiscard]] inline reduce::ChainStage make_stage(const ideals::IdealStore& store,
                                                   ideals::IdealStore::Index from,
                                                   ideals::IdealStore::Index to, std::size_t kind) {
  reduce::ChainStage stage;
  stage.kind = kind;
  for (Node v = 0; v < store.graph().num_nodes; ++v) {
    if (ideals::contains(store.bits(to), v) && !ideals::contains(store.bits(from), v)) {
      stage.nodes.push_back(v);
    }
  }
  return stage;
}

/// Prices the stage J ∖ I for one I and many J ⊇ I, in time proportional to the edges that J cuts.
///
/// With the edges that I and J cut noted with each ideal, cut(J ∖ I) = cut(I) + cut(J) −
/// Σ w(h) · (1 + [as many pins of h inside I as inside J]) over the edges h cut by both.
class StagePricer {
 public:
  /// What the stage costs, and less of what any larger stage from the same I will cost.
  struct Price {
    Amount load[2] = {0, 0};   ///< by phase
    Amount floor[2] = {0, 0};  ///< by phase: no stage K ∖ I with K ⊇ J has a smaller load
    Amount memory = 0;

    [[nodiscard]] bool within(const Caps& caps) const {
      return load[0] <= caps.by_phase[0] && load[1] <= caps.by_phase[1];
    }
    [[nodiscard]] bool can_grow(const Caps& caps) const {
      return floor[0] <= caps.by_phase[0] && floor[1] <= caps.by_phase[1];
    }
  };

  explicit StagePricer(const ideals::IdealStore& store)
      : store_(store), graph_(store.graph()), marks_(graph_.edges.size()) {
    plain_ = graph_.phases == 1 && graph_.transfers == model::Transfers::serial;
  }

  /// Chooses I.
  void start(ideals::IdealStore::Index source) {
    source_ = source;
    if (++epoch_ == 0) {
      for (Mark& mark : marks_) mark.epoch = 0;
      epoch_ = 1;
    }
    for (const ideals::OpenEdge& open : store_.open(source)) {
      marks_[open.edge] = Mark{epoch_, open};
    }
  }

  /// Chooses the kind; `blocked`[edges] is nonzero for edges whose missing pins can never all join
  /// a stage that holds one of them.
  void choose(std::size_t kind, const std::uint8_t* blocked) {
    kind_ = kind;
    blocked_ = blocked;
  }

  [[nodiscard]] Price price(ideals::IdealStore::Index target) const {
    return plain_ ? price_plain(target) : price_any(target);
  }

 private:
  struct Mark {
    std::uint32_t epoch = 0;
    ideals::OpenEdge open{0, 0, 0};
  };

  [[nodiscard]] Price price_plain(ideals::IdealStore::Index target) const {
    Price price;
    price.memory = store_.memory(target) - store_.memory(source_);
    const Amount compute = store_.time(target, kind_, 0) - store_.time(source_, kind_, 0);
    price.load[0] = price.floor[0] = compute;
    if (graph_.kind_weights[kind_] < 0) return price;
    const auto row = static_cast<std::size_t>(graph_.kind_weights[kind_]);
    const std::vector<Amount>& weights = graph_.weights[row];
    const Amount source_cut = store_.cut(source_, row, 0);
    price.load[0] += source_cut + store_.cut(target, row, 0);
    price.floor[0] += source_cut;
    for (const ideals::OpenEdge& open : store_.open(target)) {
      const Mark& mark = marks_[open.edge];
      const Amount w = weights[open.edge];
      if (mark.epoch != epoch_) {
        if (blocked_[open.edge]) price.floor[0] += w;
      } else if (mark.open.inside == open.inside) {
        price.load[0] -= 2 * w;
        price.floor[0] -= w;
      } else {
        price.load[0] -= w;
      }
    }
    return price;
  }

  [[nodiscard]] Price price_any(ideals::IdealStore::Index target) const {
    Price price;
    price.memory = store_.memory(target) - store_.memory(source_);
    Amount compute[2] = {0, 0};
    for (std::size_t p = 0; p < graph_.phases; ++p) {
      compute[p] = store_.time(target, kind_, p) - store_.time(source_, kind_, p);
      price.load[p] = price.floor[p] = compute[p];
    }
    if (graph_.kind_weights[kind_] < 0) return price;
    const auto row = static_cast<std::size_t>(graph_.kind_weights[kind_]);
    const std::vector<Amount>& weights = graph_.weights[row];
    Amount in[2] = {0, 0}, out[2] = {0, 0};
    // Lower bounds for all larger stages: what is certainly in, certainly out, certainly either.
    Amount in_floor[2] = {0, 0}, out_floor[2] = {0, 0}, floor[2] = {0, 0};
    for (std::size_t p = 0; p < graph_.phases; ++p) {
      in[p] = store_.cut(target, row, p, 0) + store_.cut(source_, row, p, 1);
      out[p] = store_.cut(target, row, p, 1) + store_.cut(source_, row, p, 0);
      in_floor[p] = store_.cut(source_, row, p, 1);
      out_floor[p] = store_.cut(source_, row, p, 0);
      floor[p] = in_floor[p] + out_floor[p];
    }
    for (const ideals::OpenEdge& open : store_.open(target)) {
      const Mark& mark = marks_[open.edge];
      const Amount w = weights[open.edge];
      const std::size_t p = graph_.edges[open.edge].phase;
      if (mark.epoch != epoch_) {
        if (!blocked_[open.edge]) continue;
        floor[p] += w;
        if (open.producer_inside) out_floor[p] += w;
        continue;
      }
      const bool untouched = mark.open.inside == open.inside;
      out[p] -= w;
      if (untouched) {
        in[p] -= w;
        floor[p] -= w;
        if (mark.open.producer_inside) in_floor[p] -= w;
      }
      if (!open.producer_inside) out_floor[p] -= w;
    }
    for (std::size_t p = 0; p < graph_.phases; ++p) {
      price.load[p] = combine(graph_.transfers, in[p], compute[p], out[p]);
      switch (graph_.transfers) {
        case model::Transfers::serial:
          price.floor[p] = compute[p] + floor[p];
          break;
        case model::Transfers::half_duplex:
          price.floor[p] = std::max(compute[p], floor[p]);
          break;
        case model::Transfers::full_duplex:
          price.floor[p] = std::max({compute[p], in_floor[p], out_floor[p], (floor[p] + 1) / 2});
          break;
      }
    }
    return price;
  }

  const ideals::IdealStore& store_;
  const Contracted& graph_;
  bool plain_ = false;
  std::vector<Mark> marks_;
  std::uint32_t epoch_ = 0;
  ideals::IdealStore::Index source_ = 0;
  std::size_t kind_ = 0;
  const std::uint8_t* blocked_ = nullptr;
};

}  // namespace cleave::throughput
