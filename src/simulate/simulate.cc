#include "cleave/simulate/simulate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "simulate/engine.h"
#include "simulate/memory.h"
#include "simulate/one_sample.h"
#include "simulate/program.h"
#include "simulate/sequence.h"
#include "simulate/stays.h"
#include "simulate/weights.h"

namespace cleave::simulate {

using base::Duration;
using base::OperatorId;
using model::Phase;
using model::Plan;
using model::Problem;

namespace {

bool has_flush(Schedule schedule) {
  return schedule == Schedule::gpipe || schedule == Schedule::flush;
}
bool has_batches(Schedule schedule) { return has_flush(schedule) || schedule == Schedule::two_bw; }

// The simulation that is asked for, with every choice made.
struct Setup {
  Program program;
  Sequence sequence;
  Schedule schedule = Schedule::inference;
  std::int64_t micro_batches = 0;
  std::int64_t batch = 0;
};

base::Status check_options(const Options& options) {
  if (!(options.jitter >= 0.0 && options.jitter < 1.0)) {
    return base::bad_input(
        fmt::format("the jitter is {}; it must be at least 0 and below 1", options.jitter));
  }
  if (options.bus && *options.bus < 1) {
    return base::bad_input(
        fmt::format("the bus carries {} transfers; it must carry at least 1", *options.bus));
  }
  for (const auto& number : {options.micro_batches, options.batch}) {
    if (number && (*number < 1 || *number > kMaxSlices)) {
      return base::bad_input(fmt::format("{} micro-batches are asked for; there must be 1 to {}",
                                         *number, kMaxSlices));
    }
  }
  return std::monostate{};
}

base::Status check_schedule(const Problem& problem, Schedule schedule, const Program& program) {
  if (schedule == Schedule::inference && problem.graph().has_backward()) {
    return base::bad_input("the graph has backward operators; inference has no use for them");
  }
  if (schedule == Schedule::gpipe && program.num_waves > 2) {
    return base::bad_input(
        fmt::format("a sample passes forward and backward {} times by this plan; gpipe "
                    "has one forward and one backward pass",
                    program.num_waves));
  }
  return std::monostate{};
}

base::Status choose_counts(const Problem& problem, const Options& options, Setup& setup) {
  const std::int64_t depth = setup.sequence.depth;
  if (has_batches(setup.schedule)) {
    const auto& stages = problem.question().stages;
    setup.batch = options.batch.value_or(stages ? stages->micro_batches : 2 * depth);
    setup.micro_batches = options.micro_batches.value_or(4 * setup.batch);
    if (setup.micro_batches % setup.batch != 0) {
      return base::bad_input(fmt::format("{} micro-batches are no whole number of batches of {}",
                                         setup.micro_batches, setup.batch));
    }
    for (const Task& task : setup.program.tasks) {
      const auto replicas = static_cast<std::int64_t>(task.workers.size());
      if (setup.batch % replicas == 0) continue;
      return base::bad_input(fmt::format(
          "{} devices share a stage and cannot share a batch of {} micro-batches evenly", replicas,
          setup.batch));
    }
  } else {
    setup.micro_batches = options.micro_batches.value_or(8 * depth);
  }
  if (setup.schedule == Schedule::two_bw && setup.batch < depth) {
    return base::bad_input(fmt::format(
        "2bw keeps two versions of the weights, so a batch needs as many micro-batches as are in "
        "the pipeline at once: at least {}, and it has {}",
        depth, setup.batch));
  }
  const auto tasks = static_cast<std::int64_t>(setup.program.tasks.size());
  if (setup.micro_batches > kMaxSlices / tasks) {
    return base::bad_input(fmt::format("{} micro-batches of {} activities each are more than {}",
                                       setup.micro_batches, tasks, kMaxSlices));
  }
  Duration work{0};
  for (const Task& task : setup.program.tasks) work += task.duration;
  const double most = static_cast<double>(work.count()) * (1 + options.jitter) *
                      static_cast<double>(setup.micro_batches);
  if (most > static_cast<double>(base::kMaxDuration.count())) {
    return base::bad_input(
        fmt::format("{} micro-batches take longer than can be counted: {} ms "
                    "at most",
                    setup.micro_batches, base::to_ms(base::kMaxDuration)));
  }
  return std::monostate{};
}

base::Result<Setup> set_up(const Problem& problem, const Plan& plan, const Options& options) {
  if (!plan.has_placement()) return base::bad_input("the plan has no placement to simulate");
  if (auto status = check_options(options); !status) return status.error();
  auto program = write_program(problem, plan);
  if (!program) return program.error();
  Setup setup;
  setup.program = std::move(program).value();
  setup.schedule = options.schedule.value_or(problem.schedule());
  if (auto status = check_schedule(problem, setup.schedule, setup.program); !status) {
    return status.error();
  }
  const bool alternates =
      setup.schedule != Schedule::inference && setup.schedule != Schedule::gpipe;
  setup.sequence = alternates && is_plain_pipeline(setup.program)
                       ? in_textbook_order(setup.program, problem.transfers())
                       : in_rounds(setup.program, problem.transfers());
  if (auto status = choose_counts(problem, options, setup); !status) return status.error();
  return setup;
}

// Parts of the simulation that follow one another without overlap.
std::vector<Block> make_blocks(const Setup& setup) {
  const bool flush = has_flush(setup.schedule);
  const std::int64_t size = flush ? setup.batch : setup.micro_batches;
  std::vector<Block> blocks;
  for (std::int64_t first = 0; first < setup.micro_batches; first += size) {
    if (setup.schedule != Schedule::gpipe) {
      blocks.push_back({first, size, setup.sequence.depth, {}});
      continue;
    }
    for (const Phase phase : {Phase::forward, Phase::backward}) {
      blocks.push_back({first, size, size, phase});
    }
  }
  return blocks;
}

// In [0, 1), the same for the same arguments (SplitMix64).
double noise(std::uint64_t seed, OperatorId op, std::int64_t micro_batch) {
  const auto mix = [](std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
  };
  const std::uint64_t bits =
      mix(mix(mix(seed) + op.index()) + static_cast<std::uint64_t>(micro_batch));
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

// An operator's run takes the same time under every schedule, so that schedules can be compared.
Durations make_durations(const Problem& problem, const Program& program, const Options& options) {
  if (options.jitter == 0.0) {
    return [&program](std::size_t task, std::int64_t) { return program.tasks[task].duration; };
  }
  return [&](std::size_t t, std::int64_t micro_batch) {
    const Task& task = program.tasks[t];
    if (task.activity != Activity::compute) return task.duration;
    Duration sum = task.fixed;
    for (const OperatorId op : task.operators) {
      const auto time = problem.time(op, problem.machine().class_of(task.workers.front().device));
      const double factor = 1 + options.jitter * (2 * noise(options.seed, op, micro_batch) - 1);
      sum += Duration(std::llround(static_cast<double>(time->count()) * factor));
    }
    return sum;
  };
}

// Whether replicas have versions of their own: they do where each micro-batch makes one.
bool versions_by_device(const Setup& setup) {
  return setup.schedule == Schedule::one_f_one_b &&
         std::any_of(setup.program.tasks.begin(), setup.program.tasks.end(),
                     [](const Task& task) { return task.workers.size() > 1; });
}

// Fills versions, and returns how many of each stage's weights were alive at one time: [stages].
base::Result<std::vector<int>> fill_versions(const Setup& setup, Timeline& timeline) {
  const bool by_device = versions_by_device(setup);
  const auto owner = [&](const Task& task, const Worker& worker) {
    return by_device ? worker.device.index() : std::size_t{task.stage};
  };
  std::vector<TrainedStage> owners(by_device ? timeline.devices.size() : setup.program.num_stages);
  for (const Task& task : setup.program.tasks) {
    if (task.activity != Activity::compute) continue;
    for (const Worker& worker : by_device ? task.workers : std::vector{task.workers.front()}) {
      ++owners[owner(task, worker)].computations;
      if (task.phase == Phase::backward) owners[owner(task, worker)].updates = true;
    }
  }
  const auto alive = track_weights(owners, setup.schedule, setup.batch, timeline.slices, by_device);
  if (!alive) return alive.error();
  std::vector<int> of_stage(setup.program.num_stages, 0);
  for (const Task& task : setup.program.tasks) {
    for (const Worker& worker : task.workers) {
      const int versions = (*alive)[owner(task, worker)];
      int& most = timeline.devices[worker.device.index()].versions;
      most = std::max(most, versions);
      of_stage[task.stage] = std::max(of_stage[task.stage], versions);
    }
  }
  return of_stage;
}

// Most stays that hold a common point; an end does not meet a beginning.
int most_at_once(const std::vector<Stay>& stays) {
  std::vector<Duration> begins;
  std::vector<Duration> ends;
  for (const Stay& stay : stays) {
    begins.push_back(stay.begin);
    ends.push_back(stay.end);
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  std::size_t ended = 0;
  std::size_t most = 0;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    while (ended < i && ends[ended] <= begins[i]) ++ended;
    most = std::max(most, i + 1 - ended);
  }
  return static_cast<int>(most);
}

// From the slices of one device, by start.
void fill_use(const std::vector<const Slice*>& slices, DeviceUse& use) {
  Duration covered{0};
  for (const Slice* slice : slices) {
    const Duration length = slice->end - slice->start;
    if (slice->activity == Activity::in) use.in += length;
    if (slice->activity == Activity::compute) use.compute += length;
    if (slice->activity == Activity::out) use.out += length;
    use.busy += std::max(slice->end - std::max(slice->start, covered), Duration::zero());
    covered = std::max(covered, slice->end);
  }
  use.in_flight = most_at_once(find_stays(slices));
}

void fill_uses(Timeline& timeline) {
  std::vector<std::vector<const Slice*>> slices_of(timeline.devices.size());
  for (const Slice& slice : timeline.slices) slices_of[slice.device.index()].push_back(&slice);
  for (std::size_t d = 0; d < slices_of.size(); ++d) fill_use(slices_of[d], timeline.devices[d]);
}

Rate measure_rate(const Timeline& timeline) {
  const std::int64_t n = timeline.micro_batches;
  if (has_flush(timeline.schedule) || n < 4 * timeline.depth) return {timeline.makespan, n};
  std::vector<Duration> left(static_cast<std::size_t>(n), Duration::zero());
  for (const Slice& slice : timeline.slices) {
    Duration& last = left[static_cast<std::size_t>(slice.micro_batch - 1)];
    last = std::max(last, slice.end);
  }
  std::sort(left.begin(), left.end());
  const std::int64_t from = n / 2;
  const std::int64_t to = n - timeline.depth;
  return {left[static_cast<std::size_t>(to - 1)] - left[static_cast<std::size_t>(from - 1)],
          to - from};
}

}  // namespace

std::optional<Schedule> find_schedule(std::string_view name) {
  for (const Schedule schedule : {Schedule::inference, Schedule::gpipe, Schedule::one_f_one_b,
                                  Schedule::flush, Schedule::two_bw}) {
    if (to_string(schedule) == name) return schedule;
  }
  return std::nullopt;
}

namespace {

base::Result<Timeline> simulate_one_sample(const Problem& problem, const Plan& plan,
                                           const Options& options) {
  if (!plan.has_placement()) return base::bad_input("the plan has no placement to simulate");
  if (options.schedule || options.micro_batches || options.batch || options.bus ||
      options.jitter != 0.0) {
    return base::bad_input(
        "the plan is for one sample alone: schedule, micro-batches, batch, jitter and bus do not "
        "apply");
  }
  auto slices = run_one_sample(problem, plan);
  if (!slices) return slices.error();
  Timeline timeline;
  timeline.micro_batches = 1;
  timeline.depth = 1;
  timeline.slices = std::move(slices).value();
  timeline.devices.resize(problem.machine().num_devices());
  for (const Slice& slice : timeline.slices) {
    timeline.makespan = std::max(timeline.makespan, slice.end);
  }
  fill_uses(timeline);
  timeline.rate = {timeline.makespan, 1};
  return timeline;
}

}  // namespace

base::Result<Timeline> simulate(const Problem& problem, const Plan& plan, const Options& options) {
  if (problem.question().objective == model::Objective::latency) {
    return simulate_one_sample(problem, plan, options);
  }
  const auto setup = set_up(problem, plan, options);
  if (!setup) return setup.error();

  Timeline timeline;
  timeline.schedule = setup->schedule;
  timeline.micro_batches = setup->micro_batches;
  timeline.batch = setup->batch;
  timeline.depth = setup->sequence.depth;
  timeline.devices.resize(problem.machine().num_devices());
  timeline.slices.reserve(setup->program.tasks.size() *
                          static_cast<std::size_t>(setup->micro_batches));
  const Durations durations = make_durations(problem, setup->program, options);
  for (const Block& block : make_blocks(*setup)) {
    timeline.makespan = run_block(setup->program, setup->sequence, block, options.bus, durations,
                                  timeline.makespan, timeline.slices);
  }
  const auto versions = fill_versions(*setup, timeline);
  if (!versions) return versions.error();
  fill_uses(timeline);
  fill_memory(problem, plan, *versions, timeline);
  timeline.rate = measure_rate(timeline);
  return timeline;
}

}  // namespace cleave::simulate
