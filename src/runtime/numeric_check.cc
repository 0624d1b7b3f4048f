#include "cleave/runtime/numeric_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "cleave/base/random.h"

namespace cleave::runtime {
namespace {

namespace fs = std::filesystem;
using model::ElementType;
using model::Network;
using model::Pipeline;
using model::PipelineStage;
using model::PipelineTensor;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// By name, the number of rows that a Gather may read with the value as indices: the fewest.
std::map<std::string, std::int64_t> find_index_limits(const Network& network) {
  std::map<std::string, std::int64_t> limits;
  for (const model::NetworkOperator& op : network.operators) {
    if (op.type != "Gather" || op.inputs.size() < 2 || !op.inputs[0].valid()) continue;
    const auto& shape = network.values[op.inputs[0].index()].shape;
    const auto given = op.integers.find("axis");
    const std::int64_t axis = given == op.integers.end() ? 0 : given->second[0];
    const auto rank = static_cast<std::int64_t>(shape.size());
    const std::int64_t at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at >= rank || !op.inputs[1].valid()) continue;
    const std::int64_t rows = shape[static_cast<std::size_t>(at)];
    const auto [known, fresh] = limits.try_emplace(network.values[op.inputs[1].index()].name, rows);
    if (!fresh) known->second = std::min(known->second, rows);
  }
  return limits;
}

template <class T>
void fill_below(Tensor& tensor, std::int64_t limit, std::uint64_t seed) {
  base::Random random(seed);
  const auto most =
      static_cast<std::uint64_t>(std::min<std::int64_t>(limit, std::numeric_limits<T>::max()));
  for (std::size_t at = 0; at + sizeof(T) <= tensor.data.size(); at += sizeof(T)) {
    const T index = static_cast<T>(random.below(most));
    std::memcpy(&tensor.data[at], &index, sizeof(T));
  }
}

float from_float16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const auto mantissa = static_cast<float>(bits & 0x3ff);
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 0x1f) {
    return mantissa == 0 ? sign * std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  }
  return exponent == 0 ? sign * std::ldexp(mantissa, -24)
                       : sign * std::ldexp(mantissa + 1024, exponent - 25);
}

float from_bfloat16(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

// The elements as numbers, or nothing where they are none.
template <class T>
std::vector<double> read_as(const std::vector<std::byte>& data, auto convert) {
  std::vector<double> numbers(data.size() / sizeof(T));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    T element;
    std::memcpy(&element, &data[i * sizeof(T)], sizeof(T));
    numbers[i] = static_cast<double>(convert(element));
  }
  return numbers;
}

std::optional<std::vector<double>> read_numbers(const Tensor& tensor) {
  const auto same = [](auto element) { return element; };
  switch (tensor.type) {
    using enum ElementType;
    case float64:
      return read_as<double>(tensor.data, same);
    case float32:
      return read_as<float>(tensor.data, same);
    case float16:
      return read_as<std::uint16_t>(tensor.data, from_float16);
    case bfloat16:
      return read_as<std::uint16_t>(tensor.data, from_bfloat16);
    case int64:
      return read_as<std::int64_t>(tensor.data, same);
    case int32:
      return read_as<std::int32_t>(tensor.data, same);
    case int16:
      return read_as<std::int16_t>(tensor.data, same);
    case int8:
      return read_as<std::int8_t>(tensor.data, same);
    case uint64:
      return read_as<std::uint64_t>(tensor.data, same);
    case uint32:
      return read_as<std::uint32_t>(tensor.data, same);
    case uint16:
      return read_as<std::uint16_t>(tensor.data, same);
    case uint8:
    case boolean:
      return read_as<std::uint8_t>(tensor.data, same);
    default:
      return std::nullopt;
  }
}

double difference_of(double expected, double actual) {
  if (std::isfinite(expected) && std::isfinite(actual)) return std::abs(expected - actual);
  const bool equal = expected == actual || (std::isnan(expected) && std::isnan(actual));
  return equal ? 0.0 : kInfinity;
}

std::vector<Port> ports_of(const std::vector<PipelineTensor>& tensors) {
  std::vector<Port> ports;
  for (const PipelineTensor& tensor : tensors) {
    ports.push_back({tensor.name, tensor.type, tensor.shape});
  }
  return ports;
}

// Tensors by name, each kept until the last stage that reads it.
class Store {
 public:
  Store(const Pipeline& pipeline, std::vector<Tensor> inputs) {
    for (std::size_t s = 0; s < pipeline.stages.size(); ++s) {
      for (const PipelineTensor& input : pipeline.stages[s].inputs) last_reader_[input.name] = s;
    }
    for (const PipelineTensor& output : pipeline.outputs) {
      last_reader_[output.name] = pipeline.stages.size();
    }
    add(std::move(inputs));
  }

  void add(std::vector<Tensor> tensors) {
    for (Tensor& tensor : tensors) {
      std::string name = tensor.name;
      if (last_reader_.contains(name)) tensors_.insert_or_assign(name, std::move(tensor));
    }
  }

  std::vector<Tensor> take(const std::vector<PipelineTensor>& wanted, std::size_t reader) {
    std::vector<Tensor> taken;
    for (const PipelineTensor& tensor : wanted) {
      const auto found = tensors_.find(tensor.name);
      if (found == tensors_.end()) continue;  // the session says that it is missing
      if (last_reader_.at(tensor.name) == reader) {
        taken.push_back(std::move(found->second));
        tensors_.erase(found);
      } else {
        taken.push_back(found->second);
      }
    }
    return taken;
  }

 private:
  std::unordered_map<std::string, std::size_t> last_reader_;
  std::unordered_map<std::string, Tensor> tensors_;
};

}  // namespace

base::Result<std::vector<Tensor>> sample_inputs(const Pipeline& pipeline, const Network& network,
                                                std::uint64_t seed) {
  auto inputs = random_tensors(ports_of(pipeline.inputs), seed);
  if (!inputs) return inputs;
  const auto limits = find_index_limits(network);
  for (Tensor& tensor : *inputs) {
    const auto limit = limits.find(tensor.name);
    if (limit == limits.end() || limit->second < 1) continue;
    if (tensor.type == ElementType::int64) fill_below<std::int64_t>(tensor, limit->second, seed);
    if (tensor.type == ElementType::int32) fill_below<std::int32_t>(tensor, limit->second, seed);
  }
  return inputs;
}

Difference compare(const Tensor& expected, const Tensor& actual) {
  if (expected.type != actual.type || expected.shape != actual.shape) return {kInfinity, kInfinity};
  if (expected.data == actual.data) return {};
  const auto a = read_numbers(expected);
  const auto b = read_numbers(actual);
  if (!a || !b) return {kInfinity, kInfinity};
  double largest = 0;
  double magnitude = 0;
  for (std::size_t i = 0; i < a->size(); ++i) {
    largest = std::max(largest, difference_of((*a)[i], (*b)[i]));
    if (std::isfinite((*a)[i])) magnitude = std::max(magnitude, std::abs((*a)[i]));
  }
  if (largest == 0) return {};
  return {largest, magnitude == 0 ? kInfinity : largest / magnitude};
}

base::Result<std::vector<Tensor>> run_stages(const fs::path& folder, const Pipeline& pipeline,
                                             std::vector<Tensor> inputs,
                                             const SessionOptions& options) {
  Store store(pipeline, std::move(inputs));
  for (std::size_t s = 0; s < pipeline.stages.size(); ++s) {
    const PipelineStage& stage = pipeline.stages[s];
    auto session = Session::open(folder / stage.file, options);
    if (!session) return session.error();
    auto outputs = session->run(store.take(stage.inputs, s));
    if (!outputs) {
      return base::Error{outputs.error().code, outputs.error().message,
                         (folder / stage.file).string()};
    }
    store.add(std::move(outputs).value());
  }
  return store.take(pipeline.outputs, pipeline.stages.size());
}

base::Result<model::NumericCheck> check_stages(const fs::path& original, const Network& network,
                                               const fs::path& folder, const Pipeline& pipeline,
                                               std::uint64_t seed, double tolerance) {
  SessionOptions options;
  options.optimize = false;
  auto inputs = sample_inputs(pipeline, network, seed);
  if (!inputs) return inputs.error();
  auto expected = [&]() -> base::Result<std::vector<Tensor>> {
    auto session = Session::open(original, options);
    if (!session) return session.error();
    return session->run(*inputs);
  }();
  if (!expected) return expected.error();
  const auto actual = run_stages(folder, pipeline, std::move(inputs).value(), options);
  if (!actual) return actual.error();

  model::NumericCheck check{runtime_version(), seed, 0.0, 0.0, tolerance};
  for (const Tensor& tensor : *expected) {
    const auto same = std::find_if(actual->begin(), actual->end(),
                                   [&](const Tensor& t) { return t.name == tensor.name; });
    const Difference difference =
        same == actual->end() ? Difference{kInfinity, kInfinity} : compare(tensor, *same);
    if (!(difference.relative <= tolerance)) {
      return base::Error{
          base::ErrorCode::internal,
          fmt::format("the stages compute another output '{}' than the model: it differs by {:.3g} "
                      "of its largest element, more than {:.3g}",
                      tensor.name, difference.relative, tolerance),
          original.string()};
    }
    check.max_absolute_error = std::max(check.max_absolute_error, difference.absolute);
    check.max_relative_error = std::max(check.max_relative_error, difference.relative);
  }
  return check;
}

}  // namespace cleave::runtime
