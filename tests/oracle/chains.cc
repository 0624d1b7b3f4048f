#include "oracle/chains.h"

#include <algorithm>
#include <utility>

namespace cleave::oracle {

Chains::Chains(const Contracted& graph, const throughput::Levels& levels, std::vector<Set> ideals)
    : levels_(levels), num_kinds_(graph.num_kinds), ideals_(std::move(ideals)) {
  for (std::size_t i = 0; i < ideals_.size(); ++i) {
    for (std::size_t j = i + 1; j < ideals_.size(); ++j) {
      if (!within(ideals_[i], ideals_[j])) continue;
      const Set nodes = ideals_[j] & ~ideals_[i];
      for (std::size_t q = 0; q < num_kinds_; ++q) {
        if (!may_hold(graph, nodes, q)) continue;
        Stage stage{i, j, q, {0, 0}};
        for (std::size_t p = 0; p < graph.phases; ++p) {
          stage.load[p] = load_of(graph, nodes, q, p);
        }
        stages_.push_back(stage);
      }
    }
  }
}

Chains::Table Chains::solve(const throughput::Caps& caps, std::size_t phase) const {
  const std::size_t num_levels = levels_.size();
  Table table;
  table.before.assign(ideals_.size() * num_levels, kNone);
  table.after.assign(ideals_.size() * num_levels, kNone);
  table.before[0] = 0;
  const auto last = table.after.end() - static_cast<std::ptrdiff_t>(num_levels);
  std::fill(last, table.after.end(), 0);
  const auto improve = [](Amount& value, Amount known, Amount load) {
    if (known == kNone) return;
    const Amount now = std::max(known, load);
    if (value == kNone || now < value) value = now;
  };
  const auto for_each_way = [&](const Stage& stage, const auto& visit) {
    if (stage.load[0] > caps.by_phase[0] || stage.load[1] > caps.by_phase[1]) return;
    for (std::size_t level = 0; level < num_levels; ++level) {
      if (levels_.left(level, stage.kind) == 0) continue;
      visit(stage.from * num_levels + level,
            stage.to * num_levels + levels_.next(level, stage.kind));
    }
  };
  for (const Stage& stage : stages_) {
    for_each_way(stage, [&](std::size_t from, std::size_t to) {
      improve(table.before[to], table.before[from], stage.load[phase]);
    });
  }
  for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) {
    for_each_way(*stage, [&](std::size_t from, std::size_t to) {
      improve(table.after[from], table.after[to], stage->load[phase]);
    });
  }
  if (table.after[0] != kNone) table.best = table.after[0];
  return table;
}

const char* fault_of(const Contracted& graph, const throughput::Chain& chain,
                     const throughput::Caps& caps, std::size_t phase, Amount value) {
  Set inside = 0;
  Amount most = 0;
  std::vector<std::uint32_t> used(graph.num_kinds, 0);
  for (const reduce::ChainStage& stage : chain) {
    const Set nodes = set_of(stage.nodes);
    if (nodes == 0) return "an empty stage";
    if ((inside & nodes) != 0) return "a node on two stages";
    inside |= nodes;
    if (!is_ideal(graph, inside)) return "a boundary that is no down-set";
    if (!may_hold(graph, nodes, stage.kind)) return "a stage its device may not hold";
    if (++used[stage.kind] > graph.kind_count[stage.kind]) return "too many devices of a kind";
    for (std::size_t p = 0; p < graph.phases; ++p) {
      const Amount load = load_of(graph, nodes, stage.kind, p);
      if (load > caps.by_phase[p]) return "a load above its cap";
      if (p == phase) most = std::max(most, load);
    }
  }
  if (inside != all_of(graph)) return "a chain that does not reach all nodes";
  return most == value ? nullptr : "a value that is not the largest load";
}

}  // namespace cleave::oracle
