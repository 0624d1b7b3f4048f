#include "cleave/runtime/measure.h"

#include <fmt/format.h>
#include <onnxruntime/onnxruntime_cxx_api.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>

#include "cleave/runtime/scratch_folder.h"
#include "cleave/runtime/stage.h"

namespace cleave::runtime {
namespace {

using base::Duration;
using Json = nlohmann::json;

// Of one thread that computes alone, the time that it had its core, which leaves out what other
// programs took; of several, the wall clock.
Duration now(int threads) {
  timespec time{};
  clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// One device at work: its own thread and sessions. It runs models one after another, each on what
/// the caller and those before it give.
class Device {
 public:
  /// With `prefix`, it also runs the first model as the file has it, and ONNX Runtime's profile of
  /// that goes there if it is not empty.
  Device(std::span<const std::filesystem::path> models, std::span<const NamedShape> shapes,
         const MeasureOptions& options, std::vector<int> cores,
         std::optional<std::filesystem::path> prefix)
      : models_(models),
        shapes_(shapes),
        options_(options),
        cores_(std::move(cores)),
        prefix_(std::move(prefix)) {}

  /// Waits at `start` for the others, whether it fails or not.
  void run(std::barrier<>& start, std::atomic<bool>& failed) {
    auto prepared = prepare();
    if (!prepared) failed = true;
    start.arrive_and_wait();
    if (!failed) prepared = measure_rounds(failed);
    if (!prepared) error_ = prepared.error();
    if (error_) failed = true;
  }

  [[nodiscard]] const std::optional<base::Error>& error() const { return error_; }
  /// The median of the rounds [models].
  [[nodiscard]] const std::vector<Duration>& times() const { return times_; }
  [[nodiscard]] base::Result<std::filesystem::path> end_profiling() {
    return plain_->end_profiling();
  }

 private:
  base::Status prepare() {
    if (auto bound = bind_to_cores(cores_); !bound) return bound;
    if (prefix_) {
      auto plain = Session::open(models_.front(), {options_.threads, false, *prefix_});
      if (!plain) return plain.error();
      plain_ = std::move(plain).value();
    }
    std::map<std::string, Tensor> values;
    for (const auto& model : models_) {
      auto session = Session::open(model, {.threads = options_.threads});
      if (!session) return session.error();
      auto inputs = take_inputs(session->inputs(), values);
      if (!inputs) return inputs.error();
      auto outputs = session->run(*inputs);
      if (!outputs) return outputs.error();
      for (Tensor& output : *outputs) values.insert_or_assign(output.name, std::move(output));
      sessions_.push_back(std::move(session).value());
      inputs_.push_back(std::move(inputs).value());
    }
    return std::monostate{};
  }

  // Values for the ports: those that are there, and random ones for the caller's.
  base::Result<std::vector<Tensor>> take_inputs(std::span<const Port> ports,
                                                const std::map<std::string, Tensor>& values) const {
    std::vector<Tensor> inputs;
    std::vector<Port> missing;
    for (const Port& port : ports) {
      const auto found = values.find(port.name);
      if (found == values.end()) {
        missing.push_back(port);
      } else {
        inputs.push_back(found->second);
      }
    }
    auto random = random_tensors(missing, options_.seed, shapes_);
    if (!random) return random.error();
    std::move(random->begin(), random->end(), std::back_inserter(inputs));
    return inputs;
  }

  base::Status measure_rounds(const std::atomic<bool>& failed) {
    std::vector<std::vector<Duration>> times(sessions_.size());
    for (std::int64_t i = 0; i < options_.warmup + options_.rounds && !failed; ++i) {
      if (plain_) {
        if (auto ran = plain_->run(inputs_.front()); !ran) return ran.error();
      }
      for (std::size_t m = 0; m < sessions_.size(); ++m) {
        const Duration start = now(options_.threads);
        if (auto ran = sessions_[m].run(inputs_[m]); !ran) return ran.error();
        if (i >= options_.warmup) times[m].push_back(now(options_.threads) - start);
      }
    }
    for (auto& rounds : times) {
      if (rounds.empty()) return std::monostate{};  // another one has failed
      const auto middle = rounds.begin() + static_cast<std::ptrdiff_t>(rounds.size() / 2);
      std::nth_element(rounds.begin(), middle, rounds.end());
      times_.push_back(*middle);
    }
    return std::monostate{};
  }

  std::span<const std::filesystem::path> models_;
  std::span<const NamedShape> shapes_;
  const MeasureOptions& options_;
  std::vector<int> cores_;
  std::optional<std::filesystem::path> prefix_;
  std::optional<Session> plain_;
  std::vector<Session> sessions_;            // [models]
  std::vector<std::vector<Tensor>> inputs_;  // [models]
  std::vector<Duration> times_;
  std::optional<base::Error> error_;
};

// Lets all of them work at the same time. Of each model, the mean of the devices' times [models].
base::Result<std::vector<Duration>> run_together(std::span<Device> devices) {
  std::barrier start(static_cast<std::ptrdiff_t>(devices.size()));
  std::atomic<bool> failed = false;
  {
    std::vector<std::jthread> threads;
    for (Device& device : devices) {
      threads.emplace_back([&] { device.run(start, failed); });
    }
  }
  for (const Device& device : devices) {
    if (device.error()) return *device.error();
  }
  std::vector<Duration> means(devices.front().times().size());
  for (std::size_t m = 0; m < means.size(); ++m) {
    for (const Device& device : devices) means[m] += device.times()[m];
    means[m] /= static_cast<std::int64_t>(devices.size());
  }
  return means;
}

// The mean of the faster half: other programs make runs slower, never faster, and over many runs
// whole microseconds average out.
Duration fast_mean(std::vector<std::int64_t> microseconds) {
  const auto half = static_cast<std::ptrdiff_t>((microseconds.size() + 1) / 2);
  const auto middle = microseconds.begin() + half;
  std::partial_sort(microseconds.begin(), middle, microseconds.end());
  constexpr std::int64_t kPicoseconds = 1'000'000;
  return Duration(std::accumulate(microseconds.begin(), middle, std::int64_t{0}) * kPicoseconds /
                  half);
}

using Runs = std::map<std::string, std::map<std::int64_t, std::vector<std::int64_t>>>;

// Adds an event of ONNX Runtime's profile if it is an operator's run: by name and position.
void add_event(const Json& event, Runs& runs) {
  constexpr std::string_view kSuffix = "_kernel_time";
  if (event.value("cat", "") != "Node") return;
  std::string name = event.value("name", "");
  if (name.size() <= kSuffix.size() || !name.ends_with(kSuffix)) return;
  name.resize(name.size() - kSuffix.size());
  const std::string position = event.at("args").value("node_index", "0");
  runs[name][std::stoll(position)].push_back(event.at("dur").get<std::int64_t>());
}

base::Result<Runs> read_events(const std::filesystem::path& file) {
  try {
    std::ifstream in(file);
    const Json events = Json::parse(in);
    Runs runs;
    for (const Json& event : events) add_event(event, runs);
    return runs;
  } catch (const std::exception& exception) {
    return base::Error{base::ErrorCode::internal,
                       fmt::format("ONNX Runtime's profile cannot be read: {}", exception.what()),
                       file.string()};
  }
}

}  // namespace

base::Result<Measurement> measure(const std::filesystem::path& model,
                                  std::span<const NamedShape> inputs,
                                  const MeasureOptions& options) {
  auto scratch = ScratchFolder::create();
  if (!scratch) return scratch.error();
  std::vector<Device> devices;
  for (const auto& cores : options.devices) {
    const bool first = devices.empty();
    devices.emplace_back(std::span(&model, 1), inputs, options, cores,
                         first ? scratch->path() / "profile" : std::filesystem::path());
  }
  const auto whole = run_together(devices);
  if (!whole) return whole.error();
  Measurement measurement;
  measurement.whole = whole->front();
  const auto file = devices.front().end_profiling();
  if (!file) return file.error();
  auto runs = read_events(*file);
  if (!runs) return runs.error();
  for (auto& [name, positions] : *runs) {
    for (auto& [position, times] : positions) {
      // The first runs also set up memory.
      const auto skipped = std::min(static_cast<std::size_t>(options.warmup), times.size() - 1);
      times.erase(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(skipped));
      measurement.operators[name].push_back(fast_mean(std::move(times)));
    }
  }
  return measurement;
}

base::Result<std::vector<Duration>> measure_chain(std::span<const std::filesystem::path> models,
                                                  std::span<const NamedShape> inputs,
                                                  const MeasureOptions& options) {
  std::vector<Device> devices;
  for (const auto& cores : options.devices) {
    devices.emplace_back(models, inputs, options, cores, std::nullopt);
  }
  return run_together(devices);
}

std::string runtime_name() { return fmt::format("ONNX Runtime {}", Ort::GetVersionString()); }

}  // namespace cleave::runtime
