#include "cleave/program/linear_solver.h"

#ifdef CLEAVE_HIGHS

#include <interfaces/highs_c_api.h>

#include <algorithm>

namespace cleave::program {
namespace {

struct Destroy {
  void operator()(void* highs) const { Highs_destroy(highs); }
};

void interrupt_at_deadline(int /*type*/, const char* /*message*/,
                           const HighsCallbackDataOut* /*now*/, HighsCallbackDataIn* answer,
                           void* deadline) {
  if (static_cast<const base::Deadline*>(deadline)->reached()) answer->user_interrupt = 1;
}

class HighsSolver final : public LinearSolver {
 public:
  HighsSolver() : highs_(Highs_create()) {
    Highs_setBoolOptionValue(highs_.get(), "output_flag", 0);
    Highs_setStringOptionValue(highs_.get(), "solver", "simplex");
    Highs_setStringOptionValue(highs_.get(), "parallel", "off");
    Highs_setIntOptionValue(highs_.get(), "threads", 1);
    Highs_setIntOptionValue(highs_.get(), "random_seed", 0);
    // Its duals are those of the rows as they were given, and the last basis stays of use.
    Highs_setStringOptionValue(highs_.get(), "presolve", "off");
  }

  std::uint32_t add_column(double cost, double lower, double upper,
                           std::span<const Entry> entries) override {
    split(entries);
    Highs_addCol(highs_.get(), cost, lower, upper, static_cast<HighsInt>(entries.size()),
                 indices_.data(), coefficients_.data());
    return num_columns_++;
  }

  std::uint32_t add_row(double lower, double upper, std::span<const Entry> entries) override {
    split(entries);
    Highs_addRow(highs_.get(), lower, upper, static_cast<HighsInt>(entries.size()), indices_.data(),
                 coefficients_.data());
    return num_rows_++;
  }

  void set_column_bounds(std::uint32_t column, double lower, double upper) override {
    Highs_changeColBounds(highs_.get(), static_cast<HighsInt>(column), lower, upper);
  }

  Outcome solve(std::uint64_t max_iterations, std::uint64_t& effort,
                const base::Deadline& deadline) override {
    constexpr std::uint64_t kMost = std::numeric_limits<HighsInt>::max();
    Highs_setIntOptionValue(highs_.get(), "simplex_iteration_limit",
                            static_cast<HighsInt>(std::min(max_iterations, kMost)));
    // It only reads the deadline.
    Highs_setCallback(highs_.get(), interrupt_at_deadline, const_cast<base::Deadline*>(&deadline));
    Highs_startCallback(highs_.get(), kHighsCallbackSimplexInterrupt);
    const HighsInt status = Highs_run(highs_.get());
    HighsInt iterations = 0;
    Highs_getIntInfoValue(highs_.get(), "simplex_iteration_count", &iterations);
    effort += static_cast<std::uint64_t>(std::max<HighsInt>(0, iterations));
    if (status == kHighsStatusError) return Outcome::stopped;
    switch (Highs_getModelStatus(highs_.get())) {
      case kHighsModelStatusOptimal:
        keep_solution();
        return Outcome::optimal;
      case kHighsModelStatusInfeasible:
        keep_ray();
        return Outcome::infeasible;
      default:
        return Outcome::stopped;
    }
  }

  [[nodiscard]] double objective() const override { return Highs_getObjectiveValue(highs_.get()); }
  [[nodiscard]] const std::vector<double>& values() const override { return values_; }
  [[nodiscard]] const std::vector<double>& duals() const override { return duals_; }
  [[nodiscard]] const std::vector<double>& ray() const override { return ray_; }

 private:
  void split(std::span<const Entry> entries) {
    indices_.clear();
    coefficients_.clear();
    for (const Entry& entry : entries) {
      indices_.push_back(static_cast<HighsInt>(entry.index));
      coefficients_.push_back(entry.value);
    }
  }

  void keep_solution() {
    values_.resize(num_columns_);
    duals_.resize(num_rows_);
    reduced_costs_.resize(num_columns_);
    activities_.resize(num_rows_);
    Highs_getSolution(highs_.get(), values_.data(), reduced_costs_.data(), activities_.data(),
                      duals_.data());
  }

  void keep_ray() {
    ray_.assign(num_rows_, 0.0);
    HighsInt has_ray = 0;
    const HighsInt status = Highs_getDualRay(highs_.get(), &has_ray, ray_.data());
    if (status == kHighsStatusError || has_ray == 0) ray_.clear();
  }

  std::unique_ptr<void, Destroy> highs_;
  std::uint32_t num_columns_ = 0, num_rows_ = 0;
  std::vector<double> values_, duals_, ray_;
  std::vector<double> reduced_costs_, activities_;  // which nobody asks for
  std::vector<HighsInt> indices_;
  std::vector<double> coefficients_;
};

}  // namespace

std::unique_ptr<LinearSolver> make_linear_solver() { return std::make_unique<HighsSolver>(); }

}  // namespace cleave::program

#else

namespace cleave::program {

std::unique_ptr<LinearSolver> make_linear_solver() { return nullptr; }

}  // namespace cleave::program

#endif
