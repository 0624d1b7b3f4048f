#include "cleave/ideals/reachability.h"

namespace cleave::ideals {
namespace {

void unite(Word* into, const Word* from, std::size_t words) {
  for (std::size_t i = 0; i < words; ++i) into[i] |= from[i];
}

}  // namespace

Reachability::Reachability(const Contracted& graph)
    : words_((graph.num_nodes + 63) / 64),
      ancestors_(graph.num_nodes * words_, 0),
      descendants_(graph.num_nodes * words_, 0) {
  for (Node v = 0; v < graph.num_nodes; ++v) {
    Word* const mine = &ancestors_[v * words_];
    insert(mine, v);
    for (const Node u : graph.predecessors(v)) unite(mine, ancestors(u), words_);
  }
  for (Node v = static_cast<Node>(graph.num_nodes); v-- > 0;) {
    Word* const mine = &descendants_[v * words_];
    insert(mine, v);
    for (const Node w : graph.successors(v)) unite(mine, descendants(w), words_);
  }
}

}  // namespace cleave::ideals
