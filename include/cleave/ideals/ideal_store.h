#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cleave/reduce/contract.h"

namespace cleave::ideals {

using reduce::Amount;
using reduce::Contracted;
using reduce::Node;

/// A set of nodes, one bit each.
using Word = std::uint64_t;
[[nodiscard]] inline bool contains(const Word* set, Node v) {
  return (set[v / 64] >> (v % 64)) & 1;
}
inline void insert(Word* set, Node v) { set[v / 64] |= Word{1} << (v % 64); }

/// An edge that an ideal cuts: some but not all of its pins are inside.
struct OpenEdge {
  std::uint32_t edge;
  std::uint32_t inside : 31;  ///< number of pins inside, ≥ 1
  std::uint32_t producer_inside : 1;
};

/// Ideals (down-sets) of the contracted graph, each stored once and known by a dense index, with
/// what the searches need to price the difference of two of them in time proportional to the edges
/// they cut.
///
/// An ideal is stored as one record in an arena: sums over its nodes, the weight of the edges it
/// cuts, its bits, the nodes that are ready (not inside, all predecessors inside), for each of
/// them the index of the ideal grown by it once known, and the edges it cuts.
///
/// Not thread-safe. Spans stay valid for the life of the store.
class IdealStore {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xffffffff;

  /// REQUIRES: `graph` outlives the store.
  explicit IdealStore(const Contracted& graph);
  ~IdealStore();
  IdealStore(const IdealStore&) = delete;
  IdealStore& operator=(const IdealStore&) = delete;

  [[nodiscard]] const Contracted& graph() const { return graph_; }
  [[nodiscard]] std::size_t words() const { return words_; }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  /// Memory held, in bytes.
  [[nodiscard]] std::size_t memory_used() const;

  [[nodiscard]] Index empty_ideal() const { return 0; }

  /// The ideal grown by its ready node number `slot`.
  Index grow(Index ideal, std::size_t slot);
  /// The ideal without its node `v`. REQUIRES: `v` is inside and none of its successors is.
  Index shrink(Index ideal, Node v);
  /// The nodes that shrink() can take out.
  [[nodiscard]] std::vector<Node> removable(Index ideal) const;
  /// The smallest stored or new ideal that is the union of `ideal` and the down-set `set`.
  /// REQUIRES: `set` is a down-set.
  Index join(Index ideal, const Word* set);
  /// The ideal with exactly these nodes. REQUIRES: `set` is a down-set.
  Index intern(const Word* set) { return join(empty_ideal(), set); }

  [[nodiscard]] const Word* bits(Index i) const {
    return reinterpret_cast<const Word*>(records_[i] + bits_offset_);
  }
  [[nodiscard]] std::span<const Node> ready(Index i) const {
    return {reinterpret_cast<const Node*>(records_[i] + ready_offset_), header(i).num_ready};
  }
  [[nodiscard]] std::span<const OpenEdge> open(Index i) const {
    const Header& h = header(i);
    return {reinterpret_cast<const OpenEdge*>(records_[i] + ready_offset_ +
                                              2 * sizeof(Node) * h.num_ready),
            h.num_open};
  }
  /// Σ memory of the nodes inside.
  [[nodiscard]] Amount memory(Index i) const { return header(i).memory; }
  /// Σ time of the nodes inside on the kind, in the phase.
  [[nodiscard]] Amount time(Index i, std::size_t kind, std::size_t phase) const {
    return sums(i)[kind * graph_.phases + phase];
  }
  /// Σ weight, in the row, of the edges of the phase that the ideal cuts and whose producer is
  /// outside (direction 0) or inside (direction 1).
  [[nodiscard]] Amount cut(Index i, std::size_t row, std::size_t phase,
                           std::size_t direction) const {
    return sums(i)[cut_offset_ + (row * graph_.phases + phase) * 2 + direction];
  }
  /// All edges cut, whatever their direction.
  [[nodiscard]] Amount cut(Index i, std::size_t row, std::size_t phase) const {
    return cut(i, row, phase, 0) + cut(i, row, phase, 1);
  }

 private:
  struct Header {
    std::uint64_t hash;
    Amount memory;
    std::uint32_t num_ready;
    std::uint32_t num_open;
  };

  [[nodiscard]] const Header& header(Index i) const {
    return *reinterpret_cast<const Header*>(records_[i]);
  }
  [[nodiscard]] const Amount* sums(Index i) const {
    return reinterpret_cast<const Amount*>(records_[i] + sizeof(Header));
  }
  [[nodiscard]] Index* grown(Index i) {
    return reinterpret_cast<Index*>(records_[i] + ready_offset_ +
                                    sizeof(Node) * header(i).num_ready);
  }

  // An ideal under construction; store() copies it into the arena.
  struct Draft {
    Header header{};
    std::vector<Amount> sums;
    std::vector<Word> bits;
    std::vector<Node> ready;
    std::vector<OpenEdge> open;
  };
  void load(Index ideal, Draft& draft) const;
  void extend(Draft& draft, Node v);
  void retract(Draft& draft, Node v);
  void charge(Draft& draft, const OpenEdge& open, Amount sign) const;
  [[nodiscard]] Index find(std::uint64_t hash, const Word* a, const Word* b) const;
  Index store(const Draft& draft);
  void rehash();
  char* allocate(std::size_t bytes);

  const Contracted& graph_;
  std::size_t words_;
  std::size_t num_sums_;
  std::size_t cut_offset_;
  std::size_t bits_offset_;
  std::size_t ready_offset_;
  std::vector<std::uint64_t> node_hash_;
  std::vector<char*> records_;
  std::vector<Index> table_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_left_ = 0;
  char* block_next_ = nullptr;
  std::size_t block_bytes_ = 0;
  Draft draft_;
  std::vector<OpenEdge> merged_;
  std::vector<Word> union_;
};

}  // namespace cleave::ideals
