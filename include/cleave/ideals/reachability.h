#pragma once

#include <cstddef>
#include <vector>

#include "cleave/ideals/ideal_store.h"
#include "cleave/reduce/contract.h"

namespace cleave::ideals {

/// Which nodes come before and after each node, as bit sets: 2 · n² / 8 bytes.
class Reachability {
 public:
  explicit Reachability(const Contracted& graph);

  [[nodiscard]] std::size_t words() const { return words_; }
  /// The node itself and all that must come before it: the smallest ideal that holds it.
  [[nodiscard]] const Word* ancestors(Node v) const { return &ancestors_[v * words_]; }
  /// The node itself and all that must come after it.
  [[nodiscard]] const Word* descendants(Node v) const { return &descendants_[v * words_]; }

 private:
  std::size_t words_;
  std::vector<Word> ancestors_;
  std::vector<Word> descendants_;
};

}  // namespace cleave::ideals
