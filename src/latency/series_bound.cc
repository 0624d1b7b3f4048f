#include "latency/series_bound.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace cleave::latency {
namespace {

constexpr double kCheapest = 2e-4;       // the lowest price of memory but nothing, of the highest
constexpr int kRounds = 4;               // of choosing prices anew
constexpr std::size_t kUnthinned = 600;  // chains up to that length stay as they are
constexpr std::size_t kMaxStride = 12;   // larger modules would have too many ideals

// value = min(value, start + by), where both are possible.
void lower(Amount& value, Amount start, Amount by) {
  if (start < Relaxed::kNever && by < Relaxed::kNever) value = std::min(value, start + by);
}

}  // namespace

std::vector<Vertex> chain_of(const Relaxed& graph, const std::vector<Vertex>& path) {
  const Path at(graph, path);
  std::vector<std::int32_t> gone_around(path.size() + 1, 0);  // differences
  for (Vertex v = 0; v < graph.size; ++v) {
    if (at.last[v] < 0 || at.first[v] >= at.length() || at.first[v] <= at.last[v] + 1) continue;
    ++gone_around[static_cast<std::size_t>(at.last[v]) + 1];
    --gone_around[static_cast<std::size_t>(at.first[v])];
  }
  std::vector<Vertex> chain;
  std::int32_t around = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    around += gone_around[i];
    if (around == 0) chain.push_back(path[i]);
  }
  return chain;
}

std::vector<Vertex> thinned(std::vector<Vertex> chain) {
  const std::size_t stride = std::min(kMaxStride, (chain.size() + kUnthinned - 1) / kUnthinned);
  if (stride <= 1) return chain;
  std::vector<Vertex> kept;
  for (std::size_t i = 0; i < chain.size(); i += stride) kept.push_back(chain[i]);
  if (kept.back() != chain.back()) kept.push_back(chain.back());
  return kept;
}

SeriesBound::SeriesBound(const Relaxed& graph, std::vector<Vertex> chain, std::size_t prices,
                         const base::Deadline& deadline)
    : graph_(graph), chain_(graph, std::move(chain)), prices_(kFree + prices, 0) {
  charge_memory();
  choose_prices();
  if (!build_modules(deadline)) return;
  find_least_ends();
  if (!build_intervals(deadline)) return;
  if (graph_.slots == 2 && !build_pairs(deadline)) return;
  built_ = true;
}

// A colocation group's memory is charged where its first operator between the chain's ends is.
void SeriesBound::charge_memory() {
  charged_.assign(graph_.size, 0);
  for (const std::vector<Vertex>& members : graph_.members) {
    Amount memory = 0;
    for (const Vertex v : members) memory += graph_.memory[v];
    const auto between = std::find_if(members.begin(), members.end(), [&](Vertex v) {
      return chain_.last[v] >= 0 && chain_.first[v] < chain_.length();
    });
    if (between != members.end()) charged_[*between] = memory;
  }
}

// From nothing to where filling an accelerator costs as much as everything together.
void SeriesBound::choose_prices() {
  if (graph_.memory_limit == Relaxed::kNever || graph_.memory_limit == 0) return;
  Amount most = 0;
  for (Vertex v = 0; v < graph_.size; ++v) {
    if (graph_.call_time[v] < Relaxed::kNever) most += graph_.call_time[v];
  }
  for (const Relaxed::Tensor& tensor : graph_.tensors) most += tensor.price;
  double price = static_cast<double>(most) / static_cast<double>(graph_.memory_limit) *
                 static_cast<double>(Multiplier{1} << kMultiplierShift);
  const double ratio = std::pow(kCheapest, 1.0 / static_cast<double>(prices_.size()));
  for (std::size_t g = prices_.size(); g-- > kFree + 1; price *= ratio) {
    prices_[g] = price < 1e18 ? static_cast<Multiplier>(price) : 0;
  }
}

bool SeriesBound::build_modules(const base::Deadline& deadline) {
  modules_.resize(chain_.vertices.size());
  pairs_.resize(chain_.vertices.size());
  // More calls than two of one accelerator are not told from calls of several.
  const bool all_alike = graph_.slots > 2;
  const auto side = [&](std::size_t holder) {
    return holder == kPool ? Module::Side{} : Module::Side{true, prices_[holder]};
  };
  for (std::size_t i = 1; i < chain_.vertices.size(); ++i) {
    if (deadline.reached()) return false;
    const Module module(graph_, chain_, i, charged_);
    for (std::size_t before = 0; before < prices_.size(); ++before) {
      for (std::size_t after = 0; after < prices_.size(); ++after) {
        modules_[i].push_back(module.cost(side(before), side(after), all_alike));
      }
      pairs_[i].push_back(before == kPool ? Relaxed::kNever
                                          : module.cost(side(before), side(before), true));
    }
  }
  return true;
}

Amount SeriesBound::added_at(std::size_t position, std::size_t before, std::size_t after) const {
  if (position == 0 || position == chain_.vertices.size()) return 0;
  return modules_[position][before * prices_.size() + after];
}

// What a call with that interval takes, without what the modules at its ends add.
Amount SeriesBound::cost_at(const Interval& interval, std::size_t price) const {
  return interval.fixed + price_down(interval.memory, prices_[price]) -
         price_up(graph_.memory_limit, prices_[price]);
}

// What the modules at the ends of an interval add at least, at that price of memory.
Amount SeriesBound::ends_add(std::size_t begin, std::size_t end, std::size_t price) const {
  return least_before_[begin][price] + least_after_[end][price];
}

// What the module at each position adds at least to what has the vertex after it, and before it.
void SeriesBound::find_least_ends() {
  least_before_.assign(chain_.vertices.size() + 1, kNobody);
  least_after_.assign(chain_.vertices.size() + 1, kNobody);
  for (std::size_t position = 0; position < least_before_.size(); ++position) {
    for (std::size_t before = 0; before < prices_.size(); ++before) {
      for (std::size_t after = 0; after < prices_.size(); ++after) {
        const Amount added = added_at(position, before, after);
        lower(least_before_[position][after], added, 0);
        lower(least_after_[position][before], added, 0);
      }
    }
  }
}

// What a call from `begin` on moves, by its end, besides what the modules count: a tensor whose
// producer is inside for certain and some consumer after the interval, or whose producer is before
// it and some consumer inside for certain.
std::vector<Amount> SeriesBound::moved_from(std::int32_t begin) const {
  const std::int32_t length = chain_.length();
  std::vector<Amount> moved(static_cast<std::size_t>(length) + 2, 0);  // differences
  if (graph_.transfers != model::Transfers::serial) return moved;
  const auto add = [&](std::int32_t from, std::int32_t to, Amount price) {  // ends from … to
    if (from > to) return;
    moved[static_cast<std::size_t>(from)] += price;
    moved[static_cast<std::size_t>(to) + 1] -= price;
  };
  for (const Relaxed::Tensor& tensor : graph_.tensors) {
    const std::int32_t first = chain_.first[tensor.producer];
    const std::int32_t last = chain_.last[tensor.producer];
    std::int32_t farthest = -1;     // the last end with a consumer after it
    std::int32_t nearest = length;  // the end before the first with a consumer inside
    bool at_begin = false;          // counted by the module where it enters
    for (const Vertex w : tensor.consumers) {
      farthest = std::max(farthest, chain_.last[w]);
      if (chain_.last[w] >= begin) nearest = std::min(nearest, chain_.first[w]);
      at_begin = at_begin || chain_.first[w] == begin;
    }
    if (last >= begin) {
      const bool by_module = first == last;  // where the interval ends with the producer
      add(std::max(begin, first) + (by_module ? 2 : 1), farthest, tensor.price);
    }
    const bool by_module = first == begin - 1 && last == begin - 1 && at_begin;
    if (last >= 0 && first < begin && !by_module) add(nearest + 1, length, tensor.price);
  }
  std::partial_sum(moved.begin(), moved.end(), moved.begin());
  return moved;
}

bool SeriesBound::build_intervals(const base::Deadline& deadline) {
  const std::size_t length = chain_.vertices.size();
  intervals_[0].resize(length);
  intervals_[1].resize(length);
  std::vector<std::vector<Vertex>> ends(length);  // vertices between two of the chain, by `first`
  for (Vertex v = 0; v < graph_.size; ++v) {
    if (chain_.last[v] >= 0 && chain_.first[v] < chain_.length()) {
      ends[static_cast<std::size_t>(chain_.first[v])].push_back(v);
    }
  }
  for (std::size_t i = 0; i < length; ++i) {
    if (deadline.reached()) return false;
    Interval inside;
    const std::vector<Amount> moved = moved_from(static_cast<std::int32_t>(i));
    for (std::size_t j = i; j < length; ++j) {
      bool possible = true;
      for (const Vertex v : ends[j]) {
        if (chain_.last[v] < static_cast<std::int32_t>(i)) continue;
        possible = possible && graph_.call_time[v] < Relaxed::kNever;
        inside.fixed += possible ? graph_.call_time[v] : 0;
        inside.memory += charged_[v];
      }
      if (!possible || inside.memory > graph_.memory_limit) break;
      Interval interval = inside;
      interval.fixed += moved[j + 1];
      Amount most = 0;
      for (std::size_t g = kFree; g < prices_.size(); ++g) {
        const Amount cost = cost_at(interval, g);
        const Amount with_ends = cost + ends_add(i, j + 1, g);
        if (g > kFree && with_ends <= most) continue;
        most = with_ends;
        interval.price = g;
        interval.cost = cost;
      }
      intervals_[0][i].push_back(interval);
    }
  }
  return true;
}

// Two calls of one accelerator, one after the other: each has its interval, both the memory.
bool SeriesBound::build_pairs(const base::Deadline& deadline) {
  const std::size_t length = chain_.vertices.size();
  std::vector<Holders> costs;  // of two calls that end at begin + 2 + index
  for (std::size_t i = 0; i < length; ++i) {
    if (deadline.reached()) return false;
    costs.clear();
    for (std::size_t middle = i + 1; middle <= i + intervals_[0][i].size() && middle < length;
         ++middle) {
      const Interval& first = intervals_[0][i][middle - i - 1];
      const Row& seconds = intervals_[0][middle];
      for (std::size_t b = 0; b < seconds.size(); ++b) {
        const Amount memory = first.memory + seconds[b].memory;
        if (memory > graph_.memory_limit) break;
        const std::size_t at = middle + b - i - 1;
        while (costs.size() <= at) costs.push_back(kNobody);
        for (std::size_t g = kFree; g < prices_.size(); ++g) {
          if (pairs_[middle][g] >= Relaxed::kNever) continue;
          const Amount cost = first.fixed + seconds[b].fixed + pairs_[middle][g] +
                              price_down(memory, prices_[g]) -
                              price_up(graph_.memory_limit, prices_[g]);
          costs[at][g] = std::min(costs[at][g], cost);
        }
      }
    }
    Row& pairs = intervals_[1][i];
    pairs.resize(costs.empty() ? 0 : costs.size() + 1);  // none has but one vertex
    for (std::size_t at = 0; at < costs.size(); ++at) {
      Amount most = 0;
      for (std::size_t g = kFree; g < prices_.size(); ++g) {
        if (costs[at][g] >= Relaxed::kNever) continue;
        const Amount with_ends = costs[at][g] + ends_add(i, i + at + 2, g);
        if (pairs[at + 1].cost < Relaxed::kNever && with_ends <= most) continue;
        most = with_ends;
        pairs[at + 1].price = g;
        pairs[at + 1].cost = costs[at][g];
      }
    }
  }
  return true;
}

Amount SeriesBound::compute() {
  if (!built_) return 0;
  Amount best = divide();
  for (int round = 0; round < kRounds && best < Relaxed::kNever; ++round) {
    if (!choose_again()) break;
    best = std::max(best, divide());
  }
  return best;
}

// The cheapest division at the intervals' present prices of memory. Leaves in `begun_` the least at
// which each vertex is reached by who has it, the module before it included.
Amount SeriesBound::divide() {
  const std::size_t length = chain_.vertices.size();
  const std::size_t max_calls = std::min(graph_.calls, length);
  // The least at which a position is reached, by calls used and who had the vertex before.
  std::vector<std::vector<Holders>> ended(length + 1, std::vector<Holders>(max_calls + 1, kNobody));
  ended[0][0].fill(0);
  begun_.assign(length, kNobody);
  for (std::size_t i = 0; i < length; ++i) {
    for (std::size_t used = 0; used <= max_calls; ++used) {
      Holders begun = kNobody;
      for (std::size_t before = 0; before < prices_.size(); ++before) {
        for (std::size_t after = 0; after < prices_.size(); ++after) {
          lower(begun[after], ended[i][used][before], added_at(i, before, after));
        }
      }
      for (std::size_t holder = 0; holder < prices_.size(); ++holder) {
        lower(begun_[i][holder], begun[holder], 0);
      }
      lower(ended[i + 1][used][kPool], begun[kPool], graph_.pool_time[chain_.vertices[i]]);
      for (std::size_t calls = 1; calls <= 2 && used + calls <= max_calls; ++calls) {
        const Row& row = intervals_[calls - 1][i];
        for (std::size_t j = 0; j < row.size(); ++j) {
          lower(ended[i + j + 1][used + calls][row[j].price], begun[row[j].price], row[j].cost);
        }
      }
    }
  }
  Amount best = Relaxed::kNever;
  for (const Holders& holders : ended[length]) {
    best = std::min(best, *std::min_element(holders.begin(), holders.end()));
  }
  return best;
}

// Gives each single call the price of memory at which the cheapest division that has it costs most,
// the other prices being as they are. False: all have it already.
bool SeriesBound::choose_again() {
  const std::size_t length = chain_.vertices.size();
  std::vector<Holders> rest(length + 1, kNobody);  // the least from there on, by who had the last
  rest[length].fill(0);
  bool changed = false;
  for (std::size_t i = length; i-- > 0;) {
    Holders from = kNobody;  // the least from vertex i on, by who has it
    lower(from[kPool], rest[i + 1][kPool], graph_.pool_time[chain_.vertices[i]]);
    for (std::size_t calls = 1; calls <= 2; ++calls) {
      Row& row = intervals_[calls - 1][i];
      for (std::size_t j = 0; j < row.size(); ++j) {
        const Holders& after = rest[i + j + 1];
        lower(from[row[j].price], after[row[j].price], row[j].cost);
        if (calls == 1) changed = price_again(row[j], begun_[i], after) || changed;
      }
    }
    for (std::size_t before = 0; before < prices_.size(); ++before) {
      for (std::size_t after = 0; after < prices_.size(); ++after) {
        lower(rest[i][before], from[after], added_at(i, before, after));
      }
    }
  }
  return changed;
}

bool SeriesBound::price_again(Interval& interval, const Holders& begun, const Holders& rest) const {
  const auto whole = [&](std::size_t price) {
    if (begun[price] >= Relaxed::kNever || rest[price] >= Relaxed::kNever) return Relaxed::kNever;
    return begun[price] + cost_at(interval, price) + rest[price];
  };
  const std::size_t present = interval.price;
  Amount most = whole(present);
  for (std::size_t g = kFree; g < prices_.size(); ++g) {
    const Amount cost = whole(g);
    if (cost <= most) continue;
    most = cost;
    interval.price = g;
  }
  interval.cost = cost_at(interval, interval.price);
  return interval.price != present;
}

}  // namespace cleave::latency
