#include "latency/module.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace cleave::latency {
namespace {

using Mask = std::uint64_t;

constexpr std::size_t kMaxIdeals = 160;  // of a component; larger ones are not charged
constexpr std::size_t kMaxVertices = 64;
constexpr Amount kMaxSteps = 16;                // of memory, for a further call
constexpr std::size_t kMaxCombinations = 8192;  // of the shares of all components

Mask bit(std::size_t i) { return Mask{1} << i; }

}  // namespace

// Builds the shares of one component.
class Module::Builder {
 public:
  Builder(const Relaxed& graph, const std::vector<Amount>& charged, std::vector<Vertex> vertices,
          Vertex before, Vertex after, std::optional<std::uint32_t> shared)
      : graph_(graph),
        charged_(charged),
        vertices_(std::move(vertices)),
        before_(before),
        after_(after),
        shared_(shared),
        moves_(graph.transfers == model::Transfers::serial) {}

  // False: too many to try.
  bool build(std::vector<Share>& shares) {
    if (vertices_.size() > kMaxVertices) return false;
    find_inputs();
    if (!find_ideals()) return false;
    for (const Mask ideal : ideals_) {
      for (const Mask part : ideals_) {
        if ((part & ideal) != part) continue;
        price(part, all() & ~ideal, shares);
      }
    }
    return true;
  }

 private:
  // Where what is between the calls may be.
  enum Place : std::size_t { kOnPool, kWithBefore, kWithAfter, kElsewhere, kPlaces };

  [[nodiscard]] Mask all() const {
    return vertices_.size() == kMaxVertices ? ~Mask{0} : bit(vertices_.size()) - 1;
  }
  [[nodiscard]] std::size_t find(Vertex v) const {
    const auto at = std::lower_bound(vertices_.begin(), vertices_.end(), v);
    const bool found = at != vertices_.end() && *at == v;
    return found ? static_cast<std::size_t>(at - vertices_.begin()) : vertices_.size();
  }

  void find_inputs() {
    for (const Vertex v : vertices_) {
      Mask inputs = 0;
      for (const Vertex u : graph_.predecessors[v]) {
        const std::size_t at = find(u);
        if (at < vertices_.size()) inputs |= bit(at);
      }
      inputs_.push_back(inputs);
    }
  }

  bool find_ideals() {
    ideals_.assign(1, 0);
    for (std::size_t next = 0; next < ideals_.size(); ++next) {
      const Mask ideal = ideals_[next];
      for (std::size_t i = 0; i < vertices_.size(); ++i) {
        if ((ideal & bit(i)) != 0 || (inputs_[i] & ~ideal) != 0) continue;
        const Mask grown = ideal | bit(i);
        if (std::find(ideals_.begin() + static_cast<std::ptrdiff_t>(next) + 1, ideals_.end(),
                      grown) == ideals_.end()) {
          ideals_.push_back(grown);
        }
      }
      if (ideals_.size() > kMaxIdeals) return false;
    }
    return true;
  }

  // Adds the ways that differ by the memory of what is between, if a plan shares it out so.
  void price(Mask before, Mask after, std::vector<Share>& shares) {
    Share share;
    share.before_used = before != 0;
    share.after_used = after != 0;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      const Vertex v = vertices_[i];
      const bool in_before = (before & bit(i)) != 0;
      const bool in_after = (after & bit(i)) != 0;
      if ((in_before || in_after) && graph_.call_time[v] == Relaxed::kNever) return;
      if (in_before) share.before += graph_.call_time[v];
      if (in_before) share.before_memory += charged_[v];
      if (in_after) share.after += graph_.call_time[v];
      if (in_after) share.after_memory += charged_[v];
    }
    if (!place_mates(before, after, share)) return;
    if (moves_) add_transfers(before, after, share);
    add_flags(before, after, share);
    const Mask open = all() & ~before & ~after;
    allow_[0] = steps(open, of_before_);
    allow_[1] = steps(open, of_after_);
    std::vector<Share> ways(allow_[0].size() * allow_[1].size(), share);
    time_between(open, before, 0);
    for (std::size_t b = 0; b < ways.size(); ++b) ways[b].between = longest_[b];
    time_mates_after(before, after, ways);
    time_mates_before(before, after, ways);
    const std::size_t first = shares.size();
    for (std::size_t b = 0; b < ways.size(); ++b) {
      ways[b].before_memory += allow_[0][b / allow_[1].size()];
      ways[b].after_memory += allow_[1][b % allow_[1].size()];
      keep(ways[b], shares, first);
    }
  }

  // What further calls of an accelerator may hold of `open`: steps of memory, ascending from 0. One
  // step, whatever they hold, if they need not hold anything.
  [[nodiscard]] std::vector<Amount> steps(Mask open, Mask of) const {
    std::vector<Amount> sums(1, 0);
    if (of == 0 || graph_.slots != 2) return sums;
    Amount total = 0;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      const Amount memory = (open & bit(i)) != 0 ? charged_[vertices_[i]] : 0;
      if (memory == 0) continue;
      total += memory;
      for (std::size_t n = sums.size(); n-- > 0;) sums.push_back(sums[n] + memory);
      thin_out(sums, total / kMaxSteps);
    }
    return sums;
  }

  // Leaves those that are that much above the one before.
  static void thin_out(std::vector<Amount>& sums, Amount apart) {
    std::sort(sums.begin(), sums.end());
    std::size_t kept = 1;
    for (const Amount sum : sums) {
      if (sum > sums[kept - 1] + apart) sums[kept++] = sum;
    }
    sums.resize(kept);
  }

  // The allowance that is left when the call that `place` stands for has v: memory below the next
  // step, less v's. nullopt: none.
  [[nodiscard]] std::optional<std::size_t> left(std::size_t allowed, std::size_t place,
                                                Vertex v) const {
    if (place != kWithBefore && place != kWithAfter) return allowed;
    const std::size_t side = place == kWithBefore ? 0 : 1;
    const std::size_t other = allow_[1].size();
    const auto& steps = allow_[side];
    const std::size_t step = side == 0 ? allowed / other : allowed % other;
    if (step + 1 == steps.size()) return allowed;
    const Amount most = steps[step + 1] - charged_[v];
    if (most <= 0) return std::nullopt;
    const auto next = std::lower_bound(steps.begin() + 1, steps.end(), most) - steps.begin() - 1;
    const auto kept = static_cast<std::size_t>(next);
    return side == 0 ? kept * other + allowed % other : allowed - step + kept;
  }

  // Adds a share unless one from `first` on is as good in all that tells them apart.
  static void keep(const Share& share, std::vector<Share>& shares, std::size_t first) {
    if (share.between >= Relaxed::kNever) return;
    const auto at_least_as_good = [&](const Share& other) {
      return other.before_memory <= share.before_memory &&
             other.after_memory <= share.after_memory && other.between <= share.between &&
             other.mates_before <= share.mates_before && other.mates_after <= share.mates_after &&
             other.beside_before <= share.beside_before && other.beside_after <= share.beside_after;
    };
    const auto begin = shares.begin() + static_cast<std::ptrdiff_t>(first);
    if (std::none_of(begin, shares.end(), at_least_as_good)) shares.push_back(share);
  }

  // Colocated operators: what a call's mate between the calls may do, and whether both calls have
  // some. False: with one slot a mate cannot be left out.
  bool place_mates(Mask before, Mask after, Share& share) {
    of_before_ = of_after_ = 0;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      for (std::size_t j = 0; j < vertices_.size(); ++j) {
        if (i == j || graph_.group[vertices_[i]] != graph_.group[vertices_[j]]) continue;
        const bool i_called = ((before | after) & bit(i)) != 0;
        const bool j_called = ((before | after) & bit(j)) != 0;
        if (!i_called) continue;
        if (!j_called && graph_.slots == 1) return false;
        if (!j_called) {
          ((before & bit(i)) != 0 ? of_before_ : of_after_) |= bit(j);
        }
        if ((before & bit(i)) != 0 && (after & bit(j)) != 0) share.parts_mates = true;
      }
    }
    share.leaves_mates = (of_before_ | of_after_) != 0;
    return true;
  }

  // What a further call of d's accelerator takes for operators whose mates d's call has: from one
  // of them backwards, what is connected to it is either in that call, and computed there, or its
  // tensor is moved in. (c's tensors are left out: other components may share them.)
  void time_mates_after(Mask before, Mask after, std::vector<Share>& ways) {
    const Mask open = all() & ~before & ~after;
    if (of_after_ == 0) return;
    std::vector<std::vector<Amount>> times(vertices_.size());
    std::vector<Amount> longest(ways.size(), 0);
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      if ((open & bit(i)) == 0) continue;
      const Vertex v = vertices_[i];
      Amount out = 0;
      for (const Vertex w : graph_.successors[v]) {
        if (is_after(w, after)) out = std::max(out, sent(v, w));
      }
      for (std::size_t b = 0; b < ways.size(); ++b) {
        Amount time = Relaxed::kNever;
        if (const auto rest = left(b, kWithAfter, v)) {
          time = 0;
          for (const Vertex u : graph_.predecessors[v]) {
            const std::size_t at = find(u);
            if (at == vertices_.size()) continue;
            const bool may_be_inside = (open & bit(at)) != 0;
            time =
                std::max(time, may_be_inside ? std::min(times[at][*rest], sent(u, v)) : sent(u, v));
          }
          time = add(time, graph_.call_time[v]);
        }
        times[i].push_back(time);
        if ((of_after_ & bit(i)) == 0) continue;
        ways[b].mates_after = std::max(ways[b].mates_after, time + out);
        longest[b] = std::max(longest[b], so_far_[i][kWithAfter][b] + out);
      }
    }
    if (graph_.slots != 2) return;
    for (std::size_t b = 0; b < ways.size(); ++b) {
      ways[b].beside_after = std::max<Amount>(0, longest[b] - ways[b].mates_after);
    }
  }

  // The same for c's accelerator, forwards; and the longest chain that begins in that call.
  void time_mates_before(Mask before, Mask after, std::vector<Share>& ways) {
    const Mask open = all() & ~before & ~after;
    if (of_before_ == 0) return;
    std::vector<std::vector<Amount>> times(vertices_.size());
    for (std::size_t i = vertices_.size(); i-- > 0;) {
      if ((open & bit(i)) == 0) continue;
      const Vertex v = vertices_[i];
      Amount in = 0;
      for (const Vertex u : graph_.predecessors[v]) {
        const std::size_t at = find(u);
        if (at < vertices_.size() && (before & bit(at)) != 0) in = std::max(in, sent(u, v));
      }
      for (std::size_t b = 0; b < ways.size(); ++b) {
        Amount time = Relaxed::kNever;
        if (const auto rest = left(b, kWithBefore, v)) {
          time = 0;
          for (const Vertex w : graph_.successors[v]) {
            const std::size_t at = find(w);
            if (is_after(w, after)) {
              time = std::max(time, sent(v, w));
            } else if (at < vertices_.size()) {
              time = std::max(time, std::min(times[at][*rest], sent(v, w)));
            }
          }
          time = add(time, graph_.call_time[v]);
        }
        times[i].push_back(time);
        if ((of_before_ & bit(i)) == 0) continue;
        ways[b].mates_before = std::max(ways[b].mates_before, time + in);
      }
    }
    if (graph_.slots != 2) return;
    time_between(open, before, of_before_);
    for (std::size_t b = 0; b < ways.size(); ++b) {
      ways[b].beside_before = std::max<Amount>(0, longest_[b] - ways[b].mates_before);
    }
  }

  [[nodiscard]] bool is_after(Vertex w, Mask after) const {
    const std::size_t at = find(w);
    return w == after_ || (at < vertices_.size() && (after & bit(at)) != 0);
  }

  void add_transfers(Mask before, Mask after, Share& share) const {
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      for (const std::uint32_t x : graph_.outputs[vertices_[i]]) {
        const Relaxed::Tensor& tensor = graph_.tensors[x];
        bool leaves = false;  // c's call, if it is in there
        bool enters = false;  // d's call, if it is not
        for (const Vertex w : tensor.consumers) {
          const std::size_t at = find(w);
          const bool here = at < vertices_.size();
          leaves = leaves || !here || (before & bit(at)) == 0;
          enters = enters || w == after_ || (here && (after & bit(at)) != 0);
        }
        if ((before & bit(i)) != 0 && leaves) share.before += tensor.price;
        if ((after & bit(i)) == 0 && enters) share.after += tensor.price;
      }
    }
  }

  void add_flags(Mask before, Mask after, Share& share) const {
    share.all_before = true;
    share.none_after = true;
    if (!shared_) return;
    for (const Vertex w : graph_.tensors[*shared_].consumers) {
      const std::size_t at = find(w);
      if (at == vertices_.size()) continue;
      share.all_before = share.all_before && (before & bit(at)) != 0;
      share.none_after = share.none_after && (after & bit(at)) == 0;
    }
  }

  // The price of what u sends to v.
  [[nodiscard]] Amount sent(Vertex u, Vertex v) const {
    Amount price = 0;
    for (const std::uint32_t x : graph_.outputs[u]) {
      const auto& consumers = graph_.tensors[x].consumers;
      if (std::binary_search(consumers.begin(), consumers.end(), v)) {
        price += graph_.tensors[x].price;
      }
    }
    return moves_ ? price : 0;
  }

  // The longest chain of what is in neither call, for each allowance of memory. An operator's time
  // so far is its finish on the pool; in a call, that of the call so far, without moving out. Calls
  // are of c's accelerator, of d's, or of any other. With `through` only chains that begin in one
  // of its operators count.
  void time_between(Mask open, Mask before, Mask through) {
    const std::size_t allowances = allow_[0].size() * allow_[1].size();
    so_far_.assign(vertices_.size(), {});
    longest_.assign(allowances, 0);
    Mask counted = 0;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      if ((open & bit(i)) == 0) continue;
      const bool begins = through == 0 || (through & bit(i)) != 0;
      if (!begins && (inputs_[i] & counted) == 0) continue;
      counted |= bit(i);
      const Vertex v = vertices_[i];
      Amount leaves = 0;
      for (const Vertex w : graph_.successors[v]) {
        const std::size_t at = find(w);
        const bool outside = w == after_ || (at < vertices_.size() && (open & bit(at)) == 0);
        if (outside) leaves = std::max(leaves, sent(v, w));
      }
      for (std::size_t b = 0; b < allowances; ++b) {
        Amount least = Relaxed::kNever;
        for (std::size_t place = 0; place < kPlaces; ++place) {
          const Amount time =
              may_be(i, place) ? finish(i, place, before, counted, b) : Relaxed::kNever;
          so_far_[i][place].push_back(time);
          least = std::min(least, place == kOnPool ? time : add(time, leaves));
        }
        longest_[b] = std::max(longest_[b], least);
      }
    }
  }

  [[nodiscard]] bool may_be(std::size_t i, std::size_t place) const {
    const Vertex v = vertices_[i];
    if (place == kOnPool) {
      return graph_.pool_time[v] < Relaxed::kNever && ((of_before_ | of_after_) & bit(i)) == 0;
    }
    if (graph_.call_time[v] == Relaxed::kNever) return false;
    // With three slots and more the two calls may be of one accelerator, and it has more than one
    // further call: no place is told from another.
    if (graph_.slots != 2) return place == kElsewhere;
    if ((of_before_ & bit(i)) != 0 && place != kWithBefore) return false;
    return (of_after_ & bit(i)) == 0 || place == kWithAfter;
  }

  [[nodiscard]] Amount finish(std::size_t i, std::size_t place, Mask before, Mask counted,
                              std::size_t allowed) const {
    const Vertex v = vertices_[i];
    const auto rest = left(allowed, place, v);
    if (!rest) return Relaxed::kNever;
    Amount ready = 0;
    for (const Vertex u : graph_.predecessors[v]) {
      const std::size_t at = find(u);
      const bool here = at < vertices_.size();
      if (u == before_ || (here && (before & bit(at)) != 0)) {
        if (place != kOnPool) ready = std::max(ready, sent(u, v));
      } else if (here && (counted & bit(at)) != 0) {
        const bool mates = graph_.group[u] == graph_.group[v];
        const Amount price = sent(u, v);
        Amount least = so_far_[at][place][*rest];
        for (std::size_t from = 0; from < kPlaces && !mates; ++from) {
          if (from == place) continue;
          const Amount moves = (from == kOnPool ? 0 : price) + (place == kOnPool ? 0 : price);
          least = std::min(least, add(so_far_[at][from][*rest], moves));
        }
        ready = std::max(ready, least);
      }
    }
    return add(ready, place == kOnPool ? graph_.pool_time[v] : graph_.call_time[v]);
  }

  [[nodiscard]] static Amount add(Amount a, Amount b) { return std::min(Relaxed::kNever, a + b); }

  const Relaxed& graph_;
  const std::vector<Amount>& charged_;
  std::vector<Vertex> vertices_;  // ascending, so topological
  Vertex before_, after_;
  std::optional<std::uint32_t> shared_;
  bool moves_;
  std::vector<Mask> inputs_;  // [vertices]
  std::vector<Mask> ideals_;
  Mask of_before_ = 0, of_after_ = 0;  // between, colocated with what is in c's call, in d's
  // Steps of memory that further calls may hold of what is between: of c's accelerator, of d's. An
  // allowance is a pair of them, numbered row by row; it is for less than the next steps.
  std::array<std::vector<Amount>, 2> allow_;
  std::vector<std::array<std::vector<Amount>, kPlaces>> so_far_;  // [vertices][place][allowance]
  std::vector<Amount> longest_;                                   // [allowance]
};

Module::Module(const Relaxed& graph, const Path& chain, std::size_t end,
               const std::vector<Amount>& charged) {
  const Vertex before = chain.vertices[end - 1];
  const Vertex after = chain.vertices[end];
  const auto position = static_cast<std::int32_t>(end);
  colocated_ = graph.group[before] == graph.group[after];
  full_pair_ = graph.slots == 2;
  std::vector<Vertex> inside;
  std::vector<std::uint32_t> component;  // [inside]
  for (Vertex v = before + 1; v < after; ++v) {
    if (chain.last[v] == position - 1 && chain.first[v] == position) inside.push_back(v);
  }
  // Components by repeated flooding; modules are small.
  component.assign(inside.size(), 0xffffffff);
  const auto find = [&](Vertex v) {
    const auto at = std::lower_bound(inside.begin(), inside.end(), v);
    const bool found = at != inside.end() && *at == v;
    return found ? static_cast<std::size_t>(at - inside.begin()) : inside.size();
  };
  std::vector<std::vector<Vertex>> parts;
  for (std::size_t start = 0; start < inside.size(); ++start) {
    if (component[start] != 0xffffffff) continue;
    std::vector<std::size_t> stack{start};
    component[start] = static_cast<std::uint32_t>(parts.size());
    parts.emplace_back();
    while (!stack.empty()) {
      const std::size_t i = stack.back();
      stack.pop_back();
      parts.back().push_back(inside[i]);
      for (const auto* adjacent : {&graph.successors, &graph.predecessors}) {
        for (const Vertex w : (*adjacent)[inside[i]]) {
          const std::size_t at = find(w);
          if (at == inside.size() || component[at] != 0xffffffff) continue;
          component[at] = component[i];
          stack.push_back(at);
        }
      }
    }
    std::sort(parts.back().begin(), parts.back().end());
  }
  // c's tensors: at most one is charged by how the components are shared out.
  std::optional<std::uint32_t> shared;
  if (graph.transfers == model::Transfers::serial) {
    for (const std::uint32_t x : graph.outputs[before]) {
      const Relaxed::Tensor& tensor = graph.tensors[x];
      const bool out = std::any_of(tensor.consumers.begin(), tensor.consumers.end(),
                                   [&](Vertex w) { return chain.last[w] >= position; });
      const bool in = std::binary_search(tensor.consumers.begin(), tensor.consumers.end(), after);
      const bool open = std::any_of(tensor.consumers.begin(), tensor.consumers.end(),
                                    [&](Vertex w) { return find(w) < inside.size(); });
      if (out) out_certain_ += tensor.price;
      if (in) in_certain_ += tensor.price;
      if (!open || (out && in) || (shared && tensor.price <= shared_)) continue;
      shared = x;
      shared_ = tensor.price;
      shared_out_ = out;
      shared_in_ = in;
    }
  }
  for (auto& levels : levels_) levels.push_back(0);
  for (std::vector<Vertex>& part : parts) {
    Component made;
    if (!Builder(graph, charged, std::move(part), before, after, shared).build(made.shares)) {
      // Not tried: it may be anywhere for nothing, and its consumers everywhere.
      made.shares.assign(1, Share{});
      made.shares[0].all_before = true;
      made.shares[0].none_after = true;
    }
    for (const Share& share : made.shares) leaves_mates_ = leaves_mates_ || share.leaves_mates;
    for (std::size_t b = 0; b < kBetweens; ++b) {
      const auto between = static_cast<Between>(b);
      for (std::uint32_t i = 0; i < made.shares.size(); ++i) {
        made.order[b].push_back(i);
        levels_[b].push_back(level(made.shares[i], between));
      }
      std::sort(made.order[b].begin(), made.order[b].end(), [&](std::uint32_t i, std::uint32_t j) {
        return level(made.shares[i], between) < level(made.shares[j], between);
      });
    }
    combinations_ = std::min(kMaxCombinations + 1, combinations_ * made.shares.size());
    components_.push_back(std::move(made));
  }
  for (auto& levels : levels_) {
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  }
}

Amount Module::level(const Share& share, Between between) {
  switch (between) {
    case kMatesBefore:
      return share.beside_before;
    case kMatesAfter:
      return share.beside_after;
    default:
      return share.between;
  }
}

Amount Module::cost(Side before, Side after, bool same) const {
  if (colocated_ && (before.call != after.call || (before.call && !same))) return Relaxed::kNever;
  const Amount certain = (before.call ? out_certain_ : 0) + (after.call ? in_certain_ : 0);
  // The shared tensor leaves c's call unless all of its consumers are in there, and enters d's
  // where any is.
  Amount best = Relaxed::kNever;
  for (const bool out : {true, false}) {
    if (!out && (!before.call || shared_out_)) continue;
    for (const bool in : {true, false}) {
      if (!in && (!after.call || shared_in_)) continue;
      const Amount paid = (out && before.call && !shared_out_ ? shared_ : 0) +
                          (in && after.call && !shared_in_ ? shared_ : 0);
      best = std::min(best, paid + least(Setting{before, after, same, out, in}));
    }
  }
  return std::min(Relaxed::kNever, best + certain);
}

bool Module::possible(const Share& share, const Setting& setting) const {
  return (setting.before.call || !share.before_used) && (setting.after.call || !share.after_used) &&
         (setting.out_paid || share.all_before) && (setting.in_paid || share.none_after) &&
         (setting.same || !share.parts_mates) &&
         !(setting.same && full_pair_ && share.leaves_mates);
}

// What the two calls take for a share, memory included.
Amount Module::priced(const Share& share, const Setting& setting) const {
  Amount cost = 0;
  if (setting.before.call) {
    cost += share.before + price_down(share.before_memory, setting.before.multiplier);
  }
  if (setting.after.call) {
    cost += share.after + price_down(share.after_memory, setting.after.multiplier);
  }
  return cost;
}

Amount Module::least(const Setting& setting) const {
  if (!leaves_mates_) return share_out(setting, kSlowest);
  if (combinations_ <= kMaxCombinations) return try_all(setting);
  return std::max({share_out(setting, kSlowest), share_out(setting, kMatesBefore),
                   share_out(setting, kMatesAfter)});
}

// Every combination of the components' shares.
Amount Module::try_all(const Setting& setting) const {
  struct Partial {
    Amount cost = 0;
    std::array<Amount, kBetweens> levels{}, sums{};
  };
  std::vector<Partial> partials(1), next;
  for (const Component& component : components_) {
    next.clear();
    for (const Share& share : component.shares) {
      if (!possible(share, setting)) continue;
      const Amount cost = priced(share, setting);
      for (Partial partial : partials) {
        partial.cost += cost;
        partial.sums[kMatesBefore] += share.mates_before;
        partial.sums[kMatesAfter] += share.mates_after;
        for (const Between between : {kSlowest, kMatesBefore, kMatesAfter}) {
          partial.levels[between] = std::max(partial.levels[between], level(share, between));
        }
        next.push_back(partial);
      }
    }
    partials.swap(next);
  }
  Amount best = Relaxed::kNever;
  for (const Partial& partial : partials) {
    Amount time = 0;
    for (std::size_t b = 0; b < kBetweens; ++b) {
      time = std::max(time, partial.levels[b] + partial.sums[b]);
    }
    best = std::min(best, partial.cost + time);
  }
  return best;
}

// The least by one way of counting the time between: for each level that may be the largest, every
// component takes its cheapest share up to there.
Amount Module::share_out(const Setting& setting, Between between) const {
  std::vector<std::size_t> next(components_.size(), 0);
  std::vector<Amount> cheapest(components_.size(), Relaxed::kNever);
  Amount best = Relaxed::kNever;
  for (const Amount allowed : levels_[between]) {
    Amount total = allowed;
    for (std::size_t b = 0; b < components_.size(); ++b) {
      const auto& shares = components_[b].shares;
      const auto& order = components_[b].order[between];
      for (; next[b] < order.size() && level(shares[order[next[b]]], between) <= allowed;
           ++next[b]) {
        const Share& share = shares[order[next[b]]];
        if (!possible(share, setting)) continue;
        Amount cost = priced(share, setting);
        if (between == kMatesBefore) cost += share.mates_before;
        if (between == kMatesAfter) cost += share.mates_after;
        cheapest[b] = std::min(cheapest[b], cost);
      }
      total = std::min(Relaxed::kNever, total + cheapest[b]);
    }
    best = std::min(best, total);
  }
  return best;
}

}  // namespace cleave::latency
