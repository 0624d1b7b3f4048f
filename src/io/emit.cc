#include "cleave/io/emit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "io/json_writer.h"

namespace cleave::io {
namespace {

using base::DeviceId;
using base::Duration;
using base::OperatorId;
using model::Plan;
using model::Problem;

constexpr std::array<std::string_view, 6> kLayerWords{"layers", "layer", "blocks",
                                                      "block",  "blk",   "h"};

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string> components_of(std::string_view id) {
  std::vector<std::string> components(1);
  for (const char c : id) {
    if (c == '/' || c == '.') {
      components.emplace_back();
    } else {
      components.back() += c;
    }
  }
  std::erase(components, "");
  return components;
}

bool is_layer_word(std::string_view word) {
  return std::find(kLayerWords.begin(), kLayerWords.end(), word) != kLayerWords.end();
}

// Time on each device, by whatever the operators are sorted into.
using Shares = std::map<DeviceId, Duration>;

Duration time_of(const Problem& problem, const Plan& plan, OperatorId op) {
  return *problem.time(op, problem.machine().class_of(plan.placement[op.index()]));
}

// Of several devices, the one that does most of the work.
DeviceId main_device(const Shares& shares) {
  return std::max_element(shares.begin(), shares.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

struct Layers {
  std::vector<DeviceId> devices;  // [layers]
  std::vector<int> torn;          // layers that are on several devices
};

// Which device has each of the model's repeated layers.
base::Result<Layers> find_layers(const Problem& problem, const Plan& plan,
                                 std::string_view program) {
  std::map<int, Shares> shares;
  for (std::size_t v = 0; v < plan.placement.size(); ++v) {
    const OperatorId op(v);
    if (const auto layer = layer_of(problem.graph().id(op))) {
      shares[*layer][plan.placement[v]] += time_of(problem, plan, op);
    }
  }
  Layers layers;
  for (const auto& [layer, devices] : shares) {
    if (layer != static_cast<int>(layers.devices.size())) break;
    if (devices.size() > 1) layers.torn.push_back(layer);
    layers.devices.push_back(main_device(devices));
  }
  if (!layers.devices.empty() && layers.devices.size() == shares.size()) return layers;
  return base::bad_input(fmt::format(
      "{} places whole layers, and the names of this model's operators do not number its layers "
      "from 0 (as in layers.0)",
      program));
}

std::string describe_torn(const Layers& layers) {
  if (layers.torn.empty()) return "";
  return fmt::format(
      "# layers on more than one device in the plan, here with the one that does "
      "most of their work: {}\n",
      fmt::join(layers.torn, ", "));
}

bool is_host(const Problem& problem, DeviceId device) {
  const model::Machine& machine = problem.machine();
  return !machine.device_class(machine.class_of(device)).pays_transfers;
}

// [devices]: the number among those that pay for transfers; those that do not have none.
std::vector<std::optional<int>> number_accelerators(const Problem& problem) {
  std::vector<std::optional<int>> numbers(problem.machine().num_devices());
  int next = 0;
  for (std::size_t d = 0; d < numbers.size(); ++d) {
    if (!is_host(problem, DeviceId(d))) numbers[d] = next++;
  }
  return numbers;
}

base::Result<std::string> emit_vllm(const Problem& problem, const Plan& plan) {
  const auto layers = find_layers(problem, plan, "vLLM");
  if (!layers) return layers.error();
  std::vector<int> counts;
  std::set<DeviceId> devices;
  std::size_t next = 0;
  for (const model::Stage& stage : plan.stages) {
    devices.insert(stage.device);
    int count = 0;
    for (; next < layers->devices.size() && layers->devices[next] == stage.device; ++next) ++count;
    counts.push_back(count);
  }
  if (next < layers->devices.size() || devices.size() < plan.stages.size()) {
    return base::bad_input(
        "vLLM gives each device one run of layers, and in this plan a device has several");
  }
  return fmt::format("{}VLLM_PP_LAYER_PARTITION={}\n", describe_torn(*layers),
                     fmt::join(counts, ","));
}

base::Result<std::string> emit_llama(const Problem& problem, const Plan& plan) {
  const auto layers = find_layers(problem, plan, "llama.cpp");
  if (!layers) return layers.error();
  const auto numbers = number_accelerators(problem);
  std::map<DeviceId, std::vector<int>> layers_on;
  for (std::size_t l = 0; l < layers->devices.size(); ++l) {
    layers_on[layers->devices[l]].push_back(static_cast<int>(l));
  }
  std::vector<std::size_t> shares;
  std::vector<std::string> rules;
  for (std::size_t d = 0; d < numbers.size(); ++d) {
    const std::vector<int>& own = layers_on[DeviceId(d)];
    if (numbers[d]) shares.push_back(own.size());
    if (own.empty()) continue;
    rules.push_back(fmt::format("blk\\.({})\\.={}", fmt::join(own, "|"),
                                numbers[d] ? fmt::format("CUDA{}", *numbers[d]) : "CPU"));
  }
  const bool any = std::any_of(shares.begin(), shares.end(), [](std::size_t n) { return n > 0; });
  std::string text = describe_torn(*layers);
  if (any) text += fmt::format("-ngl 999 -sm layer -ts {}\n", fmt::join(shares, ","));
  return text + fmt::format("-ot \"{}\"\n", fmt::join(rules, ","));
}

base::Result<std::string> emit_openvino(const Problem& problem, const Plan& plan) {
  const auto numbers = number_accelerators(problem);
  JsonWriter out;
  out.begin_object();
  for (std::size_t v = 0; v < plan.placement.size(); ++v) {
    const auto number = numbers[plan.placement[v].index()];
    out.key(problem.graph().id(OperatorId(v)))
        .string(number ? fmt::format("GPU.{}", *number) : "CPU");
  }
  out.end();
  return std::move(out).take();
}

// A module and those in it.
struct Module {
  std::map<std::string, Module> parts;
  Shares shares;  // of the operators that are in no part
};

// The devices of all modules without parts.
void collect_devices(const Module& module, std::set<DeviceId>& devices) {
  if (module.parts.empty()) devices.insert(main_device(module.shares));
  for (const auto& [name, part] : module.parts) collect_devices(part, devices);
}

// One entry for each largest module that is on one device.
void write_modules(const Module& module, const std::string& path,
                   const std::vector<std::optional<int>>& numbers, JsonWriter& out) {
  std::set<DeviceId> devices;
  collect_devices(module, devices);
  if (devices.size() > 1 || path.empty()) {
    for (const auto& [name, part] : module.parts) {
      write_modules(part, path.empty() ? name : fmt::format("{}.{}", path, name), numbers, out);
    }
    return;
  }
  const auto number = numbers[devices.begin()->index()];
  out.key(path);
  if (number) {
    out.whole(*number);
  } else {
    out.string("cpu");
  }
}

base::Result<std::string> emit_device_map(const Problem& problem, const Plan& plan) {
  Module root;
  for (std::size_t v = 0; v < plan.placement.size(); ++v) {
    const OperatorId op(v);
    Module* module = &root;
    for (const std::string& name : modules_of(problem.graph().id(op))) {
      module = &module->parts[name];
    }
    module->shares[plan.placement[v]] += time_of(problem, plan, op);
  }
  if (root.parts.empty()) {
    return base::bad_input(
        "accelerate places modules, and the names of this model's operators have none in them (as "
        "in /model/layers.0/mlp/MatMul)");
  }
  JsonWriter out;
  out.begin_object();
  write_modules(root, "", number_accelerators(problem), out);
  out.end();
  return std::move(out).take();
}

constexpr std::array kEmitters{
    Emitter{"device_map", "device_map.json", "modules and their devices, for accelerate",
            emit_device_map},
    Emitter{"vllm", "vllm.env", "VLLM_PP_LAYER_PARTITION", emit_vllm},
    Emitter{"llama", "llama.args", "-ts and -ot of llama.cpp", emit_llama},
    Emitter{"openvino", "openvino.json", "operators and their affinities, for OpenVINO's HETERO",
            emit_openvino},
};

}  // namespace

std::span<const Emitter> emitters() { return kEmitters; }

std::vector<std::string> modules_of(std::string_view id) {
  std::vector<std::string> modules = components_of(id);
  if (!modules.empty()) modules.pop_back();  // the operator itself
  return modules;
}

std::optional<int> layer_of(std::string_view id) {
  const std::vector<std::string> components = components_of(id);
  for (std::size_t i = 0; i < components.size(); ++i) {
    const std::string_view component = components[i];
    if (is_layer_word(component) && i + 1 < components.size()) {
      if (const auto number = parse_number(components[i + 1])) return number;
    }
    const std::size_t digits = component.find_first_of("0123456789");
    if (digits == std::string_view::npos || digits == 0) continue;
    std::string_view word = component.substr(0, digits);
    if (word.ends_with('_')) word.remove_suffix(1);
    if (!is_layer_word(word)) continue;
    if (const auto number = parse_number(component.substr(digits))) return number;
  }
  return std::nullopt;
}

}  // namespace cleave::io
