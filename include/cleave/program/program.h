#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace cleave::program {

/// Time in picoseconds, bytes, or a number of something.
using Amount = std::int64_t;

/// A program whose data are integers, so that what is said about it can be checked exactly:
///
///   minimise Σ cost_j · x_j   so that   lower_i ≤ Σ_j a_ij · x_j ≤ upper_i,   lower_j ≤ x_j ≤
///   upper_j
///
/// and of every choice, a set of columns, exactly one column is 1 and the others are 0.
class Program {
 public:
  /// As a bound of a row: there is none.
  static constexpr Amount kNoLower = std::numeric_limits<Amount>::min();
  static constexpr Amount kNoUpper = std::numeric_limits<Amount>::max();

  struct Entry {
    std::uint32_t column;
    Amount coefficient;
  };
  struct Column {
    Amount lower = 0, upper = 1;
    Amount cost = 0;
    /// About how large it gets: floating point counts in this unit. > 0.
    double unit = 1;
  };
  struct Row {
    Amount lower = kNoLower, upper = kNoUpper;
    std::vector<Entry> entries;  ///< of distinct columns
  };
  /// Bounds of all columns; a program has one, and parts of it are searched with narrower ones.
  struct Box {
    std::vector<Amount> lower, upper;  ///< [columns]
  };

  /// Columns, rows and choices are numbered 0, 1, 2, …
  std::uint32_t add_column(const Column& column);
  /// REQUIRES: the columns exist.
  std::uint32_t add_row(Row row);
  /// REQUIRES: at least one column, all with bounds within 0 and 1, none in another choice. Where
  /// several choices are open, a search decides the one with the greatest priority first.
  std::uint32_t add_choice(std::vector<std::uint32_t> columns, double priority);

  struct Choice {
    std::vector<std::uint32_t> columns;
    double priority;
  };
  [[nodiscard]] const std::vector<Column>& columns() const { return columns_; }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  [[nodiscard]] const std::vector<Choice>& choices() const { return choices_; }
  [[nodiscard]] Box box() const;

 private:
  std::vector<Column> columns_;
  std::vector<Row> rows_;
  std::vector<Choice> choices_;
};

}  // namespace cleave::program
