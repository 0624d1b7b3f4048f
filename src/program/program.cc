#include "cleave/program/program.h"

#include <cassert>
#include <utility>

namespace cleave::program {

std::uint32_t Program::add_column(const Column& column) {
  assert(column.lower <= column.upper && column.unit > 0);
  columns_.push_back(column);
  return static_cast<std::uint32_t>(columns_.size() - 1);
}

std::uint32_t Program::add_row(Row row) {
  rows_.push_back(std::move(row));
  return static_cast<std::uint32_t>(rows_.size() - 1);
}

std::uint32_t Program::add_choice(std::vector<std::uint32_t> columns, double priority) {
  assert(!columns.empty());
  Row row{1, 1, {}};
  for (const std::uint32_t column : columns) row.entries.push_back({column, 1});
  add_row(std::move(row));
  choices_.push_back({std::move(columns), priority});
  return static_cast<std::uint32_t>(choices_.size() - 1);
}

Program::Box Program::box() const {
  Box box;
  for (const Column& column : columns_) {
    box.lower.push_back(column.lower);
    box.upper.push_back(column.upper);
  }
  return box;
}

}  // namespace cleave::program
