#include "simulate/engine.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <queue>
#include <tuple>

namespace cleave::simulate {

using base::Duration;

namespace {

// A task of a micro-batch of the block (from 0).
struct Run {
  std::uint32_t task = 0;
  std::uint32_t sample = 0;
};

class Engine {
 public:
  Engine(const Program& program, const Sequence& sequence, const Block& block,
         std::optional<int> bus, const Durations& durations, std::vector<Slice>& slices)
      : program_(program),
        block_(block),
        durations_(durations),
        slices_(slices),
        dependents_(program.tasks.size()),
        missing_(program.tasks.size() * count()),
        queues_(program.num_resources),
        bus_room_(bus) {
    connect();
    fill_queues(sequence);
  }

  Duration run(Duration start) {
    now_ = start;
    while (admitted_ < std::min(block_.depth, block_.count)) admit();
    for (std::uint32_t r = 0; r < queues_.size(); ++r) try_start(r);
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.time;
      finish(event);
    }
    assert(std::all_of(queues_.begin(), queues_.end(),
                       [](const Queue& queue) { return queue.next == queue.runs.size(); }));
    return now_;
  }

 private:
  struct Event {
    Duration time;
    std::uint64_t number;  // of the start: simultaneous ends are taken in this order
    std::uint32_t resource;
    Run run;

    friend bool operator>(const Event& a, const Event& b) {
      return std::tie(a.time, a.number) > std::tie(b.time, b.number);
    }
  };
  struct Queue {
    std::vector<Run> runs;
    std::size_t next = 0;
    bool busy = false;  // with a task, or waiting for the bus with one
  };

  // Which samples of the block are a worker's.
  struct Turns {
    std::int64_t first = 0;
    std::int64_t every = 1;

    [[nodiscard]] std::int64_t count(std::int64_t samples) const {
      return first >= samples ? 0 : (samples - 1 - first) / every + 1;
    }
    [[nodiscard]] std::uint32_t sample(std::int64_t k) const {
      return static_cast<std::uint32_t>(first + every * k);
    }
  };

  [[nodiscard]] std::uint32_t resource_of(Run run) const {
    return program_.tasks[run.task].worker(block_.first + run.sample).resource;
  }
  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(block_.count); }
  [[nodiscard]] bool takes_part(const Task& task) const {
    return !block_.phase || task.phase == *block_.phase;
  }
  std::uint32_t& missing(Run run) {
    return missing_[run.sample * program_.tasks.size() + run.task];
  }

  // A task waits for its needs and for its micro-batch to be let in.
  void connect() {
    for (std::uint32_t t = 0; t < program_.tasks.size(); ++t) {
      const Task& task = program_.tasks[t];
      if (!takes_part(task)) continue;
      members_.push_back(t);
      std::uint32_t needs = 1;
      for (const std::uint32_t need : task.needs) {
        if (!takes_part(program_.tasks[need])) continue;
        dependents_[need].push_back(t);
        ++needs;
      }
      for (std::uint32_t k = 0; k < count(); ++k) missing({t, k}) = needs;
    }
    unfinished_.assign(count(), static_cast<std::uint32_t>(members_.size()));
  }

  void fill_queues(const Sequence& sequence) {
    std::vector<std::vector<std::uint32_t>> tasks_of(queues_.size());
    std::vector<Turns> turns(queues_.size());
    for (const std::uint32_t t : members_) {
      const auto& workers = program_.tasks[t].workers;
      const auto r = static_cast<std::int64_t>(workers.size());
      for (std::int64_t i = 0; i < r; ++i) {
        const std::uint32_t resource = workers[static_cast<std::size_t>(i)].resource;
        tasks_of[resource].push_back(t);
        // The first micro-batch of the block that is its own, and each r-th after it.
        turns[resource] = {((i - block_.first) % r + r) % r, r};
      }
    }
    for (std::size_t r = 0; r < queues_.size(); ++r) {
      auto& tasks = tasks_of[r];
      if (tasks.empty()) continue;
      std::stable_sort(tasks.begin(), tasks.end(), [&](std::uint32_t a, std::uint32_t b) {
        return sequence.turns[a] > sequence.turns[b];
      });
      const std::int64_t stride = sequence.stride;
      const std::int64_t own = turns[r].count(block_.count);
      if (own == 0) continue;
      const std::int64_t last = stride * (own - 1) + sequence.turns[tasks.front()];
      queues_[r].runs.reserve(tasks.size() * static_cast<std::size_t>(own));
      for (std::int64_t turn = sequence.turns[tasks.back()]; turn <= last; ++turn) {
        for (const std::uint32_t t : tasks) {
          const std::int64_t behind = turn - sequence.turns[t];
          if (behind < 0 || behind % stride != 0 || behind / stride >= own) continue;
          queues_[r].runs.push_back({t, turns[r].sample(behind / stride)});
        }
      }
    }
  }

  void admit() {
    const auto sample = static_cast<std::uint32_t>(admitted_++);
    for (const std::uint32_t t : members_) --missing({t, sample});
  }

  void try_start(std::uint32_t resource) {
    Queue& queue = queues_[resource];
    if (queue.busy || queue.next == queue.runs.size()) return;
    if (missing(queue.runs[queue.next]) > 0) return;
    queue.busy = true;
    if (!needs_bus(queue.runs[queue.next])) return start(resource);
    if (*bus_room_ == 0) return bus_queue_.push_back(resource);
    --*bus_room_;
    start(resource);
  }

  [[nodiscard]] bool needs_bus(Run run) const {
    return bus_room_ && program_.tasks[run.task].activity != Activity::compute;
  }

  void start(std::uint32_t resource) {
    Queue& queue = queues_[resource];
    const Run run = queue.runs[queue.next++];
    const Task& task = program_.tasks[run.task];
    const std::int64_t micro_batch = block_.first + run.sample;
    Slice slice;
    slice.start = now_;
    slice.end = now_ + durations_(run.task, micro_batch);
    slice.device = task.worker(micro_batch).device;
    slice.stage = static_cast<std::int32_t>(task.stage);
    slice.micro_batch = static_cast<std::int32_t>(micro_batch + 1);
    slice.phase = task.phase;
    slice.activity = task.activity;
    slices_.push_back(slice);
    events_.push({slice.end, started_++, resource, run});
  }

  void finish(const Event& event) {
    queues_[event.resource].busy = false;
    if (needs_bus(event.run)) free_bus();
    for (const std::uint32_t t : dependents_[event.run.task]) {
      const Run waiting{t, event.run.sample};
      if (--missing(waiting) == 0) try_start(resource_of(waiting));
    }
    if (--unfinished_[event.run.sample] == 0) leave();
    try_start(event.resource);
  }

  void free_bus() {
    if (bus_queue_.empty()) {
      ++*bus_room_;
      return;
    }
    const std::uint32_t resource = bus_queue_.front();
    bus_queue_.pop_front();
    start(resource);
  }

  // A micro-batch enters when all but the last depth − 1 before it have left.
  void leave() {
    while (left_ < block_.count && unfinished_[static_cast<std::size_t>(left_)] == 0) {
      ++left_;
      if (admitted_ == block_.count) continue;
      admit();
      const auto sample = static_cast<std::uint32_t>(admitted_ - 1);
      for (const std::uint32_t t : members_) try_start(resource_of({t, sample}));
    }
  }

  const Program& program_;
  const Block& block_;
  const Durations& durations_;
  std::vector<Slice>& slices_;
  std::vector<std::uint32_t> members_;                  // tasks that take part
  std::vector<std::vector<std::uint32_t>> dependents_;  // [tasks]
  std::vector<std::uint32_t> missing_;     // [samples × tasks]: what it still waits for
  std::vector<std::uint32_t> unfinished_;  // [samples]: tasks
  std::vector<Queue> queues_;              // [resources]
  std::optional<int> bus_room_;
  std::deque<std::uint32_t> bus_queue_;  // resources
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::int64_t admitted_ = 0;
  std::int64_t left_ = 0;
  std::uint64_t started_ = 0;
  Duration now_{0};
};

}  // namespace

Duration run_block(const Program& program, const Sequence& sequence, const Block& block,
                   std::optional<int> bus, const Durations& durations, Duration start,
                   std::vector<Slice>& slices) {
  return Engine(program, sequence, block, bus, durations, slices).run(start);
}

}  // namespace cleave::simulate
