#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/model/pipeline.h"

/// Running a pipeline: a process for each stage, tensors between them by MPI.
namespace cleave::runtime {

/// This process among those that mpirun started; one at most may exist in a process.
class Processes {
 public:
  /// Whether mpirun started this process.
  [[nodiscard]] static bool launched();
  /// How many mpirun started, by its own word, without joining them. REQUIRES: launched().
  [[nodiscard]] static int announced_count();
  /// Which of them this one is. REQUIRES: launched().
  [[nodiscard]] static int announced_rank();

  /// Joins the others. Error: internal, where MPI cannot be started.
  [[nodiscard]] static base::Result<Processes> join();
  Processes(Processes&& other) noexcept;
  Processes& operator=(Processes&&) = delete;
  /// Leaves, which waits for the others. After a fault, end the process without it.
  ~Processes();

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int count() const { return count_; }

 private:
  Processes(int rank, int count) : rank_(rank), count_(count) {}
  int rank_, count_;
  bool owns_ = true;
};

struct StageOptions {
  std::int64_t samples = 50;  ///< ≥ 1, that are measured
  std::int64_t warmup = 10;   ///< ≥ 1, before them
  int queue = 2;              ///< ≥ 1: samples that may wait before and behind a stage
  int threads = 1;            ///< that compute one operator together
  std::uint64_t seed = 1;     ///< of the values that the caller would give
  /// How long a stage may take for one sample, or to load its model.
  std::chrono::duration<double> patience{60};
  /// Called often while the stage is loading, waiting or has just computed, but not while it
  /// computes. Called from one thread; must not throw.
  std::function<void()> alive;
};

/// What one stage did, a sample on average over those that are measured.
struct StageTimes {
  base::Duration period{0};         ///< between the ends of two samples that follow one another
  base::Duration median_period{0};  ///< the same, the middle one instead of the average
  base::Duration compute{0};        ///< in ONNX Runtime
  base::Duration wait{0};           ///< until there was an input, or room for the output

  /// The time that the stage was not waiting: what a plan calls its load.
  [[nodiscard]] base::Duration load() const { return period - wait; }
};

/// Binds this thread, and those it starts from now on, to processor cores; none: to none. Error:
/// bad_input, where the machine or the process has no such core.
[[nodiscard]] base::Status bind_to_cores(std::span<const int> cores);

/// Runs stage `processes.rank()` of a pipeline whose files are in `folder`; the others run theirs.
/// Inputs of the caller are random, the same for every sample, and made where they are read;
/// outputs for the caller are dropped. One thread computes and one moves tensors.
///
/// Returns what all stages did [stages], in rank 0; nothing in the others. Errors: as Session::open
/// and Session::run; bad_input where the processes are not as many as the stages or a file is not
/// as the manifest says; limit, where a stage that this one needs has not delivered for so long
/// that a message must have been lost. Other processes still wait after an error: end this one.
[[nodiscard]] base::Result<std::vector<StageTimes>> run_stage(const model::Pipeline& pipeline,
                                                              const std::filesystem::path& folder,
                                                              const Processes& processes,
                                                              const StageOptions& options);

}  // namespace cleave::runtime
