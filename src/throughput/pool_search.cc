#include "throughput/pool_search.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace cleave::throughput {
namespace {

constexpr Amount kNoValue = std::numeric_limits<Amount>::max();

bool includes(const ideals::IdealStore& store, ideals::IdealStore::Index larger,
              ideals::IdealStore::Index smaller) {
  const ideals::Word* const a = store.bits(larger);
  const ideals::Word* const b = store.bits(smaller);
  for (std::size_t word = 0; word < store.words(); ++word) {
    if (b[word] & ~a[word]) return false;
  }
  return true;
}

std::size_t count_nodes(const ideals::IdealStore& store, ideals::IdealStore::Index ideal) {
  std::size_t count = 0;
  for (std::size_t word = 0; word < store.words(); ++word) {
    count += static_cast<std::size_t>(std::popcount(store.bits(ideal)[word]));
  }
  return count;
}

}  // namespace

PoolSearch::PoolSearch(const Contracted& graph, const Levels& levels, ideals::IdealStore& store,
                       const base::Deadline& deadline)
    : graph_(graph),
      levels_(levels),
      store_(store),
      deadline_(deadline),
      pricer_(store),
      refused_(graph.num_kinds * store.words(), 0) {
  for (std::size_t q = 0; q < graph.num_kinds; ++q) {
    for (Node v = 0; v < graph.num_nodes; ++v) {
      if (!graph.is_allowed(v, q)) ideals::insert(&refused_[q * store.words()], v);
    }
  }
}

void PoolSearch::add_around(const Chain& chain, std::size_t most) {
  std::vector<ideals::Word> inside(store_.words(), 0);
  for (const reduce::ChainStage& stage : chain) {
    for (const Node v : stage.nodes) ideals::insert(inside.data(), v);
    add_neighbours(store_.intern(inside.data()), most);
  }
}

void PoolSearch::add_neighbours(Index ideal, std::size_t most) {
  const std::size_t begin = pool_.size();
  const auto add_grown = [&](Index from) {
    for (std::size_t slot = 0; slot < store_.ready(from).size(); ++slot) {
      if (pool_.size() - begin >= most) return;
      pool_.push_back(store_.grow(from, slot));
    }
  };
  const auto add_shrunk = [&](Index from) {
    for (const Node v : store_.removable(from)) {
      if (pool_.size() - begin >= most) return;
      pool_.push_back(store_.shrink(from, v));
    }
  };
  pool_.push_back(ideal);
  add_grown(ideal);
  const std::size_t grown = pool_.size();
  add_shrunk(ideal);
  const std::size_t shrunk = pool_.size();
  for (std::size_t i = begin + 1; i < grown; ++i) add_grown(pool_[i]);
  for (std::size_t i = grown; i < shrunk; ++i) {
    add_shrunk(pool_[i]);
    add_grown(pool_[i]);
  }
}

std::optional<Found> PoolSearch::best(const Caps& caps, std::size_t objective_phase) {
  pool_.push_back(store_.empty_ideal());
  std::vector<ideals::Word> all(store_.words(), 0);
  for (Node v = 0; v < graph_.num_nodes; ++v) ideals::insert(all.data(), v);
  pool_.push_back(store_.intern(all.data()));
  std::sort(pool_.begin(), pool_.end());
  pool_.erase(std::unique(pool_.begin(), pool_.end()), pool_.end());
  // Smaller sets first; which of two equal sizes comes first does not matter, but must not change.
  std::vector<std::size_t> size(store_.size());
  for (const Index ideal : pool_) size[ideal] = count_nodes(store_, ideal);
  std::stable_sort(pool_.begin(), pool_.end(), [&](Index a, Index b) { return size[a] < size[b]; });

  struct Cell {
    Amount value = kNoValue;
    std::uint32_t from = 0;
    std::uint32_t kind = 0;
  };
  const std::size_t num_levels = levels_.size();
  const std::size_t last = pool_.size() - 1;
  std::vector<Cell> cells(pool_.size() * num_levels);
  cells[0].value = 0;
  const std::vector<std::uint8_t> unblocked(graph_.edges.size(), 0);
  // Where a stage from I can end at the latest, by compute alone, on any kind.
  const auto within_reach = [&](Index from, Index to) {
    for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
      bool within = true;
      for (std::size_t p = 0; p < graph_.phases; ++p) {
        within = within && store_.time(to, q, p) - store_.time(from, q, p) <= caps.by_phase[p];
      }
      if (within) return true;
    }
    return false;
  };
  std::vector<std::size_t> reached;
  near_.clear();
  arcs_.clear();
  for (std::size_t i = 0; i < last; ++i) {
    if (i % 16 == 0 && deadline_.reached()) return std::nullopt;
    reached.clear();
    for (std::size_t u = 0; u < num_levels; ++u) {
      if (cells[i * num_levels + u].value != kNoValue) reached.push_back(u);
    }
    if (reached.empty()) continue;
    pricer_.start(pool_[i]);
    for (std::size_t j = i + 1; j <= last; ++j) {
      if (size[pool_[j]] == size[pool_[i]] || !within_reach(pool_[i], pool_[j]) ||
          !includes(store_, pool_[j], pool_[i])) {
        continue;
      }
      for (std::size_t q = 0; q < graph_.num_kinds; ++q) {
        pricer_.choose(q, unblocked.data());
        const StagePricer::Price price = pricer_.price(pool_[j]);
        if (!price.within(caps) || price.memory > graph_.kind_memory[q]) continue;
        if (!allowed(pool_[i], pool_[j], q)) continue;
        arcs_.push_back(Arc{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j),
                            static_cast<std::uint32_t>(q), price.load[objective_phase]});
        for (const std::size_t u : reached) {
          if (levels_.left(u, q) == 0) continue;
          const Amount value =
              std::max(cells[i * num_levels + u].value, price.load[objective_phase]);
          Cell& cell = cells[j * num_levels + levels_.next(u, q)];
          if (value < cell.value) {
            cell = Cell{value, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(q)};
          }
        }
      }
    }
  }
  std::size_t best = num_levels;
  for (std::size_t u = 0; u < num_levels; ++u) {
    const Amount value = cells[last * num_levels + u].value;
    if (value == kNoValue) continue;
    if (best == num_levels || value < cells[last * num_levels + best].value) best = u;
  }
  if (best == num_levels) return std::nullopt;
  // Back along the arcs, the least largest load from each ideal to the end, by devices left.
  std::vector<Amount> onward(pool_.size() * num_levels, kNoValue);
  for (std::size_t u = 0; u < num_levels; ++u) onward[last * num_levels + u] = 0;
  for (auto arc = arcs_.rbegin(); arc != arcs_.rend(); ++arc) {
    for (std::size_t left = levels_.next(0, arc->kind); left < num_levels; ++left) {
      if (levels_.used(left, arc->kind) == 0) continue;
      const Amount rest = onward[arc->to * num_levels + left - levels_.next(0, arc->kind)];
      Amount& mine = onward[arc->from * num_levels + left];
      if (rest != kNoValue) mine = std::min(mine, std::max(rest, arc->load));
    }
  }
  for (std::size_t i = 1; i < last; ++i) {
    Amount through = kNoValue;
    for (std::size_t u = 0; u < num_levels; ++u) {
      const Amount here = cells[i * num_levels + u].value;
      const Amount rest = onward[i * num_levels + num_levels - 1 - u];
      if (here != kNoValue && rest != kNoValue) through = std::min(through, std::max(here, rest));
    }
    if (through != kNoValue) near_.emplace_back(through, pool_[i]);
  }
  std::sort(near_.begin(), near_.end());
  Found found;
  found.value = cells[last * num_levels + best].value;
  for (std::size_t j = last, u = best; j > 0;) {
    const Cell& cell = cells[j * num_levels + u];
    found.chain.push_back(make_stage(store_, pool_[cell.from], pool_[j], cell.kind));
    u -= levels_.next(0, cell.kind);
    j = cell.from;
  }
  std::reverse(found.chain.begin(), found.chain.end());
  return found;
}

bool PoolSearch::allowed(Index from, Index to, std::size_t kind) const {
  const ideals::Word* const a = store_.bits(from);
  const ideals::Word* const b = store_.bits(to);
  for (std::size_t word = 0; word < store_.words(); ++word) {
    if (b[word] & ~a[word] & refused_[kind * store_.words() + word]) return false;
  }
  return true;
}

}  // namespace cleave::throughput
