#include "cleave/simulate/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "simulate/stays.h"

namespace cleave::simulate {

using base::DeviceId;
using base::Duration;

namespace {

std::string quote(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string microseconds(Duration time) {
  return fmt::format("{}.{:06}", time.count() / 1'000'000, time.count() % 1'000'000);
}

std::string_view name_of(Activity activity) {
  switch (activity) {
    case Activity::in:
      return "in";
    case Activity::compute:
      return "compute";
    case Activity::out:
      return "out";
  }
  return "";
}

constexpr int kLanes = 100;

int thread_of(Activity activity) { return static_cast<int>(activity) + 1; }

class Writer {
 public:
  std::string write(const model::Problem& problem, const Timeline& timeline) && {
    std::map<DeviceId, std::vector<const Slice*>> devices;
    for (const Slice& slice : timeline.slices) devices[slice.device].push_back(&slice);
    for (const auto& [device, slices] : devices) {
      name_process(problem.machine().device_name(device), device);
      const bool pool = problem.machine().is_pool(device);
      std::vector<Duration> lanes;  // until when they are busy: a pool computes many at a time
      for (const Slice* slice : slices) {
        add(*slice, timeline.schedule, pool ? take_lane(*slice, lanes) : 0);
      }
      count_in_flight(device, slices);
    }
    return "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [" + std::move(events_) + "\n]}\n";
  }

 private:
  void begin_event() { events_ += events_.empty() ? "\n" : ",\n"; }
  static std::int32_t process_of(DeviceId device) { return device.value() + 1; }

  void name_process(const std::string& name, DeviceId device) {
    const std::int32_t process = process_of(device);
    const auto out = std::back_inserter(events_);
    begin_event();
    fmt::format_to(out,
                   R"({{"ph": "M", "name": "process_name", "pid": {}, "args": {{"name": {}}}}})",
                   process, quote(name));
    begin_event();
    fmt::format_to(
        out,
        R"({{"ph": "M", "name": "process_sort_index", "pid": {0}, "args": {{"sort_index": {0}}}}})",
        process);
    for (const Activity activity : {Activity::in, Activity::compute, Activity::out}) {
      begin_event();
      fmt::format_to(
          out,
          R"({{"ph": "M", "name": "thread_name", "pid": {}, "tid": {}, "args": {{"name": "{}"}}}})",
          process, thread_of(activity), name_of(activity));
    }
  }

  static int take_lane(const Slice& slice, std::vector<Duration>& lanes) {
    const auto free = std::find_if(lanes.begin(), lanes.end(),
                                   [&](Duration busy_until) { return busy_until <= slice.start; });
    const auto lane = static_cast<int>(free - lanes.begin());
    if (free == lanes.end()) {
      lanes.push_back(slice.end);
    } else {
      *free = slice.end;
    }
    return lane;
  }

  // A lane is a thread of its own after those of the activities; lane 0 is the activity's.
  void add(const Slice& slice, Schedule schedule, int lane) {
    const bool forward = slice.phase == model::Phase::forward;
    const bool trains = schedule != Schedule::inference && slice.activity == Activity::compute;
    begin_event();
    fmt::format_to(
        std::back_inserter(events_),
        R"({{"ph": "X", "name": "{} {}", "cat": "{}", "pid": {}, "tid": {}, "ts": {}, "dur": {}, )"
        R"("args": {{"micro_batch": {}, "stage": {}{}}}}})",
        forward ? "forward" : "backward", slice.micro_batch, name_of(slice.activity),
        process_of(slice.device), lane > 0 ? kLanes + lane : thread_of(slice.activity),
        microseconds(slice.start), microseconds(slice.end - slice.start), slice.micro_batch,
        slice.stage, trains ? fmt::format(", \"weights\": {}", slice.version) : "");
  }

  void count_in_flight(DeviceId device, const std::vector<const Slice*>& slices) {
    std::map<Duration, int> changes;
    for (const Stay& stay : find_stays(slices)) {
      ++changes[stay.begin];
      --changes[stay.end];
    }
    int in_flight = 0;
    for (const auto& [time, change] : changes) {
      in_flight += change;
      begin_event();
      fmt::format_to(std::back_inserter(events_),
                     R"({{"ph": "C", "name": "in flight", "pid": {}, "ts": {}, )"
                     R"("args": {{"micro-batches": {}}}}})",
                     process_of(device), microseconds(time), in_flight);
    }
  }

  std::string events_;
};

}  // namespace

std::string to_chrome_trace(const model::Problem& problem, const Timeline& timeline) {
  return Writer().write(problem, timeline);
}

}  // namespace cleave::simulate
