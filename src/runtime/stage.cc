#include "cleave/runtime/stage.h"

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "cleave/runtime/session.h"
#include "runtime/exchange.h"
#include "runtime/sample_queue.h"

namespace cleave::runtime {
namespace {

using Clock = std::chrono::steady_clock;
using base::Duration;
using model::PipelineStage;
using model::PipelineTensor;

// Between looks at messages that have not come: longer and longer while nothing comes, because a
// look costs the core that computes some of its time.
constexpr std::chrono::microseconds kPause{50};
constexpr std::chrono::microseconds kLongestPause{1000};

bool is_as_declared(const Tensor& tensor, const PipelineTensor& declared) {
  return tensor.type == declared.type && tensor.shape == declared.shape;
}

/// Computes samples, one after another, in a thread of its own, and keeps the time.
class Worker {
 public:
  Worker(Session session, std::vector<Tensor> given, const PipelineStage& stage, std::size_t queue,
         std::int64_t samples)
      : session_(std::move(session)),
        inputs_(std::move(given)),
        given_(inputs_.size()),
        stage_(stage),
        samples_(samples),
        in_(queue),
        out_(queue) {
    thread_ = std::thread([this] { work(); });
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    stop();
    thread_.join();
  }

  SampleQueue& in() { return in_; }
  SampleQueue& out() { return out_; }
  [[nodiscard]] bool computes() const { return computing_; }
  [[nodiscard]] std::int64_t done() const { return done_; }
  [[nodiscard]] bool failed() const { return failed_; }
  /// REQUIRES: failed().
  [[nodiscard]] const base::Error& error() const { return *error_; }
  /// REQUIRES: all samples are done.
  [[nodiscard]] StageTimes times(std::int64_t warmup) const;

 private:
  struct Mark {  // at the end of a sample, since the thread began
    Clock::time_point end;
    Clock::duration computed, waited;
  };

  void stop() {
    in_.close();
    out_.close();
  }

  void work() {
    for (std::int64_t i = 0; i < samples_; ++i) {
      const auto asked = Clock::now();
      auto sample = in_.pop();
      if (!sample) return;
      waited_ += Clock::now() - asked;
      auto outputs = compute(std::move(*sample));
      if (!outputs) return fail(outputs.error());
      const auto full = Clock::now();
      if (!out_.push(std::move(outputs).value())) return;
      waited_ += Clock::now() - full;
    }
  }

  base::Result<std::vector<Tensor>> compute(std::vector<Tensor> received) {
    inputs_.resize(given_);
    std::move(received.begin(), received.end(), std::back_inserter(inputs_));
    const auto start = Clock::now();
    computing_ = true;
    auto outputs = session_.run(inputs_);
    computing_ = false;
    const auto end = Clock::now();
    if (!outputs) return outputs;
    computed_ += end - start;
    marks_.push_back({end, computed_, waited_});
    ++done_;
    return in_manifest_order(std::move(outputs).value());
  }

  base::Result<std::vector<Tensor>> in_manifest_order(std::vector<Tensor> outputs) const {
    std::vector<Tensor> ordered;
    for (const PipelineTensor& declared : stage_.outputs) {
      const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const Tensor& tensor) {
        return tensor.name == declared.name;
      });
      if (found == outputs.end() || !is_as_declared(*found, declared)) {
        return base::bad_input(fmt::format(
            "its output '{}' is not as the manifest says; split the model again", declared.name));
      }
      ordered.push_back(std::move(*found));
    }
    return ordered;
  }

  void fail(base::Error error) {
    error_ = std::move(error);
    failed_ = true;
  }

  Session session_;
  std::vector<Tensor> inputs_;  // the caller's, and after them those of the sample
  std::size_t given_;           // how many are the caller's
  const PipelineStage& stage_;
  std::int64_t samples_;
  SampleQueue in_, out_;
  std::vector<Mark> marks_;  // [samples done]
  Clock::duration computed_{0}, waited_{0};
  std::atomic<bool> computing_ = false;
  std::atomic<std::int64_t> done_ = 0;
  std::optional<base::Error> error_;
  std::atomic<bool> failed_ = false;
  std::thread thread_;
};

Duration mean(Clock::duration sum, std::int64_t count) {
  return std::chrono::duration_cast<Duration>(sum) / count;
}

StageTimes Worker::times(std::int64_t warmup) const {
  const Mark& first = marks_[static_cast<std::size_t>(warmup - 1)];
  const Mark& last = marks_.back();
  const std::int64_t count = samples_ - warmup;
  std::vector<Clock::duration> periods;
  for (auto i = static_cast<std::size_t>(warmup); i < marks_.size(); ++i) {
    periods.push_back(marks_[i].end - marks_[i - 1].end);
  }
  const auto middle = periods.begin() + static_cast<std::ptrdiff_t>(periods.size() / 2);
  std::nth_element(periods.begin(), middle, periods.end());
  return {mean(last.end - first.end, count), mean(*middle, 1),
          mean(last.computed - first.computed, count), mean(last.waited - first.waited, count)};
}

/// Moves a stage's samples between its worker and the other stages until all are done.
class Mover {
 public:
  Mover(Exchange exchange, Worker& worker, const StageOptions& options, std::int64_t samples,
        Clock::duration patience)
      : exchange_(std::move(exchange)),
        worker_(worker),
        options_(options),
        samples_(samples),
        patience_(patience) {}

  base::Status run() {
    if (auto started = exchange_.start_receiving(); !started) return started;
    while (sent_ < samples_) {
      if (worker_.failed()) return worker_.error();
      const auto moved = move();
      if (!moved) return moved.error();
      note_progress(*moved);
      pause_ = *moved ? kPause : std::min(2 * pause_, kLongestPause);
      if (*moved) continue;
      if (Clock::now() - last_progress_ > patience_) {
        return base::Error{base::ErrorCode::limit,
                           fmt::format("has waited for {} for {:.0f} s", exchange_.missing(),
                                       std::chrono::duration<double>(patience_).count()),
                           {}};
      }
      std::this_thread::sleep_for(pause_);
    }
    return std::monostate{};
  }

 private:
  // Whether anything has moved.
  base::Result<bool> move() {
    auto in = move_in();
    if (!in) return in;
    auto out = move_out();
    if (!out) return out;
    return *in || *out;
  }

  base::Result<bool> move_in() {
    if (received_ == samples_ || !worker_.in().has_room()) return false;
    auto sample = exchange_.try_take();
    if (!sample) return sample.error();
    if (!sample->has_value()) return false;
    worker_.in().push(std::move(**sample));
    if (++received_ < samples_) {
      if (auto started = exchange_.start_receiving(); !started) return started.error();
    }
    return true;
  }

  base::Result<bool> move_out() {
    auto sent = exchange_.has_sent();
    if (!sent || !*sent) return sent;
    sent_ = taken_;
    auto sample = worker_.out().try_pop();
    if (!sample) return false;
    ++taken_;
    if (auto started = exchange_.start_sending(std::move(*sample)); !started) {
      return started.error();
    }
    return true;
  }

  // A stage that computes says nothing, so that one that never ends is noticed.
  void note_progress(bool moved) {
    const std::int64_t done = worker_.done();
    const bool computes = worker_.computes();
    if (moved || computes || done != done_) last_progress_ = Clock::now();
    if (options_.alive && (!computes || done != done_)) options_.alive();
    done_ = done;
  }

  Exchange exchange_;
  Worker& worker_;
  const StageOptions& options_;
  std::int64_t samples_;
  Clock::duration patience_;
  std::int64_t received_ = 0, taken_ = 0, sent_ = 0, done_ = 0;
  Clock::time_point last_progress_ = Clock::now();
  std::chrono::microseconds pause_ = kPause;
};

// The values that the caller would give, as the manifest describes them.
base::Result<std::vector<Tensor>> make_given(const PipelineStage& stage, std::uint64_t seed) {
  std::vector<Port> ports;
  for (const PipelineTensor& input : stage.inputs) {
    if (!input.source) ports.push_back({input.name, input.type, input.shape});
  }
  return random_tensors(ports, seed);
}

// Waits for all processes, which load their models meanwhile.
base::Status meet(const StageOptions& options) {
  MPI_Request request = MPI_REQUEST_NULL;
  if (auto started = check_mpi(MPI_Ibarrier(MPI_COMM_WORLD, &request)); !started) return started;
  for (int all = 0; all == 0; std::this_thread::sleep_for(kPause)) {
    if (auto tested = check_mpi(MPI_Test(&request, &all, MPI_STATUS_IGNORE)); !tested)
      return tested;
    if (options.alive) options.alive();
  }
  return std::monostate{};
}

// [stages] in rank 0, nothing elsewhere.
base::Result<std::vector<StageTimes>> gather(const StageTimes& own, const Processes& processes) {
  const std::array<std::int64_t, 4> numbers{own.period.count(), own.median_period.count(),
                                            own.compute.count(), own.wait.count()};
  std::vector<std::array<std::int64_t, 4>> all(
      processes.rank() == 0 ? static_cast<std::size_t>(processes.count()) : 0);
  auto gathered = check_mpi(
      MPI_Gather(numbers.data(), 4, MPI_INT64_T, all.data(), 4, MPI_INT64_T, 0, MPI_COMM_WORLD));
  if (!gathered) return gathered.error();
  std::vector<StageTimes> times;
  for (const auto& [period, median, compute, wait] : all) {
    times.push_back({Duration(period), Duration(median), Duration(compute), Duration(wait)});
  }
  return times;
}

}  // namespace

base::Result<std::vector<StageTimes>> run_stage(const model::Pipeline& pipeline,
                                                const std::filesystem::path& folder,
                                                const Processes& processes,
                                                const StageOptions& options) {
  if (static_cast<std::size_t>(processes.count()) != pipeline.stages.size()) {
    return base::bad_input(fmt::format("there are {} stages, but {} processes; start one for each",
                                       pipeline.stages.size(), processes.count()));
  }
  const auto index = static_cast<std::size_t>(processes.rank());
  const PipelineStage& stage = pipeline.stages[index];
  if (options.alive) options.alive();
  auto exchange = Exchange::create(pipeline, index);
  if (!exchange) return exchange.error();
  auto given = make_given(stage, options.seed);
  if (!given) return given.error();
  auto session = Session::open(folder / stage.file, {.threads = options.threads});
  if (!session) return session.error();
  if (auto met = meet(options); !met) return met.error();

  const std::int64_t samples = options.warmup + options.samples;
  Worker worker(std::move(session).value(), std::move(given).value(), stage,
                static_cast<std::size_t>(options.queue), samples);
  // Each stage before this one may take its time for a sample, one after another.
  const auto patience = std::chrono::duration_cast<Clock::duration>(
      options.patience * (2.0 + static_cast<double>(processes.count())));
  auto moved = Mover(std::move(exchange).value(), worker, options, samples, patience).run();
  if (!moved) return moved.error();
  if (auto met = meet(options); !met) return met.error();
  return gather(worker.times(options.warmup), processes);
}

}  // namespace cleave::runtime
