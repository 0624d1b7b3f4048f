#include "cleave/runtime/session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <onnxruntime/onnxruntime_cxx_api.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "runtime/element_types.h"

namespace cleave::runtime {
namespace {

using base::Error;
using base::ErrorCode;

// ONNX Runtime's sentences may have several lines and say where in its sources they arose.
std::string first_line(const Ort::Exception& exception) {
  const std::string text = exception.what();
  return text.substr(0, text.find('\n'));
}

// One environment serves all sessions of a process; it holds their log and must outlive them.
const Ort::Env& environment() {
  static const Ort::Env kEnvironment(ORT_LOGGING_LEVEL_ERROR, "cleave");
  return kEnvironment;
}

Ort::SessionOptions to_onnxruntime(const SessionOptions& options) {
  Ort::SessionOptions out;
  out.SetIntraOpNumThreads(options.threads);
  out.SetInterOpNumThreads(1);
  out.SetExecutionMode(ORT_SEQUENTIAL);
  out.SetGraphOptimizationLevel(options.optimize ? ORT_ENABLE_ALL : ORT_DISABLE_ALL);
  if (!options.profile_prefix.empty()) out.EnableProfiling(options.profile_prefix.c_str());
  return out;
}

base::Result<Port> to_port(std::string name, const Ort::TypeInfo& info, std::string_view role) {
  if (info.GetONNXType() != ONNX_TYPE_TENSOR) {
    return base::bad_input(
        fmt::format("{} '{}' is a sequence, a map or an optional value; only tensors can be passed",
                    role, name));
  }
  const auto tensor = info.GetTensorTypeAndShapeInfo();
  const auto type = from_onnxruntime(tensor.GetElementType());
  if (!type) {
    return base::bad_input(
        fmt::format("{} '{}' has elements that cannot be passed, such as text", role, name));
  }
  return Port{std::move(name), *type, tensor.GetShape()};
}

bool fits(std::span<const std::int64_t> shape, std::span<const std::int64_t> declared) {
  return std::equal(shape.begin(), shape.end(), declared.begin(), declared.end(),
                    [](std::int64_t size, std::int64_t wanted) {
                      return size >= 0 && (wanted < 0 || size == wanted);
                    });
}

base::Status check(const Tensor& tensor, const Port& port) {
  if (tensor.type != port.type) {
    return base::bad_input(fmt::format("input '{}' is of {}, but the model reads {}", port.name,
                                       to_string(tensor.type), to_string(port.type)));
  }
  if (!fits(tensor.shape, port.shape)) {
    return base::bad_input(fmt::format("input '{}' has the shape [{}], but the model reads [{}]",
                                       port.name, fmt::join(tensor.shape, ", "),
                                       fmt::join(port.shape, ", ")));
  }
  if (tensor.data.size() != size_of(tensor.type, tensor.shape)) {
    return base::bad_input(fmt::format("input '{}' has {} bytes, but its shape asks for {}",
                                       port.name, tensor.data.size(),
                                       size_of(tensor.type, tensor.shape)));
  }
  return std::monostate{};
}

Tensor to_tensor(const Port& port, const Ort::Value& value) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  Tensor tensor{port.name, port.type, info.GetShape(), {}};
  const auto* data = static_cast<const std::byte*>(value.GetTensorRawData());
  tensor.data.assign(data, data + size_of(tensor.type, tensor.shape));
  return tensor;
}

std::vector<const char*> names_of(const std::vector<Port>& ports) {
  std::vector<const char*> names;
  for (const Port& port : ports) names.push_back(port.name.c_str());
  return names;
}

}  // namespace

struct Session::State {
  std::string place;
  Ort::Session session;
  std::vector<Port> inputs{};
  std::vector<Port> outputs{};

  [[nodiscard]] base::Status find_ports();
  [[nodiscard]] base::Result<std::vector<Ort::Value>> bind(std::span<const Tensor> tensors) const;
};

base::Status Session::State::find_ports() {
  const Ort::AllocatorWithDefaultOptions allocator;
  for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
    auto port = to_port(session.GetInputNameAllocated(i, allocator).get(),
                        session.GetInputTypeInfo(i), "input");
    if (!port) return port.error();
    inputs.push_back(std::move(port).value());
  }
  for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
    auto port = to_port(session.GetOutputNameAllocated(i, allocator).get(),
                        session.GetOutputTypeInfo(i), "output");
    if (!port) return port.error();
    outputs.push_back(std::move(port).value());
  }
  return std::monostate{};
}

base::Result<std::vector<Ort::Value>> Session::State::bind(std::span<const Tensor> tensors) const {
  static const auto kMemory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
  std::vector<Ort::Value> values;
  for (const Port& port : inputs) {
    const auto tensor = std::find_if(tensors.begin(), tensors.end(),
                                     [&](const Tensor& t) { return t.name == port.name; });
    if (tensor == tensors.end()) {
      return base::bad_input(fmt::format("input '{}' is not given", port.name));
    }
    if (auto checked = check(*tensor, port); !checked) return checked.error();
    // ONNX Runtime takes inputs as not const, but only reads them.
    auto* data = const_cast<std::byte*>(tensor->data.data());
    values.push_back(Ort::Value::CreateTensor(kMemory, data, tensor->data.size(),
                                              tensor->shape.data(), tensor->shape.size(),
                                              *runtime::to_onnxruntime(tensor->type)));
  }
  for (const Tensor& tensor : tensors) {
    if (std::none_of(inputs.begin(), inputs.end(),
                     [&](const Port& port) { return port.name == tensor.name; })) {
      return base::bad_input(fmt::format("the model has no input '{}'", tensor.name));
    }
  }
  return values;
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const std::vector<Port>& Session::inputs() const { return state_->inputs; }
const std::vector<Port>& Session::outputs() const { return state_->outputs; }

base::Result<Session> Session::open(const std::filesystem::path& model,
                                    const SessionOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(model, error)) {
    return Error{ErrorCode::not_found, "there is no such file", model.string()};
  }
  try {
    auto state = std::make_unique<State>(
        State{model.string(), Ort::Session(environment(), model.c_str(), to_onnxruntime(options))});
    if (auto found = state->find_ports(); !found) {
      return Error{found.error().code, found.error().message, model.string()};
    }
    return Session(std::move(state));
  } catch (const Ort::Exception& exception) {
    return base::bad_input(
        fmt::format("ONNX Runtime does not take this model: {}", first_line(exception)),
        model.string());
  }
}

base::Result<std::vector<Tensor>> Session::run(std::span<const Tensor> tensors) {
  try {
    auto values = state_->bind(tensors);
    if (!values) return Error{values.error().code, values.error().message, state_->place};
    const auto inputs = names_of(state_->inputs);
    const auto outputs = names_of(state_->outputs);
    const auto results = state_->session.Run(Ort::RunOptions{}, inputs.data(), values->data(),
                                             inputs.size(), outputs.data(), outputs.size());
    std::vector<Tensor> out;
    for (std::size_t i = 0; i < results.size(); ++i) {
      out.push_back(to_tensor(state_->outputs[i], results[i]));
    }
    return out;
  } catch (const Ort::Exception& exception) {
    return Error{ErrorCode::internal,
                 fmt::format("ONNX Runtime fails at this model: {}", first_line(exception)),
                 state_->place};
  }
}

base::Result<std::filesystem::path> Session::end_profiling() {
  try {
    const Ort::AllocatorWithDefaultOptions allocator;
    return std::filesystem::path(state_->session.EndProfilingAllocated(allocator).get());
  } catch (const Ort::Exception& exception) {
    return Error{ErrorCode::internal,
                 fmt::format("ONNX Runtime does not end its profile: {}", first_line(exception)),
                 state_->place};
  }
}

std::string runtime_version() { return "ONNX Runtime " + Ort::GetVersionString(); }

}  // namespace cleave::runtime
