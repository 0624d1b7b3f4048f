#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cleave/base/units.h"
#include "cleave/model/plan.h"
#include "cleave/model/problem.h"

namespace cleave::report {

/// Text for people, from finished data. Everything here is pure and thread-safe; nothing ends in a
/// newline but tables, whose every line does.

/// Four digits and a unit that suits: "17.79 ms", "842.0 us", "3.250 s".
[[nodiscard]] std::string format_time(base::Duration time);
/// "512 B", "1.50 MiB", "16.0 GiB".
[[nodiscard]] std::string format_bytes(base::Bytes bytes);
/// "0.08%"; never rounds a positive ratio to zero: "<0.01%".
[[nodiscard]] std::string format_percent(double ratio);
/// `width` characters, of which the share `ratio` (0 to 1) is filled.
[[nodiscard]] std::string format_bar(double ratio, std::size_t width);

/// Whether text may use a terminal's colours, which are escape sequences to everybody else.
enum class Colours { none, terminal };

/// Rows of cells under a heading, in columns as wide as their widest cell.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string heading;
    Align align = Align::right;
  };

  explicit Table(std::vector<Column> columns);
  /// Control characters, which could change a terminal, become '?'. REQUIRES: as many cells as
  /// columns.
  void add(std::vector<std::string> cells);
  /// How a cell of the last row looks in colours. REQUIRES: but for escape sequences, it is the
  /// cell.
  void paint(std::size_t column, std::string painted);
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::vector<std::string>> painted_;  // as rows_; empty: as the cell
};

/// What somebody would do otherwise.
struct Rival {
  std::string name;
  std::string note;                         ///< why there is none, or what it breaks; may be empty
  std::optional<base::Duration> objective;  ///< absent: it found none
  bool feasible = false;                    ///< keeps every rule of the problem
};

/// The feasible one with the smallest objective (the first of equals), or nullptr.
[[nodiscard]] const Rival* best_feasible(std::span<const Rival> rivals);

/// The answer in a sentence: time per sample, bound, gap, and what ended the search, such as
/// "17.79 ms per sample: proven optimal". Without a placement: the reason.
[[nodiscard]] std::string describe_answer(const model::Plan& plan);

/// How the answer compares with a rival, such as "4.80 times as fast as one device (85.40 ms)", or
/// that splitting does not pay.
/// REQUIRES: the plan has a placement and the rival an objective.
[[nodiscard]] std::string describe_advantage(const model::Plan& plan, const Rival& rival);

/// How a load's bar looks on a terminal: in the colours of moving in, computing and moving out.
/// Where transfers overlap with computing (not `serial`), the parts do not add up to the load, and
/// the bar has one colour.
[[nodiscard]] std::string paint_bar(const std::string& bar, const model::DeviceLoad& load,
                                    bool serial);
/// Paints four cells of the last row, from `column` on: a load's bar, in, compute and out.
void paint_load(Table& table, std::size_t column, const std::string& bar,
                const model::DeviceLoad& load, bool serial);

/// One row a device in the order of the pipeline, idle devices last: load with a bar (full: the
/// busiest device), its parts, memory and its limit, number of stages and operators.
/// REQUIRES: the plan has a placement.
[[nodiscard]] std::string loads_table(const model::Problem& problem, const model::Plan& plan,
                                      Colours colours = Colours::none);

/// Of a latency plan, one row a stage: when it starts and finishes, where it runs, how many
/// operators. REQUIRES: the plan has a placement.
[[nodiscard]] std::string stages_table(const model::Problem& problem, const model::Plan& plan);

/// What a person wants to know of a plan: loads, and of a latency plan first its stages.
/// REQUIRES: the plan has a placement.
[[nodiscard]] std::string plan_tables(const model::Problem& problem, const model::Plan& plan,
                                      Colours colours = Colours::none);

/// The answer and each rival with its time per sample, a bar (full: four times the answer or more),
/// how much slower than the answer it is, and its note.
/// REQUIRES: the plan has a placement.
[[nodiscard]] std::string comparison_table(const model::Plan& plan, std::span<const Rival> rivals,
                                           Colours colours = Colours::none);

}  // namespace cleave::report
