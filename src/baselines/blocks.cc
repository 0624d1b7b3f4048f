#include "baselines/blocks.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace cleave::baselines {

using cost::UnitId;

namespace {

// Hopcroft and Tarjan's search for biconnected components, without recursion.
class BlockSearch {
 public:
  explicit BlockSearch(const cost::UnitGraph& units)
      : neighbours_(units.size()),
        index_(units.size(), 0),
        low_(units.size(), 0),
        component_(units.size(), 0),
        components_of_(units.size(), 0) {
    for (std::size_t u = 0; u < units.size(); ++u) {
      for (const UnitId successor : units.successors(UnitId(u))) {
        neighbours_[u].push_back(successor.index());
        neighbours_[successor.index()].push_back(u);
      }
    }
  }

  cost::Partition run() {
    for (std::size_t u = 0; u < neighbours_.size(); ++u) {
      if (index_[u] == 0) visit(u);
    }
    return number_parts();
  }

 private:
  struct Frame {
    std::size_t unit;
    std::size_t next = 0;  // position among the neighbours
  };

  void enter(std::size_t unit) {
    index_[unit] = low_[unit] = ++visited_;
    open_.push_back(unit);
    frames_.push_back({unit});
  }

  void visit(std::size_t root) {
    enter(root);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      const std::size_t unit = frame.unit;
      if (frame.next < neighbours_[unit].size()) {
        const std::size_t neighbour = neighbours_[unit][frame.next++];
        if (index_[neighbour] == 0) {
          enter(neighbour);
        } else {
          low_[unit] = std::min(low_[unit], index_[neighbour]);
        }
        continue;
      }
      frames_.pop_back();
      if (frames_.empty()) break;
      const std::size_t parent = frames_.back().unit;
      low_[parent] = std::min(low_[parent], low_[unit]);
      if (low_[unit] >= index_[parent]) close(parent, unit);
    }
    open_.clear();
  }

  // The component that hangs at `parent` by its child `unit`.
  void close(std::size_t parent, std::size_t unit) {
    const std::size_t component = sizes_.size();
    sizes_.push_back(0);
    const auto join = [&](std::size_t member) {
      component_[member] = component;
      ++components_of_[member];
      ++sizes_[component];
    };
    join(parent);
    std::size_t member = parent;
    while (member != unit) {
      member = open_.back();
      open_.pop_back();
      join(member);
    }
  }

  [[nodiscard]] cost::Partition number_parts() const {
    cost::Partition parts;
    std::vector<UnitId> part_of_component(sizes_.size());
    for (std::size_t u = 0; u < neighbours_.size(); ++u) {
      // Articulation points, units without arcs, and the ends of chains.
      const bool alone = components_of_[u] != 1 || sizes_[component_[u]] == 2;
      UnitId part = alone ? UnitId() : part_of_component[component_[u]];
      if (!part.valid()) part = UnitId(parts.count++);
      if (!alone) part_of_component[component_[u]] = part;
      parts.part_of.push_back(part);
    }
    return parts;
  }

  std::vector<std::vector<std::size_t>> neighbours_;
  std::vector<std::size_t> index_, low_;    // [units]; 0: not seen
  std::vector<std::size_t> component_;      // [units]: the last one it joined
  std::vector<std::size_t> components_of_;  // [units]: how many it joined
  std::vector<std::size_t> sizes_;          // [components]
  std::vector<std::size_t> open_;
  std::vector<Frame> frames_;
  std::size_t visited_ = 0;
};

}  // namespace

cost::Partition find_blocks(const cost::UnitGraph& units) { return BlockSearch(units).run(); }

}  // namespace cleave::baselines
