#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cleave/base/limits.h"
#include "cleave/program/certify.h"
#include "cleave/program/linear_solver.h"
#include "cleave/program/program.h"

namespace cleave::program {

/// Branch and bound over the choices of a Program. A node is a box in which some choices are
/// decided; its linear relaxation is solved in floating point, and what follows from its duals is
/// certified in integers (certify.h) before a node is closed. So the bound holds whatever the
/// solver said.
///
/// The node with the least bound comes next; a node's most promising child comes right after it.
/// Deterministic but for the deadline. Not thread-safe.
class TreeSearch {
 public:
  /// Sees values of the relaxation, [columns], and may make a solution of them. Returns the
  /// objective of the best solution known, from here or elsewhere.
  ///
  /// REQUIRES: where of every choice one column is 1 and the others are 0, what it returns is at
  /// most the least objective of a solution with these choices, if there is one. Such a node is
  /// closed on its word.
  using Visit = std::function<Amount(std::span<const double> values)>;

  /// `known` is the objective of a solution, or above those of all that are looked for. The program
  /// has to outlive this. REQUIRES: the solver is new; the best solution's objective is whole.
  TreeSearch(const Program& program, std::unique_ptr<LinearSolver> solver, Amount known,
             Visit visit);

  enum class Outcome {
    finished,  ///< no solution is better than the best one that visits told of, or `known`
    stopped,   ///< by the effort or the deadline; goes on with the next call
  };
  /// Adds simplex iterations, and one for each node, to `effort`; ends when it reaches
  /// `max_effort`, or at the deadline.
  Outcome run(std::uint64_t max_effort, std::uint64_t& effort, const base::Deadline& deadline);

  /// No solution that was not known before is below it. Never above the best objective known.
  [[nodiscard]] Amount bound() const;
  [[nodiscard]] std::uint64_t nodes() const { return nodes_; }
  /// Tells of a solution that was found elsewhere.
  void improve(Amount known) { best_ = std::min(best_, known); }

 private:
  struct Decision {
    std::uint32_t choice, column;
    std::int64_t parent;  // into decisions_; −1: none
  };
  struct Node {
    Amount bound;
    std::uint32_t depth;
    std::int64_t last;  // decision; −1: the root
  };
  enum class Fate { closed, open, unsolved };

  void load();
  void enter(const Node& node);
  Fate examine(Node& node, std::uint64_t max_effort, std::uint64_t& effort,
               const base::Deadline& deadline);
  [[nodiscard]] bool proves_infeasible() const;
  [[nodiscard]] bool close_at(Amount bound);
  [[nodiscard]] std::vector<double> as_given(const std::vector<double>& multiples,
                                             double objective_unit) const;
  [[nodiscard]] std::size_t choice_to_branch_on() const;
  void branch(const Node& node);
  void push(const Node& node);
  std::optional<Node> next();
  [[nodiscard]] static bool comes_later(const Node& a, const Node& b);

  const Program& program_;
  std::unique_ptr<LinearSolver> solver_;
  Visit visit_;
  Amount best_;
  Amount closed_bound_;            // the least of nodes that were closed a hair below the best
  std::vector<double> row_units_;  // [rows]: of the solver's row in the program's
  double objective_unit_ = 1;
  std::vector<Decision> decisions_;
  std::vector<Node> open_;             // a heap
  std::optional<Node> child_;          // comes before all of these
  Program::Box root_, box_, loaded_;   // of all nodes, of the node at work, of the solver
  std::vector<std::uint8_t> decided_;  // [choices], of the node at work
  std::size_t num_decided_ = 0;
  // Of the relaxation of the node at work; empty: none.
  std::vector<double> values_;  // [columns]
  std::optional<Certificate> certificate_;
  std::uint64_t nodes_ = 0;
};

}  // namespace cleave::program
