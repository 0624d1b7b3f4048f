#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "cleave/base/result.h"
#include "cleave/base/units.h"
#include "cleave/runtime/session.h"

/// How long a model and its operators take on this machine.
namespace cleave::runtime {

struct MeasureOptions {
  /// Processor cores of each device, all of which are kept busy with the model at the same time, as
  /// a pipeline would: they share caches and memory bandwidth. At least one device.
  std::vector<std::vector<int>> devices;
  int threads = 1;           ///< of each device
  std::int64_t rounds = 20;  ///< ≥ 1; each runs the model twice, as the file has it and optimised
  std::int64_t warmup = 3;   ///< ≥ 0, before them
  std::uint64_t seed = 1;    ///< of the inputs
};

struct Measurement {
  /// Of an operator as the file has it, fused with no other, on the first device: the mean of the
  /// faster half of its runs. By name as ONNX Runtime has it; operators of one name, in the order
  /// of the file. Those in bodies are among them, if they have names of their own.
  std::map<std::string, std::vector<base::Duration>> operators;
  /// Of the whole model with all optimisations: the median of the rounds, the mean over devices.
  /// With one thread a device, its processor time; with more, the wall clock.
  base::Duration whole{0};
};

/// Runs a model on random inputs. Errors: as Session, bind_to_cores() and random_tensors().
[[nodiscard]] base::Result<Measurement> measure(const std::filesystem::path& model,
                                                std::span<const NamedShape> inputs,
                                                const MeasureOptions& options);

/// Runs models one after another in every round, each on what the caller and those before it give,
/// by name: the files of a pipeline's stages, in its order. Of each, the time of Measurement::whole
/// [models]. Inputs are those that a first run found, so that only computing is timed. Errors: as
/// measure().
[[nodiscard]] base::Result<std::vector<base::Duration>> measure_chain(
    std::span<const std::filesystem::path> models, std::span<const NamedShape> inputs,
    const MeasureOptions& options);

/// "ONNX Runtime 1.30.0".
[[nodiscard]] std::string runtime_name();

}  // namespace cleave::runtime
