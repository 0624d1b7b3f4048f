#include "simulate/one_sample.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

namespace cleave::simulate {

using base::ClassId;
using base::DeviceId;
using base::Duration;
using base::OperatorId;
using base::TensorId;
using model::Graph;
using model::Plan;
using model::Problem;

namespace {

// What runs without interruption: a call, or one operator of a pool.
struct Job {
  DeviceId device;
  std::int32_t stage = 0;
  std::vector<OperatorId> operators;
  Duration in{0};
  Duration compute{0};
  Duration out{0};
  std::size_t missing = 0;  // uses of tensors that are not there yet
};

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

// The plan's jobs in the order of its row.
class Jobs {
 public:
  Jobs(const Problem& problem, const Plan& plan)
      : problem_(problem), job_of_(problem.graph().num_operators(), kNone) {
    for (std::size_t s = 0; s < plan.stages.size(); ++s) {
      const model::Stage& stage = plan.stages[s];
      const bool pool = problem.machine().is_pool(stage.device);
      for (std::size_t i = 0; i < stage.operators.size(); ++i) {
        if (pool || i == 0) {
          jobs_.push_back({stage.device, static_cast<std::int32_t>(s), {}, {}, {}, {}, 0});
        }
        add(stage.operators[i]);
      }
    }
    for (std::size_t x = 0; x < problem.graph().num_tensors(); ++x) book(TensorId(x));
  }

  [[nodiscard]] bool sound() const {
    return sound_ && std::find(job_of_.begin(), job_of_.end(), kNone) == job_of_.end();
  }
  [[nodiscard]] std::vector<Job>& jobs() { return jobs_; }
  [[nodiscard]] std::size_t job_of(OperatorId op) const { return job_of_[op.index()]; }

 private:
  void add(OperatorId op) {
    Job& job = jobs_.back();
    const auto time = problem_.time(op, problem_.machine().class_of(job.device));
    sound_ = sound_ && time && job_of_[op.index()] == kNone;
    job_of_[op.index()] = jobs_.size() - 1;
    job.operators.push_back(op);
    job.compute += time.value_or(Duration::zero());
  }

  // Who sends a tensor, who receives it, and who waits for it.
  void book(TensorId tensor) {
    const Graph& graph = problem_.graph();
    const std::size_t home = job_of(graph.producer(tensor));
    if (home == kNone) return;
    std::vector<std::size_t> receivers;
    for (const OperatorId consumer : graph.consumers(tensor)) {
      const std::size_t job = job_of(consumer);
      if (job == home || job == kNone) continue;
      ++jobs_[job].missing;
      receivers.push_back(job);
    }
    std::sort(receivers.begin(), receivers.end());
    receivers.erase(std::unique(receivers.begin(), receivers.end()), receivers.end());
    for (const std::size_t job : receivers) jobs_[job].in += price(tensor, jobs_[job].device);
    if (!receivers.empty()) jobs_[home].out += price(tensor, jobs_[home].device);
  }

  [[nodiscard]] Duration price(TensorId tensor, DeviceId device) const {
    return problem_.transfer(tensor, problem_.machine().class_of(device));
  }

  const Problem& problem_;
  std::vector<Job> jobs_;
  std::vector<std::size_t> job_of_;  // [operators]
  bool sound_ = true;
};

class Run {
 public:
  Run(const Problem& problem, Jobs& jobs)
      : problem_(problem),
        jobs_(jobs),
        queue_(problem.machine().num_devices()),
        running_(problem.machine().num_devices(), 0) {
    for (std::size_t j = 0; j < jobs.jobs().size(); ++j) {
      queue_[jobs.jobs()[j].device.index()].push_back(j);
    }
  }

  // False where something never gets to run.
  bool run() {
    for (std::size_t d = 0; d < queue_.size(); ++d) dispatch(DeviceId(d));
    while (!ends_.empty()) {
      const auto [time, job] = ends_.top();
      ends_.pop();
      now_ = time;
      finish(job);
    }
    return std::all_of(queue_.begin(), queue_.end(),
                       [](const auto& queue) { return queue.empty(); });
  }
  std::vector<Slice> slices() && { return std::move(slices_); }

 private:
  using End = std::pair<Duration, std::size_t>;

  // Starts what the device can start now. Jobs take turns, but where a pool has no limit.
  void dispatch(DeviceId device) {
    std::deque<std::size_t>& queue = queue_[device.index()];
    const bool pool = problem_.machine().is_pool(device);
    if (pool && !problem_.question().workers) {
      std::deque<std::size_t> waiting;
      for (const std::size_t job : queue) {
        if (jobs_.jobs()[job].missing > 0) {
          waiting.push_back(job);
        } else {
          start(job);
        }
      }
      queue = std::move(waiting);
      return;
    }
    const int most = pool ? *problem_.question().workers : 1;
    while (!queue.empty() && running_[device.index()] < most &&
           jobs_.jobs()[queue.front()].missing == 0) {
      start(queue.front());
      queue.pop_front();
    }
  }

  void start(std::size_t j) {
    const Job& job = jobs_.jobs()[j];
    ++running_[job.device.index()];
    const Duration end = now_ + length(job);
    Duration computing = now_;
    if (problem_.transfers() == model::Transfers::serial) computing += job.in;
    note(job, Activity::in, now_, job.in);
    note(job, Activity::compute, computing, job.compute);
    note(job, Activity::out, end - job.out, job.out);
    ends_.emplace(end, j);
  }

  [[nodiscard]] Duration length(const Job& job) const {
    switch (problem_.transfers()) {
      case model::Transfers::serial:
        break;
      case model::Transfers::half_duplex:
        return std::max(job.compute, job.in + job.out);
      case model::Transfers::full_duplex:
        return std::max({job.in, job.compute, job.out});
    }
    return job.in + job.compute + job.out;
  }

  void note(const Job& job, Activity activity, Duration start, Duration length) {
    if (length == Duration::zero() && activity != Activity::compute) return;
    Slice slice;
    slice.start = start;
    slice.end = start + length;
    slice.device = job.device;
    slice.stage = job.stage;
    slice.phase = problem_.graph().phase(job.operators.front());
    slice.activity = activity;
    slices_.push_back(slice);
  }

  void finish(std::size_t j) {
    const Job& job = jobs_.jobs()[j];
    --running_[job.device.index()];
    std::vector<DeviceId> concerned{job.device};
    for (const OperatorId op : job.operators) {
      for (const TensorId tensor : problem_.graph().outputs(op)) {
        for (const OperatorId consumer : problem_.graph().consumers(tensor)) {
          const std::size_t receiver = jobs_.job_of(consumer);
          if (receiver == j) continue;
          Job& waiting = jobs_.jobs()[receiver];
          if (--waiting.missing == 0) concerned.push_back(waiting.device);
        }
      }
    }
    std::sort(concerned.begin(), concerned.end());
    concerned.erase(std::unique(concerned.begin(), concerned.end()), concerned.end());
    for (const DeviceId device : concerned) dispatch(device);
  }

  const Problem& problem_;
  Jobs& jobs_;
  std::vector<std::deque<std::size_t>> queue_;  // [devices]: jobs that have not started
  std::vector<int> running_;                    // [devices]
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  Duration now_{0};
  std::vector<Slice> slices_;
};

}  // namespace

base::Result<std::vector<Slice>> run_one_sample(const Problem& problem, const Plan& plan) {
  Jobs jobs(problem, plan);
  if (!jobs.sound()) {
    return base::bad_input(
        "the stages are not of this problem: each operator is in one, on a "
        "device that supports it");
  }
  Run run(problem, jobs);
  if (!run.run()) return base::bad_input("the plan's stages wait for one another for ever");
  std::vector<Slice> slices = std::move(run).slices();
  std::stable_sort(slices.begin(), slices.end(),
                   [](const Slice& a, const Slice& b) { return a.start < b.start; });
  return slices;
}

}  // namespace cleave::simulate
