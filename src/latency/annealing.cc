#include "latency/annealing.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace cleave::latency {
namespace {

constexpr std::size_t kMaxCluster = 256;
constexpr double kCooling = 1e-4;  // of the first heat, at the end

class Annealer {
 public:
  Annealer(Layout& layout, std::uint64_t seed)
      : layout_(layout),
        graph_(layout.problem().graph()),
        random_(seed),
        mark_(graph_.num_operators(), 0),
        position_(graph_.num_operators()) {
    std::uint32_t next = 0;
    for (const OperatorId op : graph_.topological_order()) position_[op.index()] = next++;
  }

  // Tries one move; nullopt: it was not possible, and nothing has changed.
  std::optional<Duration> step() {
    const OperatorId op(random_.below(graph_.num_operators()));
    if (!layout_.assignment().ranks.empty() && random_.chance(0.3)) {
      return layout_.exchange_ranks(op, OperatorId(random_.below(graph_.num_operators())));
    }
    const SlotId from = layout_.slot(op);
    const SlotId to = choose_slot(op);
    if (to == from) return std::nullopt;
    moved_.clear();
    ++stamp_;
    switch (random_.below(8)) {
      case 0:
      case 1:
        take(op);
        break;
      case 2:
        spread(op, true, false, kMaxCluster);
        break;
      case 3:
        spread(op, false, true, kMaxCluster);
        break;
      case 4:
        spread(op, true, true, 2 + random_.below(32));
        break;
      case 5:
        take_between(op, to, true);
        break;
      case 6:
        take_between(op, to, false);
        break;
      default:
        if (layout_.clock().is_pool(from) || layout_.clock().is_pool(to)) {
          take(op);
        } else {
          return layout_.exchange(from, to);
        }
    }
    add_mates(to);
    return layout_.move(moved_, to);
  }

  [[nodiscard]] base::Random& random() { return random_; }

 private:
  [[nodiscard]] SlotId choose_slot(OperatorId op) {
    const std::uint64_t way = random_.below(10);
    if (way >= 2) {
      const auto before = graph_.inputs(op);
      const auto after = graph_.outputs(op);
      const std::size_t at = random_.below(before.size() + after.size() + 1);
      if (at < before.size()) return layout_.slot(graph_.producer(before[at]));
      if (at < before.size() + after.size()) {
        const auto consumers = graph_.consumers(after[at - before.size()]);
        if (!consumers.empty()) return layout_.slot(consumers[random_.below(consumers.size())]);
      }
    }
    if (way == 1) {  // any pool, or whatever else that lot falls on
      const std::size_t devices = layout_.problem().machine().num_devices();
      return layout_.clock().first_slot(DeviceId(random_.below(devices)));
    }
    return SlotId(random_.below(layout_.clock().num_slots()));
  }

  void take(OperatorId op) {
    if (mark_[op.index()] == stamp_) return;
    mark_[op.index()] = stamp_;
    moved_.push_back(op);
  }

  // The operator with what it is connected to within its slot, backwards, forwards or both.
  void spread(OperatorId start, bool backwards, bool forwards, std::size_t most) {
    const SlotId slot = layout_.slot(start);
    const auto meet = [&](OperatorId op) {
      if (layout_.slot(op) == slot && moved_.size() < most) take(op);
    };
    take(start);
    for (std::size_t next = 0; next < moved_.size(); ++next) {
      const OperatorId op = moved_[next];
      if (backwards) {
        for (const auto x : graph_.inputs(op)) meet(graph_.producer(x));
      }
      if (forwards) {
        for (const auto x : graph_.outputs(op)) {
          for (const OperatorId consumer : graph_.consumers(x)) meet(consumer);
        }
      }
    }
  }

  // The operator with all that lies between it and slot `to`, looking backwards or forwards.
  void take_between(OperatorId start, SlotId to, bool backwards) {
    std::vector<OperatorId>& region = moved_;
    take(start);
    const auto meet = [&](OperatorId op) {
      if (layout_.slot(op) != to && region.size() < kMaxCluster) take(op);
    };
    for (std::size_t next = 0; next < region.size(); ++next) {
      for_each_neighbour(region[next], backwards, meet);
    }
    std::sort(region.begin(), region.end(), [&](OperatorId a, OperatorId b) {
      return backwards == (position_[a.index()] < position_[b.index()]) && a != b;
    });
    // Keep what leads to `to`: mark_ is stamp_ for what was seen, stamp_ + 1 for what is kept.
    std::size_t kept = 0;
    for (const OperatorId op : region) {
      bool leads = op == start;
      for_each_neighbour(op, backwards, [&](OperatorId other) {
        leads = leads || layout_.slot(other) == to || mark_[other.index()] == stamp_ + 1;
      });
      if (!leads) continue;
      mark_[op.index()] = stamp_ + 1;
      region[kept++] = op;
    }
    region.resize(kept);
    ++stamp_;
  }

  template <class Visit>
  void for_each_neighbour(OperatorId op, bool backwards, Visit visit) const {
    if (backwards) {
      for (const auto x : graph_.inputs(op)) visit(graph_.producer(x));
      return;
    }
    for (const auto x : graph_.outputs(op)) {
      for (const OperatorId consumer : graph_.consumers(x)) visit(consumer);
    }
  }

  // Colocated operators follow to another device; on the same one they stay where they are.
  void add_mates(SlotId to) {
    const auto device = layout_.clock().device(to);
    for (std::size_t next = 0; next < moved_.size(); ++next) {
      const auto group = graph_.group(moved_[next]);
      if (!group || layout_.clock().device(layout_.slot(moved_[next])) == device) continue;
      for (const OperatorId mate : graph_.members(*group)) take(mate);
    }
  }

  Layout& layout_;
  const model::Graph& graph_;
  base::Random random_;
  std::vector<OperatorId> moved_;
  std::vector<std::uint64_t> mark_;  // [operators]
  std::uint64_t stamp_ = 0;
  std::vector<std::uint32_t> position_;  // [operators]
};

}  // namespace

Assignment anneal(Layout& layout, const Annealing& how, std::uint64_t& effort,
                  const base::Deadline& deadline) {
  Annealer annealer(layout, how.seed);
  Assignment best = layout.assignment();
  Duration best_makespan = layout.makespan();
  const double first = how.heat * static_cast<double>(best_makespan.count());
  const double decay =
      std::log(kCooling) / static_cast<double>(std::max<std::uint64_t>(1, how.moves));
  for (std::uint64_t i = 0; i < how.moves && best_makespan > how.enough; ++i) {
    if (i % 64 == 0 && deadline.reached()) break;
    ++effort;
    const Duration before = layout.makespan();
    const auto after = annealer.step();
    if (!after) continue;
    const double heat = first * std::exp(decay * static_cast<double>(i));
    const auto worse = static_cast<double>((*after - before).count());
    if (worse > 0 && annealer.random().unit() >= std::exp(-worse / heat)) {
      layout.undo();
    } else if (*after < best_makespan) {
      best_makespan = *after;
      best = layout.assignment();
    }
  }
  return best;
}

}  // namespace cleave::latency
