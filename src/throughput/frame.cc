#include "throughput/frame.h"

#include <algorithm>
#include <bit>

namespace cleave::throughput {
namespace {

__extension__ using Wide = __int128;

template <class Visit>
void for_each_node(const Word* set, std::size_t words, Visit visit) {
  for (std::size_t word = 0; word < words; ++word) {
    for (Word rest = set[word]; rest != 0; rest &= rest - 1) {
      visit(static_cast<Node>(word * 64 + static_cast<std::size_t>(std::countr_zero(rest))));
    }
  }
}

Amount saturating_multiply(Amount value, std::uint32_t count) {
  const Wide product = Wide(value) * count;
  return product > Contracted::kUnlimited ? Contracted::kUnlimited : static_cast<Amount>(product);
}

}  // namespace

Frame::Frame(const Contracted& graph, const Levels& levels, const Reachability* reach)
    : graph_(graph),
      levels_(levels),
      words_((graph.num_nodes + 63) / 64),
      num_measures_(graph.num_kinds * graph.phases) {
  const std::size_t n = graph.num_nodes;
  const std::size_t m = num_measures_;
  total_.assign(m, 0);
  ancestor_work_.assign(n * m, 0);
  descendant_work_.assign(n * m, 0);
  ancestor_memory_.assign(n, 0);
  descendant_memory_.assign(n, 0);
  for (Node v = 0; v < n; ++v) {
    total_memory_ += graph.memory[v];
    for (std::size_t x = 0; x < m; ++x) total_[x] += graph.times[v * m + x];
    const auto precedes = [&](Node u) {
      ancestor_memory_[v] += graph.memory[u];
      descendant_memory_[u] += graph.memory[v];
      for (std::size_t x = 0; x < m; ++x) {
        ancestor_work_[v * m + x] += graph.times[u * m + x];
        descendant_work_[u * m + x] += graph.times[v * m + x];
      }
    };
    if (reach != nullptr) {
      for_each_node(reach->ancestors(v), words_, precedes);
    } else {
      precedes(v);
    }
  }

  hull_work_.assign(graph.edges.size() * m, 0);
  hull_allowed_.assign(graph.edges.size() * graph.num_kinds, 1);
  std::vector<Word> above(words_), below(words_);
  for (std::uint32_t e = 0; e < graph.edges.size(); ++e) {
    const auto between = [&](Node v) {
      for (std::size_t x = 0; x < m; ++x) hull_work_[e * m + x] += graph.times[v * m + x];
      for (std::size_t q = 0; q < graph.num_kinds; ++q) {
        hull_allowed_[e * graph.num_kinds + q] &= graph.allowed[v * graph.num_kinds + q];
      }
    };
    if (reach == nullptr) {
      for (const Node pin : graph.pins_of(e)) between(pin);
      continue;
    }
    std::fill(above.begin(), above.end(), 0);
    std::fill(below.begin(), below.end(), 0);
    for (const Node pin : graph.pins_of(e)) {
      for (std::size_t w = 0; w < words_; ++w) {
        above[w] |= reach->ancestors(pin)[w];
        below[w] |= reach->descendants(pin)[w];
      }
    }
    for (std::size_t w = 0; w < words_; ++w) above[w] &= below[w];
    for_each_node(above.data(), words_, between);
  }

  by_ratio_.resize(m * graph.num_kinds);
  for (std::size_t x = 0; x < m; ++x) {
    const std::size_t phase = x % graph.phases;
    for (std::size_t q = 0; q < graph.num_kinds; ++q) {
      std::vector<Node>& order = by_ratio_[x * graph.num_kinds + q];
      for (Node v = 0; v < n; ++v) {
        if (graph.is_allowed(v, q) && graph.times[v * m + x] > 0) order.push_back(v);
      }
      if (q == x / graph.phases) continue;  // every ratio is 1
      std::sort(order.begin(), order.end(), [&](Node a, Node b) {
        return Wide(graph.times[a * m + x]) * graph.time(b, q, phase) >
               Wide(graph.times[b * m + x]) * graph.time(a, q, phase);
      });
    }
  }
  capacity_.resize(levels.size() * m);
  memory_capacity_.resize(levels.size());
  forced_.resize(levels.size() * words_);
  permitted_.resize(levels.size() * words_);
  open_.resize(levels.size());
  can_hold_.resize(graph.edges.size() * graph.num_kinds);
}

void Frame::set_caps(const Caps& caps) {
  caps_ = caps;
  set_capacities();
  set_windows();
  set_holdable();
}

void Frame::set_capacities() {
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    Amount memory = 0;
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      memory =
          std::min(Contracted::kUnlimited,
                   memory + saturating_multiply(graph_.kind_memory[q], levels_.used(level, q)));
    }
    memory_capacity_[level] = memory;
  }
  std::fill(capacity_.begin(), capacity_.end(), 0);
  std::vector<Amount> by_count;
  for (std::size_t x = 0; x < num_measures_; ++x) {
    const std::size_t phase = x % graph_.phases;
    const Amount cap = caps_.by_phase[phase];
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      by_count.assign(graph_.kind_count[q] + 1, 0);
      std::uint32_t count = 0;
      Amount work = 0;
      Amount spent = 0;
      const auto capacity_of = [&](std::uint32_t c) { return saturating_multiply(cap, c); };
      for (const Node v : by_ratio_[x * graph_.num_kinds + q]) {
        const Amount time = graph_.time(v, q, phase);
        const Amount value = graph_.times[v * num_measures_ + x];
        while (count < graph_.kind_count[q] && capacity_of(count + 1) - spent < time) {
          ++count;  // the next node fits only in part
          by_count[count] =
              work +
              static_cast<Amount>((Wide(value) * (capacity_of(count) - spent) + time - 1) / time);
        }
        work += value;
        spent += time;
      }
      while (count < graph_.kind_count[q]) by_count[++count] = work;
      for (std::size_t level = 0; level < levels_.size(); ++level) {
        capacity_[level * num_measures_ + x] += by_count[levels_.used(level, q)];
      }
    }
  }
}

void Frame::set_windows() {
  const std::size_t n = graph_.num_nodes;
  std::fill(forced_.begin(), forced_.end(), 0);
  std::fill(permitted_.begin(), permitted_.end(), 0);
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const std::size_t rest = levels_.full() - level;
    const Amount* const used = &capacity_[level * num_measures_];
    const Amount* const left = &capacity_[rest * num_measures_];
    Word* const forced = &forced_[level * words_];
    Word* const permitted = &permitted_[level * words_];
    const auto runs_on = [&](Node v, std::size_t on) {
      for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
        if (levels_.used(on, q) > 0 && graph_.is_allowed(v, q)) return true;
      }
      return false;
    };
    bool open = true;
    for (Node v = 0; v < n; ++v) {
      bool may = runs_on(v, level) && ancestor_memory_[v] <= memory_capacity_[level];
      for (std::size_t x = 0; may && x < num_measures_; ++x) {
        may = ancestor_work_[v * num_measures_ + x] <= used[x];
      }
      for (const Node u : graph_.predecessors(v)) may = may && contains(permitted, u);
      if (may) insert(permitted, v);
    }
    for (Node v = static_cast<Node>(n); v-- > 0;) {
      bool must = !runs_on(v, rest) || descendant_memory_[v] > memory_capacity_[rest];
      for (std::size_t x = 0; !must && x < num_measures_; ++x) {
        must = descendant_work_[v * num_measures_ + x] > left[x];
      }
      for (const Node w : graph_.successors(v)) must = must || contains(forced, w);
      if (!must) continue;
      insert(forced, v);
      open = open && contains(permitted, v);
    }
    open_[level] = open;
  }
  // At the start everything is still to be done.
  const std::size_t all = levels_.full();
  for (std::size_t x = 0; x < num_measures_; ++x) {
    if (total_[x] > capacity_[all * num_measures_ + x]) open_[0] = 0;
  }
  if (total_memory_ > memory_capacity_[all]) open_[0] = 0;
}

void Frame::set_holdable() {
  for (std::size_t e = 0; e < graph_.edges.size(); ++e) {
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      bool can = hull_allowed_[e * graph_.num_kinds + q] != 0;
      for (std::size_t p = 0; can && p < graph_.phases; ++p) {
        can = hull_work_[e * num_measures_ + q * graph_.phases + p] <= caps_.by_phase[p];
      }
      can_hold_[e * graph_.num_kinds + q] = can;
    }
  }
}

bool Frame::rest_fits(std::size_t level, const IdealStore& store, IdealStore::Index ideal) const {
  const std::size_t rest = levels_.full() - level;
  const Amount* const left = &capacity_[rest * num_measures_];
  for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
    for (std::size_t p = 0; p < graph_.phases; ++p) {
      const std::size_t x = q * graph_.phases + p;
      if (total_[x] - store.time(ideal, q, p) > left[x]) return false;
    }
  }
  if (total_memory_ - store.memory(ideal) > memory_capacity_[rest]) return false;

  // With one kind left, every edge that the ideal cuts is paid at least once more by that kind.
  std::size_t only = graph_.num_kinds;
  for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
    if (levels_.used(rest, q) == 0) continue;
    if (only != graph_.num_kinds) return true;
    only = q;
  }
  if (only == graph_.num_kinds || graph_.kind_weights[only] < 0) return true;
  const auto row = static_cast<std::size_t>(graph_.kind_weights[only]);
  for (std::size_t p = 0; p < graph_.phases; ++p) {
    const Amount work = total_[only * graph_.phases + p] - store.time(ideal, only, p);
    // Tensors from inside are moved in; tensors awaited inside are moved out.
    const Amount least =
        combine(graph_.transfers, store.cut(ideal, row, p, 1), work, store.cut(ideal, row, p, 0));
    if (least > saturating_multiply(caps_.by_phase[p], levels_.used(rest, only))) return false;
  }
  return true;
}

}  // namespace cleave::throughput
