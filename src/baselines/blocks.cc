#include "baselines/blocks.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "baselines/order.h"

namespace cleave::baselines {

using cost::UnitId;

namespace {

constexpr double kSideShare = 0.01;  // of all time

double fastest_ms(const cost::UnitGraph& units, UnitId unit) {
  double fastest = std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < units.problem().machine().num_classes(); ++c) {
    const auto& [forward, backward] = units.compute(unit, base::ClassId(c));
    fastest = std::min(fastest, base::to_ms(forward + backward));
  }
  return fastest;
}

// Sources, sinks, and what only prepares inputs or finishes outputs: the time of what leads to a
// unit, or of what it leads to, is at most a hundredth of all (work on several paths counts several
// times).
std::vector<bool> find_side_units(const cost::UnitGraph& units) {
  struct Share {
    double time = 0;
    double before = 0, after = 0;  // including the unit
    bool is_source = true;
  };
  std::vector<Share> shares(units.size());
  const std::vector<UnitId> order = depth_first_order(units);
  double total = 0;
  for (const UnitId unit : order) {
    Share& share = shares[unit.index()];
    share.time = fastest_ms(units, unit);
    share.before += share.time;
    total += share.time;
    for (const UnitId next : units.successors(unit)) {
      shares[next.index()].before += share.before;
      shares[next.index()].is_source = false;
    }
  }
  std::vector<bool> beside(units.size());
  for (auto unit = order.rbegin(); unit != order.rend(); ++unit) {
    Share& share = shares[unit->index()];
    share.after = share.time;
    for (const UnitId next : units.successors(*unit)) share.after += shares[next.index()].after;
    beside[unit->index()] = share.is_source || units.successors(*unit).empty() ||
                            std::min(share.before, share.after) <= kSideShare * total;
  }
  return beside;
}

using Neighbours = std::vector<std::vector<std::size_t>>;

// Arcs without direction and without side units.
Neighbours neighbours_of(const cost::UnitGraph& units) {
  const std::vector<bool> beside = find_side_units(units);
  Neighbours neighbours(units.size());
  for (std::size_t u = 0; u < units.size(); ++u) {
    for (const UnitId next : units.successors(UnitId(u))) {
      if (beside[u] || beside[next.index()]) continue;
      neighbours[u].push_back(next.index());
      neighbours[next.index()].push_back(u);
    }
  }
  return neighbours;
}

// Hopcroft and Tarjan's search for biconnected components, without recursion.
class BlockSearch {
 public:
  explicit BlockSearch(Neighbours neighbours)
      : neighbours_(std::move(neighbours)), nodes_(neighbours_.size()) {}

  cost::Partition run() {
    for (std::size_t u = 0; u < nodes_.size(); ++u) {
      if (nodes_[u].index == 0) visit(u);
    }
    return number_parts();
  }

 private:
  struct Node {
    std::size_t index = 0;  // in the order of visiting; 0: not seen
    std::size_t low = 0;
    std::size_t component = 0;   // the last one it joined
    std::size_t components = 0;  // how many it joined
  };
  struct Frame {
    std::size_t unit;
    std::size_t next = 0;  // position among the neighbours
  };

  void enter(std::size_t unit) {
    ++visited_;
    nodes_[unit].index = nodes_[unit].low = visited_;
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
        if (nodes_[neighbour].index == 0) {
          enter(neighbour);
        } else {
          nodes_[unit].low = std::min(nodes_[unit].low, nodes_[neighbour].index);
        }
        continue;
      }
      frames_.pop_back();
      if (frames_.empty()) break;
      const std::size_t parent = frames_.back().unit;
      nodes_[parent].low = std::min(nodes_[parent].low, nodes_[unit].low);
      if (nodes_[unit].low >= nodes_[parent].index) close(parent, unit);
    }
    open_.clear();
  }

  // The component that hangs at `parent` by its child `unit`.
  void close(std::size_t parent, std::size_t unit) {
    sizes_.push_back(0);
    join_newest(parent);
    std::size_t member = parent;
    while (member != unit) {
      member = open_.back();
      open_.pop_back();
      join_newest(member);
    }
  }

  void join_newest(std::size_t member) {
    nodes_[member].component = sizes_.size() - 1;
    ++nodes_[member].components;
    ++sizes_.back();
  }

  [[nodiscard]] cost::Partition number_parts() const {
    cost::Partition parts;
    std::vector<UnitId> part_of_component(sizes_.size());
    for (const Node& node : nodes_) {
      // Articulation points, units without neighbours, and the ends of chains.
      const bool alone = node.components != 1 || sizes_[node.component] == 2;
      UnitId part = alone ? UnitId() : part_of_component[node.component];
      if (!part.valid()) part = UnitId(parts.count++);
      if (!alone) part_of_component[node.component] = part;
      parts.part_of.push_back(part);
    }
    return parts;
  }

  Neighbours neighbours_;
  std::vector<Node> nodes_;         // [units]
  std::vector<std::size_t> sizes_;  // [components]
  std::vector<std::size_t> open_;
  std::vector<Frame> frames_;
  std::size_t visited_ = 0;
};

}  // namespace

cost::Partition find_blocks(const cost::UnitGraph& units) {
  return BlockSearch(neighbours_of(units)).run();
}

}  // namespace cleave::baselines
