#include "cleave/runtime/measure.h"

#include <fmt/format.h>
#include <onnxruntime/onnxruntime_cxx_api.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

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

/// A folder of its own for ONNX Runtime's profile; gone with the object.
class Scratch {
 public:
  [[nodiscard]] static base::Result<Scratch> create() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "cleave-XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr) {
      return base::Error{base::ErrorCode::internal, "no temporary folder can be made", name};
    }
    return Scratch(name);
  }
  explicit Scratch(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Scratch(Scratch&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

/// One device at work: its own thread and sessions.
class Device {
 public:
  Device(const std::filesystem::path& model, std::span<const NamedShape> shapes,
         const MeasureOptions& options, std::vector<int> cores, std::filesystem::path profile)
      : model_(model),
        shapes_(shapes),
        options_(options),
        cores_(std::move(cores)),
        profile_(std::move(profile)) {}

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
  [[nodiscard]] Duration whole() const { return whole_; }
  [[nodiscard]] base::Result<std::filesystem::path> end_profiling() {
    return plain_->end_profiling();
  }

 private:
  base::Status prepare() {
    if (auto bound = bind_to_cores(cores_); !bound) return bound;
    auto plain = Session::open(model_, {options_.threads, false, profile_});
    if (!plain) return plain.error();
    auto optimized = Session::open(model_, {.threads = options_.threads});
    if (!optimized) return optimized.error();
    auto inputs = random_tensors(plain->inputs(), options_.seed, shapes_);
    if (!inputs) return inputs.error();
    plain_ = std::move(plain).value();
    optimized_ = std::move(optimized).value();
    inputs_ = std::move(inputs).value();
    return std::monostate{};
  }

  base::Status measure_rounds(const std::atomic<bool>& failed) {
    std::vector<Duration> times;
    for (std::int64_t i = 0; i < options_.warmup + options_.rounds && !failed; ++i) {
      if (auto ran = plain_->run(inputs_); !ran) return ran.error();
      const Duration start = now(options_.threads);
      if (auto ran = optimized_->run(inputs_); !ran) return ran.error();
      if (i >= options_.warmup) times.push_back(now(options_.threads) - start);
    }
    if (times.empty()) return std::monostate{};  // another one has failed
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    whole_ = *middle;
    return std::monostate{};
  }

  const std::filesystem::path& model_;
  std::span<const NamedShape> shapes_;
  const MeasureOptions& options_;
  std::vector<int> cores_;
  std::filesystem::path profile_;
  std::optional<Session> plain_, optimized_;
  std::vector<Tensor> inputs_;
  Duration whole_{0};
  std::optional<base::Error> error_;
};

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
  auto scratch = Scratch::create();
  if (!scratch) return scratch.error();
  std::vector<Device> devices;
  for (const auto& cores : options.devices) {
    const bool first = devices.empty();
    devices.emplace_back(model, inputs, options, cores,
                         first ? scratch->folder() / "profile" : std::filesystem::path());
  }
  std::barrier start(static_cast<std::ptrdiff_t>(devices.size()));
  std::atomic<bool> failed = false;
  {
    std::vector<std::jthread> threads;
    for (Device& device : devices) {
      threads.emplace_back([&] { device.run(start, failed); });
    }
  }
  Measurement measurement;
  for (const Device& device : devices) {
    if (device.error()) return *device.error();
    measurement.whole += device.whole() / static_cast<std::int64_t>(devices.size());
  }
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

std::string runtime_name() { return fmt::format("ONNX Runtime {}", Ort::GetVersionString()); }

}  // namespace cleave::runtime
