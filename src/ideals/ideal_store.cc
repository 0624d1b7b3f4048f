#include "cleave/ideals/ideal_store.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "cleave/base/random.h"

namespace cleave::ideals {
namespace {

constexpr std::size_t kFirstBlock = std::size_t{1} << 16;
constexpr std::size_t kLargestBlock = std::size_t{1} << 24;

}  // namespace

IdealStore::IdealStore(const Contracted& graph)
    : graph_(graph),
      words_((graph.num_nodes + 63) / 64),
      num_sums_(graph.num_kinds * graph.phases + graph.weights.size() * graph.phases * 2),
      cut_offset_(graph.num_kinds * graph.phases),
      bits_offset_(sizeof(Header) + num_sums_ * sizeof(Amount)),
      ready_offset_(bits_offset_ + words_ * sizeof(Word)) {
  base::Random random(0x1dea1);
  node_hash_.resize(graph.num_nodes);
  for (auto& hash : node_hash_) hash = random.bits();
  table_.assign(64, kNone);
  Draft draft;
  draft.sums.assign(num_sums_, 0);
  draft.bits.assign(words_, 0);
  for (Node v = 0; v < graph.num_nodes; ++v) {
    if (graph.predecessors(v).empty()) draft.ready.push_back(v);
  }
  store(draft);
}

IdealStore::~IdealStore() = default;

std::size_t IdealStore::memory_used() const {
  return block_bytes_ + records_.capacity() * sizeof(char*) + table_.capacity() * sizeof(Index);
}

char* IdealStore::allocate(std::size_t bytes) {
  bytes = (bytes + 7) & ~std::size_t{7};
  if (bytes > block_left_) {
    const std::size_t size =
        std::max(bytes, std::clamp(block_bytes_ / 4, kFirstBlock, kLargestBlock));
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
    block_next_ = blocks_.back().get();
    block_left_ = size;
    block_bytes_ += size;
  }
  char* const memory = block_next_;
  block_next_ += bytes;
  block_left_ -= bytes;
  return memory;
}

void IdealStore::load(Index ideal, Draft& draft) const {
  draft.header = header(ideal);
  draft.sums.assign(sums(ideal), sums(ideal) + num_sums_);
  draft.bits.assign(bits(ideal), bits(ideal) + words_);
  draft.ready.assign(ready(ideal).begin(), ready(ideal).end());
  draft.open.assign(open(ideal).begin(), open(ideal).end());
}

void IdealStore::charge(Draft& draft, const OpenEdge& open, Amount sign) const {
  const std::size_t phase = graph_.edges[open.edge].phase;
  for (std::size_t row = 0; row < graph_.weights.size(); ++row) {
    draft.sums[cut_offset_ + (row * graph_.phases + phase) * 2 + open.producer_inside] +=
        sign * graph_.weights[row][open.edge];
  }
}

// Adds the ready node `v`. The edge lists are sorted by edge, so one merge updates the open ones.
void IdealStore::extend(Draft& draft, Node v) {
  draft.header.hash ^= node_hash_[v];
  draft.header.memory += graph_.memory[v];
  insert(draft.bits.data(), v);
  for (std::size_t i = 0; i < cut_offset_; ++i) draft.sums[i] += graph_.times[v * cut_offset_ + i];

  merged_.clear();
  auto old = draft.open.cbegin();
  for (const std::uint32_t e : graph_.edges_of(v)) {
    while (old != draft.open.cend() && old->edge < e) merged_.push_back(*old++);
    OpenEdge now{e, 0, 0};
    if (old != draft.open.cend() && old->edge == e) {
      now = *old++;
      charge(draft, now, -1);
    }
    now.inside = (now.inside + 1u) & 0x7fffffffu;
    if (graph_.edges[e].producer == v) now.producer_inside = 1;
    if (now.inside == graph_.edges[e].num_pins) continue;
    charge(draft, now, +1);
    merged_.push_back(now);
  }
  merged_.insert(merged_.end(), old, draft.open.cend());
  draft.open.swap(merged_);

  draft.ready.erase(std::lower_bound(draft.ready.begin(), draft.ready.end(), v));
  for (const Node next : graph_.successors(v)) {
    const auto before = graph_.predecessors(next);
    const bool is_ready = std::all_of(before.begin(), before.end(),
                                      [&](Node u) { return contains(draft.bits.data(), u); });
    if (is_ready) {
      draft.ready.insert(std::lower_bound(draft.ready.begin(), draft.ready.end(), next), next);
    }
  }
}

// Takes out `v`, the reverse of extend().
void IdealStore::retract(Draft& draft, Node v) {
  draft.header.hash ^= node_hash_[v];
  draft.header.memory -= graph_.memory[v];
  draft.bits[v / 64] &= ~(Word{1} << (v % 64));
  for (std::size_t i = 0; i < cut_offset_; ++i) draft.sums[i] -= graph_.times[v * cut_offset_ + i];
  merged_.clear();
  auto old = draft.open.cbegin();
  for (const std::uint32_t e : graph_.edges_of(v)) {
    while (old != draft.open.cend() && old->edge < e) merged_.push_back(*old++);
    OpenEdge now{e, graph_.edges[e].num_pins & 0x7fffffffu, 1};
    if (old != draft.open.cend() && old->edge == e) {
      now = *old++;
      charge(draft, now, -1);
    }
    now.inside = (now.inside - 1u) & 0x7fffffffu;
    if (graph_.edges[e].producer == v) now.producer_inside = 0;
    if (now.inside == 0) continue;
    charge(draft, now, +1);
    merged_.push_back(now);
  }
  merged_.insert(merged_.end(), old, draft.open.cend());
  draft.open.swap(merged_);
  for (const Node next : graph_.successors(v)) std::erase(draft.ready, next);
  draft.ready.insert(std::lower_bound(draft.ready.begin(), draft.ready.end(), v), v);
}

// The stored ideal with the nodes of both sets.
IdealStore::Index IdealStore::find(std::uint64_t hash, const Word* a, const Word* b) const {
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Index found = table_[at];
    if (found == kNone) return kNone;
    if (header(found).hash != hash) continue;
    const Word* const stored = bits(found);
    std::size_t word = 0;
    while (word < words_ && stored[word] == (a[word] | b[word])) ++word;
    if (word == words_) return found;
  }
}

void IdealStore::rehash() {
  table_.assign(table_.size() * 2, kNone);
  const std::size_t mask = table_.size() - 1;
  for (Index i = 0; i < records_.size(); ++i) {
    std::size_t at = header(i).hash & mask;
    while (table_[at] != kNone) at = (at + 1) & mask;
    table_[at] = i;
  }
}

IdealStore::Index IdealStore::store(const Draft& draft) {
  const std::size_t num_ready = draft.ready.size();
  const std::size_t num_open = draft.open.size();
  char* const record =
      allocate(ready_offset_ + 2 * sizeof(Node) * num_ready + sizeof(OpenEdge) * num_open);
  Header head = draft.header;
  head.num_ready = static_cast<std::uint32_t>(num_ready);
  head.num_open = static_cast<std::uint32_t>(num_open);
  const auto copy = [](char* to, const auto& from) {
    const std::size_t bytes = from.size() * sizeof(from[0]);
    if (bytes > 0) std::memcpy(to, from.data(), bytes);
    return to + bytes;
  };
  std::memcpy(record, &head, sizeof(head));
  char* at = copy(record + sizeof(head), draft.sums);
  at = copy(at, draft.bits);
  at = copy(at, draft.ready);
  std::fill_n(reinterpret_cast<Index*>(at), num_ready, kNone);
  copy(at + sizeof(Index) * num_ready, draft.open);

  const auto index = static_cast<Index>(records_.size());
  records_.push_back(record);
  if (records_.size() * 2 > table_.size()) {
    rehash();
  } else {
    const std::size_t mask = table_.size() - 1;
    std::size_t slot = head.hash & mask;
    while (table_[slot] != kNone) slot = (slot + 1) & mask;
    table_[slot] = index;
  }
  return index;
}

IdealStore::Index IdealStore::grow(Index ideal, std::size_t slot) {
  if (const Index known = grown(ideal)[slot]; known != kNone) return known;
  const Node v = ready(ideal)[slot];
  const std::uint64_t hash = header(ideal).hash ^ node_hash_[v];
  union_.assign(words_, 0);
  insert(union_.data(), v);
  Index index = find(hash, bits(ideal), union_.data());
  if (index == kNone) {
    load(ideal, draft_);
    extend(draft_, v);
    index = store(draft_);
  }
  grown(ideal)[slot] = index;
  return index;
}

std::vector<Node> IdealStore::removable(Index ideal) const {
  std::vector<Node> nodes;
  const Word* const inside = bits(ideal);
  for (std::size_t word = 0; word < words_; ++word) {
    for (Word rest = inside[word]; rest != 0; rest &= rest - 1) {
      const auto v =
          static_cast<Node>(word * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
      const auto after = graph_.successors(v);
      if (std::none_of(after.begin(), after.end(), [&](Node w) { return contains(inside, w); })) {
        nodes.push_back(v);
      }
    }
  }
  return nodes;
}

IdealStore::Index IdealStore::shrink(Index ideal, Node v) {
  union_.assign(bits(ideal), bits(ideal) + words_);
  union_[v / 64] &= ~(Word{1} << (v % 64));
  if (const Index known = find(header(ideal).hash ^ node_hash_[v], union_.data(), union_.data());
      known != kNone) {
    return known;
  }
  load(ideal, draft_);
  retract(draft_, v);
  return store(draft_);
}

IdealStore::Index IdealStore::join(Index ideal, const Word* set) {
  std::uint64_t hash = header(ideal).hash;
  bool grows = false;
  for (std::size_t word = 0; word < words_; ++word) {
    for (Word rest = set[word] & ~bits(ideal)[word]; rest != 0; rest &= rest - 1) {
      hash ^= node_hash_[word * 64 + static_cast<std::size_t>(std::countr_zero(rest))];
      grows = true;
    }
  }
  if (!grows) return ideal;
  if (const Index known = find(hash, bits(ideal), set); known != kNone) return known;
  load(ideal, draft_);
  union_.assign(set, set + words_);
  for (std::size_t word = 0; word < words_; ++word) {
    // Topological numbering: by the time a node is reached, its predecessors are inside.
    for (Word rest = union_[word] & ~bits(ideal)[word]; rest != 0; rest &= rest - 1) {
      extend(draft_,
             static_cast<Node>(word * 64 + static_cast<std::size_t>(std::countr_zero(rest))));
    }
  }
  return store(draft_);
}

}  // namespace cleave::ideals
