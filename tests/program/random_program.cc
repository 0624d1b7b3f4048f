#include "random_program.h"

#include <algorithm>
#include <vector>

namespace cleave::program {

Program random_program(base::Random& random, Amount size) {
  Program program;
  for (std::uint64_t choices = 1 + random.below(3); choices > 0; --choices) {
    std::vector<std::uint32_t> columns;
    for (std::uint64_t i = 2 + random.below(2); i > 0; --i) {
      columns.push_back(program.add_column({0, 1, random.between(-size, size), 1}));
    }
    program.add_choice(std::move(columns), random.unit());
  }
  for (std::uint64_t i = random.below(3); i > 0; --i) {
    program.add_column({0, random.between(1, 3), random.between(-size, size), 2});
  }
  for (std::uint64_t rows = 1 + random.below(4); rows > 0; --rows) {
    Program::Row row;
    Amount sum = 0;
    for (std::uint32_t j = 0; j < program.columns().size(); ++j) {
      if (random.chance(0.4)) continue;
      row.entries.push_back({j, random.between(-size, size)});
      sum += row.entries.back().coefficient;
    }
    if (random.chance(0.7)) row.lower = sum / 2 + random.between(-size, size);
    if (random.chance(0.5))
      row.upper = std::max(row.lower, sum / 2 + random.between(-size, 2 * size));
    program.add_row(std::move(row));
  }
  return program;
}

namespace {

bool keeps_rows(const Program& program, const std::vector<Amount>& values) {
  return std::all_of(program.rows().begin(), program.rows().end(), [&](const Program::Row& row) {
    Amount sum = 0;
    for (const auto& [column, a] : row.entries) sum += a * values[column];
    return row.lower <= sum && sum <= row.upper;
  });
}

}  // namespace

std::optional<Amount> least_objective(const Program& program, const Program::Box& box) {
  std::optional<Amount> least;
  std::vector<Amount> values = box.lower;
  for (;;) {
    if (keeps_rows(program, values)) {
      Amount objective = 0;
      for (std::size_t j = 0; j < values.size(); ++j) {
        objective += program.columns()[j].cost * values[j];
      }
      if (!least || objective < *least) least = objective;
    }
    std::size_t j = 0;
    while (j < values.size() && values[j] == box.upper[j]) values[j] = box.lower[j], ++j;
    if (j == values.size()) return least;
    ++values[j];
  }
}

}  // namespace cleave::program
