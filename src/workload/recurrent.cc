// GNMT (Wu et al., 2016), unrolled over its steps. Deviations: the first encoder layer runs one way
// only; a cell's output and carried state are one tensor, as in published cost graphs; a layer's
// weights count as spread evenly over its steps, whose cells are free to part.

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "workload/families.h"
#include "workload/sketch.h"

namespace cleave::workload {

namespace {

using Value = Sketch::Value;

constexpr std::array kGnmtParameters{
    Parameter{"encoder", 8, 1, 64, "encoder layers"},
    Parameter{"decoder", 0, 0, 64, "decoder layers; 0: each step of the grid attends to its top"},
    Parameter{"steps", 60, 1, 1000, "steps that the network is unrolled over"},
    Parameter{"hidden", 1024, 1, 16384, "width of a state"},
    Parameter{"batch", 64, kBatch.low, kBatch.high, kBatch.help},
    Parameter{"transfer", 10, 0, 10000,
              "hundredths of a cell's time to move a state, where the devices name no link"},
    kSeed};

class Gnmt {
 public:
  explicit Gnmt(const Values& values)
      : hidden_(values["hidden"]),
        batch_(values["batch"]),
        steps_(values["steps"]),
        sketch_(link(values), static_cast<std::uint64_t>(values["seed"])) {}

  // A row of operators, one a step, that look up tokens: sources. `steps` operators.
  std::vector<Value> embed(const std::string& name) {
    constexpr std::int64_t kVocabulary = 32000;
    std::vector<Value> row;
    for (std::int64_t t = 0; t < steps_; ++t) {
      row.push_back(sketch_.add(fmt::format("{}/step{}", name, t),
                                {0, 0, state_bytes(), per_step(kNumber * kVocabulary * hidden_)},
                                {}));
    }
    return row;
  }

  // A layer of cells, each reading the inputs of its step and the cell before. `steps` operators.
  std::vector<Value> layer(const std::string& name, const std::vector<std::vector<Value>>& inputs) {
    std::vector<Value> row;
    for (std::int64_t t = 0; t < steps_; ++t) row.push_back(cell(name, t, inputs, row));
    return row;
  }

  Value cell(const std::string& name, std::int64_t step,
             const std::vector<std::vector<Value>>& inputs, const std::vector<Value>& before) {
    std::vector<Value> reads;
    for (const auto& row : inputs) reads.push_back(row[static_cast<std::size_t>(step)]);
    if (step > 0) reads.push_back(before.back());
    return sketch_.add(fmt::format("{}/step{}", name, step), cell_work(), reads);
  }

  // Scores of a query against every memory, and their weighted sum. 1 operator.
  Value attend(std::int64_t step, const std::vector<Value>& memory,
               const std::vector<Value>& query) {
    std::vector<Value> reads = memory;
    reads.insert(reads.end(), query.begin(), query.end());
    return sketch_.add(fmt::format("attention/step{}", step),
                       {4 * batch_ * hidden_ * steps_, 0, state_bytes()}, reads);
  }

  [[nodiscard]] std::int64_t steps() const { return steps_; }
  Sketch& sketch() { return sketch_; }

 private:
  [[nodiscard]] std::int64_t state_bytes() const { return kNumber * batch_ * hidden_; }
  [[nodiscard]] std::int64_t per_step(std::int64_t bytes) const { return bytes / steps_ + 1; }

  // Four gates, each of two matrices.
  [[nodiscard]] Work cell_work() const {
    const std::int64_t numbers = 8 * hidden_ * hidden_;
    return {2 * batch_ * numbers, per_step(kNumber * numbers), state_bytes()};
  }

  [[nodiscard]] Sketch::Link link(const Values& values) const {
    const Work work = cell_work();
    const base::Duration time =
        Sketch::accelerator_time(work.flops, work.weights + 3 * work.output);
    return {values["transfer"] * time.count(), 100 * state_bytes()};
  }

  std::int64_t hidden_, batch_, steps_;
  Sketch sketch_;
};

// The bottom decoder layer and the attention take turns: attention of a step reads the bottom
// cell of the step before, and the bottom cell reads the attention of its own step.
std::pair<std::vector<Value>, std::vector<Value>> attended_bottom(
    Gnmt& gnmt, const std::vector<Value>& words, const std::vector<Value>& memory) {
  std::vector<Value> bottom;
  std::vector<Value> context;
  for (std::int64_t t = 0; t < gnmt.steps(); ++t) {
    context.push_back(
        gnmt.attend(t, memory, t == 0 ? std::vector<Value>{} : std::vector{bottom.back()}));
    bottom.push_back(gnmt.cell("decoder0", t, {words, context}, bottom));
  }
  return {bottom, context};
}

}  // namespace

std::span<const Parameter> gnmt_parameters() { return kGnmtParameters; }

base::Result<model::Graph> build_gnmt(const Values& values, bool training) {
  Gnmt gnmt(values);
  std::vector<Value> top = gnmt.embed("source");
  for (std::int64_t l = 0; l < values["encoder"]; ++l) {
    top = gnmt.layer(fmt::format("encoder{}", l), {top});
  }
  if (values["decoder"] == 0) {
    for (std::int64_t t = 0; t < gnmt.steps(); ++t) gnmt.attend(t, top, {});
    return std::move(gnmt.sketch()).finish(training);
  }
  const auto [bottom, context] = attended_bottom(gnmt, gnmt.embed("target"), top);
  top = bottom;
  for (std::int64_t l = 1; l < values["decoder"]; ++l) {
    top = gnmt.layer(fmt::format("decoder{}", l), {top, context});
  }
  return std::move(gnmt.sketch()).finish(training);
}

}  // namespace cleave::workload
